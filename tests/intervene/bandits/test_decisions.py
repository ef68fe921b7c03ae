"""Draws, and rewards that come late."""

import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.intervene.bandits import EpsilonGreedy, LinUCB, PendingDecisions
from dorec.intervene.bandits.decisions import draw


def test_draws_have_the_frequencies_and_never_what_has_none():
    p = np.tile([0.0, 0.3, 0.0, 0.7, 0.0], (50_000, 1))
    made = draw(p, np.random.default_rng(0))
    counts = np.bincount(made.action, minlength=5) / 50_000
    np.testing.assert_allclose(counts, p[0], atol=0.01)
    assert counts[[0, 2, 4]].sum() == 0


def test_late_rewards_teach_what_early_ones_would():
    rng = np.random.default_rng(0)
    state = LinUCB(discount=0.9).start(3, 2)
    x = rng.normal(size=(30, 2))
    made = state.choose(x, rng)
    reward = rng.normal(size=30)
    at_once = state.learn(x, made.action, reward)
    pending, late = PendingDecisions().add([f"d{i}" for i in range(30)], x, made), state
    for part in np.array_split(rng.permutation(30), 6):
        pending, came = pending.arrive([f"d{i}" for i in part], reward[part])
        np.testing.assert_array_equal(came.propensity, made.propensity[part])
        late = late.learn(came.context, came.action, came.reward, at=came.at)
    assert pending.ids == ()
    np.testing.assert_allclose(late.belief.coefficients, at_once.belief.coefficients, rtol=1e-9)


def test_what_waits_is_known():
    state, x = EpsilonGreedy().start(2, 1), np.ones((3, 1))
    pending = PendingDecisions().add(np.array([7, 8, 9]), x, state.choose(x, 0))
    pending = pending.add(np.array([10, 11, 12]), x, state.choose(x, 1))
    assert pending.older_than(3) == (7, 8)
    pending, _ = pending.arrive([8, 10], [1.0, 0.0])
    assert pending.ids == (7, 9, 11, 12)
    assert pending.at.tolist() == [0, 2, 4, 5]
    same, none = pending.arrive([], [])
    assert same.ids == pending.ids
    assert len(none.reward) == 0


def test_wrong_ids_are_refused():
    state, x = EpsilonGreedy().start(2, 1), np.ones((2, 1))
    made = state.choose(x, 0)
    pending = PendingDecisions().add([1, 2], x, made)
    for ids in ([2, 3], [3, 3]):
        with pytest.raises(InputError, match="own"):
            pending.add(ids, x, made)
    with pytest.raises(InputError, match="don't fit"):
        pending.add([3], x, made)
    with pytest.raises(InputError, match="id 3 is not waiting"):
        pending.arrive([3], [1.0])
    with pytest.raises(InputError, match="twice"):
        pending.arrive([1, 1], [1.0, 1.0])
    with pytest.raises(InputError, match="one for each"):
        pending.arrive([1], [1.0, 1.0])
    once, _ = pending.arrive([1], [1.0])
    with pytest.raises(InputError, match="not waiting"):
        once.arrive([1], [1.0])
    with pytest.raises(InputError, match="not waiting"):
        PendingDecisions().arrive([1], [1.0])
