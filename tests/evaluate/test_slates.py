import itertools
from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import BadPropensity, ConfigError, InputError, NoSupport, NotFinite, Refusal, UnknownAction
from dorec.domain.slate_feedback import SlateFeedback
from dorec.evaluate import CascadeDR, IndependentIPS, PseudoInverse, RewardInteractionIPS, SlateIPS

K, PLACES = 3, 2
LOGGED = np.array([0.5, 0.3, 0.2])
TARGET = np.array([[0.2, 0.3, 0.5], [0.3, 0.4, 0.3]])  # by place
EFFECT = np.array([0.1, 0.4, 0.7])
EVERY = [SlateIPS(), IndependentIPS(), RewardInteractionIPS(), PseudoInverse(), CascadeDR()]


def reward(a, b, cascade):
    """Expected reward of each place; with `cascade`, the second depends on the first item too."""
    return EFFECT[a], EFFECT[b] * (1 + cascade * (a == 2))


def truth(cascade):
    return sum(
        TARGET[0, a] * TARGET[1, b] * sum(reward(a, b, cascade)) for a, b in itertools.product(range(K), repeat=2)
    )


def draw(seed, n=2_000, cascade=0.0):
    rng = np.random.default_rng(seed)
    action = rng.choice(K, p=LOGGED, size=(n, PLACES))
    expected = np.stack(reward(action[:, 0], action[:, 1], cascade), axis=1)
    return SlateFeedback(
        action=action,
        reward=expected + 0.3 * rng.normal(size=(n, PLACES)),
        propensity=LOGGED[action],
        n_actions=K,
        context=rng.normal(size=(n, 1)),
    )


def every(n=2_000):
    return np.tile(TARGET, (n, 1, 1))


@pytest.mark.parametrize(
    ("estimator", "cascade"),
    [(e, 0.0) for e in EVERY] + [(e, 1.0) for e in (SlateIPS(), RewardInteractionIPS(), CascadeDR())],
    ids=lambda v: type(v).__name__ if not isinstance(v, float) else f"cascade {v:g}",
)
def test_values_and_intervals_where_the_users_behave_as_assumed(estimator, cascade):
    made = [estimator.evaluate(draw(r, cascade=cascade), every()) for r in range(40)]
    error = np.array([e.value for e in made]) - truth(cascade)
    se = np.mean([e.std_error for e in made])
    assert abs(error.mean()) < 4 * se / np.sqrt(40)
    assert error.std() == pytest.approx(se, rel=0.35)
    covered = [e.interval().lower <= truth(cascade) <= e.interval().upper for e in made]
    assert np.mean(covered) >= 0.85


def test_places_weighted_alone_miss_what_an_earlier_place_did():
    made = IndependentIPS().evaluate(draw(0, n=50_000, cascade=1.0), every(50_000))
    # the second place keeps the boost that the logged first items gave it
    missed = TARGET[0] @ EFFECT + TARGET[1] @ EFFECT * (1 + LOGGED[2])
    assert made.value == pytest.approx(missed, abs=4 * made.std_error)
    assert made.interval().upper < truth(1.0)


def test_narrower_assumptions_make_narrower_intervals():
    log = draw(0)
    se = {type(e).__name__: e.evaluate(log, every()).std_error for e in EVERY}
    assert se["IndependentIPS"] < se["RewardInteractionIPS"] < se["SlateIPS"]
    assert se["CascadeDR"] < se["RewardInteractionIPS"]


def test_the_logged_policy_gets_its_mean_reward_and_logged_items_suffice():
    log = draw(1)
    for estimator in EVERY[:4]:
        assert estimator.evaluate(log, log.propensity).value == pytest.approx(log.reward.sum(axis=1).mean())
        chosen = np.take_along_axis(every(), log.action[..., None], axis=2)[..., 0]
        assert estimator.evaluate(log, chosen).value == estimator.evaluate(log, every()).value
    with pytest.raises(InputError, match="every item"):
        CascadeDR().evaluate(log, log.propensity)


def test_later_decisions_are_discounted():
    log = draw(2)
    far = replace(log, reward=log.reward * [1.0, 0.5])
    for make in (RewardInteractionIPS, CascadeDR):
        assert make(discount=0.5).evaluate(log, every()).value == pytest.approx(
            make().evaluate(far, every()).value, abs=2e-3
        )
        with pytest.raises(ConfigError, match="discount"):
            make(discount=0.0)


def test_intervals_of_users_with_many_slates():
    log = draw(3, n=400)
    alike = SlateFeedback(
        action=np.repeat(log.action, 5, axis=0),
        reward=np.repeat(log.reward, 5, axis=0),
        propensity=np.repeat(log.propensity, 5, axis=0),
        n_actions=K,
        cluster=np.repeat(np.arange(400), 5),
    )
    one, many = SlateIPS().evaluate(log, every(400)), SlateIPS().evaluate(alike, every(2_000))
    assert many.std_error == pytest.approx(one.std_error, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"propensity": np.zeros((2, 1))}, BadPropensity),
        ({"reward": np.array([[0.0], [np.nan]])}, NotFinite),
        ({"action": np.array([[0], [7]])}, UnknownAction),
        ({"context": np.array([[np.inf], [0.0]])}, NotFinite),
    ],
)
def test_bad_slates_are_refused(changes, refusal):
    fine = {"action": np.zeros((2, 1), int), "reward": np.ones((2, 1)), "propensity": np.ones((2, 1)), "n_actions": 2}
    with pytest.raises(refusal, match="row") as caught:
        SlateFeedback(**{**fine, **changes})
    assert caught.value.evidence["rows"]


def test_bad_policies_and_logs_without_support_are_refused():
    log = draw(4)
    with pytest.raises(InputError, match="shape"):
        SlateIPS().evaluate(log, np.ones((3, 2)))
    with pytest.raises(BadPropensity, match="row 0"):
        SlateIPS().evaluate(log, np.full((log.n, PLACES, K), 0.5))
    with pytest.raises(InputError, match="fit together"):
        SlateFeedback(action=np.zeros((2, 2), int), reward=np.ones((2, 1)), propensity=np.ones((2, 2)), n_actions=1)
    never = replace(log, action=np.zeros_like(log.action), propensity=np.ones_like(log.propensity))
    with pytest.raises(NoSupport, match="average"):
        SlateIPS().evaluate(never, every())
    with pytest.raises(Refusal, match="average"):
        IndependentIPS().evaluate(replace(log, propensity=log.propensity * 0.5), every())
