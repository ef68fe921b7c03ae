"""The neural-linear bandit: what it keeps, what it learns that a line can't, what it refuses."""

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, InputError, NotFinite
from dorec.domain.run import RunContext
from dorec.intervene.bandits import LinearThompson, PendingDecisions, RewardModel, from_arrays, play

pytest.importorskip("torch")
from dorec.intervene.neural.neural_linear import NeuralLinear

SMALL = NeuralLinear(hidden=(24,), retrain_every=300, epochs=15)


def bent(x):
    """Which of two actions pays depends on the distance from the middle: no line tells them apart."""
    return np.column_stack([np.full(len(x), 0.5), np.where(np.abs(x[:, 0]) > 0.7, 0.9, 0.1)])


WORLD = RewardModel(draw_contexts=lambda m, rng: rng.normal(size=(m, 1)), mean_reward=bent)


def rows(m, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, 2)), rng.integers(3, size=m), rng.normal(size=m)


def test_rewards_that_bend_are_learned():
    context = RunContext(seed=3)
    neural = play(SMALL.start(2, 1), WORLD, 1_200, batch=30, context=context)
    linear = play(LinearThompson().start(2, 1), WORLD, 1_200, batch=30, context=context)
    assert neural.state.belief.trainings == 4
    assert neural.regret[-600:].mean() < 0.4 * linear.regret[-600:].mean()
    assert neural.feedback.propensity.min() >= 0.01


def test_between_trainings_order_is_no_matter():
    context, action, reward = rows(200)
    batch = SMALL.start(3, 2).learn(context, action, reward)
    late, at = SMALL.start(3, 2), np.arange(200)
    for part in np.array_split(np.random.default_rng(1).permutation(200), 9):
        late = late.learn(context[part], action[part], reward[part], at=at[part])
    assert late.belief.fresh == 200
    np.testing.assert_allclose(late.belief.head.coefficients, batch.belief.head.coefficients, rtol=1e-8, atol=1e-10)


def test_training_repeats_and_changes_nothing_that_was_there():
    before = SMALL.start(3, 2).learn(*rows(299))
    layer = before.belief.layers[0][0].copy()
    more = rows(1, 5)
    one, other = before.learn(*more), before.learn(*more)
    np.testing.assert_array_equal(one.belief.layers[0][0], other.belief.layers[0][0])
    np.testing.assert_array_equal(before.belief.layers[0][0], layer)
    assert (one.belief.layers[0][0] != layer).any()
    assert (one.belief.trainings, one.belief.fresh) == (1, 0)


def test_kept_and_restored_it_goes_on_as_before():
    for state in (SMALL.start(3, 2), SMALL.start(3, 2).learn(*rows(450))):
        back = from_arrays(*state.to_arrays())
        x = rows(20, 7)[0]
        np.testing.assert_array_equal(back.propensities(x), state.propensities(x))
        more = rows(400, 8)
        np.testing.assert_allclose(
            back.learn(*more).propensities(x), state.learn(*more).propensities(x), rtol=1e-6, atol=1e-9
        )
    arrays, metadata = state.to_arrays()
    with pytest.raises(InputError, match="don't fit"):
        from_arrays({**arrays, "rows.at": arrays["rows.at"][:5]}, metadata)
    with pytest.raises(InputError, match="layer0"):
        from_arrays({**arrays, "layer0.weight": arrays["layer0.weight"][:2]}, metadata)


def test_only_the_latest_rows_are_kept():
    state = NeuralLinear(hidden=(4,), retrain_every=100, keep=150, epochs=1).start(3, 2)
    for seed in range(3):
        state = state.learn(*rows(100, seed))
    assert state.belief.kept == 150
    assert state.belief.head.count.sum() == 150


def test_late_rewards_and_shared_heads():
    bandit = NeuralLinear(hidden=(8,), retrain_every=40, epochs=2, shared=True)
    state, rng = bandit.start(5, 2), np.random.default_rng(0)
    x = rng.normal(size=(60, 5, 2))
    made = state.choose(x, rng)
    np.testing.assert_allclose(made.propensities.sum(axis=1), 1.0)
    pending, came = PendingDecisions().add(list(range(60)), x, made).arrive(list(range(0, 60, 2)), np.ones(30))
    state = state.learn(came.context, came.action, came.reward, at=came.at)
    pending, came = pending.arrive(list(range(1, 60, 2)), np.zeros(30))
    state = state.learn(came.context, came.action, came.reward, at=came.at)
    assert state.belief.trainings == 1
    assert state.choose(x, rng).propensity.min() > 0


def test_rewards_that_never_vary_are_learned():
    context, action, _ = rows(300)
    state = SMALL.start(3, 2).learn(context, action, np.full(300, 2.0))
    np.testing.assert_allclose(state.belief.head.mean(state.belief.features(context)), 2.0, atol=0.2)


@pytest.mark.parametrize(
    "settings", [{"hidden": ()}, {"hidden": (0,)}, {"retrain_every": 0}, {"keep": 0}, {"reg": 0.0}, {"epsilon": 2.0}]
)
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError):
        NeuralLinear(**settings)


def test_bad_rows_are_refused():
    state = SMALL.start(3, 2)
    with pytest.raises(NotFinite):
        state.learn([[np.nan, 0.0]], [0], [1.0])
    with pytest.raises(ConfigError):
        SMALL.start(1, 2)
