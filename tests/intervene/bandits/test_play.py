"""Bandits in known worlds: regret, warm starts, late rewards, drift, and logs that can judge other policies."""

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, InputError
from dorec.domain.run import RunContext
from dorec.evaluate import IPS
from dorec.explain.figures import draw as drawn
from dorec.intervene.bandits import (
    EpsilonGreedy,
    LinearThompson,
    LinUCB,
    LogisticThompson,
    RewardModel,
    play,
    regret_curve,
    regret_figure,
)
from dorec.simulate import LoggedBandit


def world(seed, n_actions=5):
    shape = LoggedBandit(n=10, n_actions=n_actions, seed=seed)
    return RewardModel(draw_contexts=lambda m, rng: rng.normal(size=(m, 3)), mean_reward=shape.expected_reward)


def plays(bandit, n_rounds=1_500, seeds=range(4), **settings):
    return [
        play(bandit.start(5, 3), world(seed), n_rounds, batch=25, context=RunContext(seed=seed), **settings)
        for seed in seeds
    ]


UNIFORM = plays(EpsilonGreedy(epsilon=1.0))
GREEDY = plays(EpsilonGreedy())


@pytest.mark.parametrize("bandit", [LinUCB(), LinearThompson(), LogisticThompson()], ids=lambda b: type(b).__name__)
def test_regret_grows_ever_slower_and_stays_below_uniform(bandit):
    runs = plays(bandit)
    curve = regret_curve(runs, [500, 1_500])
    assert curve.value[1] < 0.25 * regret_curve(UNIFORM, [1_500]).value[0]
    late, early = curve.value[1] - curve.value[0], curve.value[0]
    assert late / 1_000 < 0.7 * early / 500
    assert curve.value[1] < regret_curve(GREEDY, [1_500]).value[0]


def test_uniform_regret_grows_evenly():
    curve = regret_curve(UNIFORM, [500, 1_500])
    assert curve.value[1] / curve.value[0] == pytest.approx(3.0, rel=0.1)


def test_a_log_lowers_the_regret_of_the_first_rounds():
    cold, warm = [], []
    for seed in range(6):
        log = LoggedBandit(n=600, seed=seed).feedback()
        for found, state in ((cold, LinUCB().start(5, 3)), (warm, LinUCB().start(5, 3).warm_start(log))):
            found.append(play(state, world(seed), 200, batch=10, context=RunContext(seed=seed)))
    gained = regret_curve(cold, [200]).value[0] - regret_curve(warm, [200]).value[0]
    assert gained > 0.4 * regret_curve(cold, [200]).value[0]


def test_late_rewards_cost_a_little():
    at_once, late = regret_curve(plays(LinUCB()), [1_500]), regret_curve(plays(LinUCB(), mean_delay=4.0), [1_500])
    assert late.value[0] < 0.35 * regret_curve(UNIFORM, [1_500]).value[0]
    assert late.value[0] > at_once.value[0] - 3 * at_once.std_error[0]


def test_forgetting_follows_a_world_that_turned():
    before = world(0)
    after = RewardModel(draw_contexts=before.draw_contexts, mean_reward=lambda x: before.mean_reward(-x))
    missed = {}
    for discount in (1.0, 0.99):
        state = LinearThompson(discount=discount).start(5, 3)
        state = play(state, before, 1_500, batch=25).state
        missed[discount] = play(state, after, 1_000, batch=25, context=RunContext(seed=1)).cumulative_regret[-1]
    assert missed[0.99] < 0.7 * missed[1.0]


def test_features_of_actions_are_learned_across_actions():
    """Fifty actions, one coefficient vector: shared regressions need far fewer rounds."""
    items = np.random.default_rng(0).normal(size=(50, 3))
    truth = np.random.default_rng(1).normal(size=3)

    def draw(m, rng):
        return items * rng.normal(size=(m, 1, 3))

    shared = RewardModel(draw_contexts=draw, mean_reward=lambda x: x @ truth, noise=0.5)
    for bandit in (LinUCB(shared=True), LinearThompson(shared=True)):
        run = play(bandit.start(50, 3), shared, 400, batch=10)
        uniform = play(EpsilonGreedy(epsilon=1.0, shared=True).start(50, 3), shared, 400, batch=10)
        assert run.cumulative_regret[-1] < 0.2 * uniform.cumulative_regret[-1]
        assert run.feedback.context.shape == (400, 150)


@pytest.mark.parametrize("bandit", [LinUCB(), LinearThompson(), LogisticThompson()], ids=lambda b: type(b).__name__)
def test_the_log_judges_other_policies(bandit):
    """The mean weight is 1 and IPS gives the value of the uniform policy, over independent plays."""
    weights, errors = [], []
    x = np.random.default_rng(0).normal(size=(200_000, 3))
    for seed in range(20):
        log = play(bandit.start(5, 3), world(1), 300, batch=25, context=RunContext(seed=seed)).feedback
        uniform = np.full((300, 5), 0.2)
        weights.append((0.2 / log.propensity).mean())
        errors.append(IPS().evaluate(log, uniform).value - world(1).expected_reward(x).mean())
    for values, wanted in ((weights, 1.0), (errors, 0.0)):
        assert abs(np.mean(values) - wanted) < 3.5 * np.std(values) / np.sqrt(20)


def test_a_seed_repeats_a_play_and_bandits_meet_the_same_contexts():
    a, b = (play(LinearThompson().start(5, 3), world(0), 100, batch=7) for _ in range(2))
    np.testing.assert_array_equal(a.feedback.propensity, b.feedback.propensity)
    other = play(EpsilonGreedy().start(5, 3), world(0), 100, batch=7)
    np.testing.assert_array_equal(a.feedback.context, other.feedback.context)


def test_the_curve_can_be_drawn():
    figure = regret_figure({"uniform": UNIFORM, "epsilon-greedy": GREEDY})
    line = figure.data["lines"][1]
    assert line["lower"][-1] < line["y"][-1] < line["upper"][-1]
    assert "epsilon-greedy" in drawn(figure)


def test_what_cannot_be_played_is_refused():
    state = LinUCB().start(5, 3)
    for settings in ({"n_rounds": 1}, {"batch": 0}, {"mean_delay": -1.0}, {"mean_delay": float("nan")}):
        with pytest.raises(ConfigError):
            play(state, world(0), **({"n_rounds": 10} | settings))
    with pytest.raises(InputError, match="expected_reward"):
        play(LinUCB().start(4, 3), world(0), 10)
    with pytest.raises(InputError, match="2 or more"):
        regret_curve(UNIFORM[:1])
    with pytest.raises(InputError, match="one length"):
        regret_curve([UNIFORM[0], play(state, world(0), 10)])
    with pytest.raises(InputError, match="rounds are"):
        regret_curve(UNIFORM, [0, 10])
    for rounds in ([], [1.5], ["a"]):
        with pytest.raises(InputError, match="rounds"):
            regret_curve(UNIFORM, rounds)
    for settings in ({"n_rounds": 2.5}, {"batch": 1.5}, {"mean_delay": float("inf")}, {"mean_delay": "a"}):
        with pytest.raises(ConfigError):
            play(state, world(0), **({"n_rounds": 10} | settings))
    sure = RewardModel(
        draw_contexts=lambda m, rng: rng.normal(size=(m, 3)), mean_reward=lambda x: np.full((len(x), 5), 7.0)
    )
    with pytest.raises(InputError, match="from 0 to 1"):
        play(state, sure, 10)


def test_a_played_state_goes_on_with_late_rewards():
    """A second play numbers its decisions after the first, so that a discount does not throw them away."""
    coins = RewardModel(
        draw_contexts=lambda m, rng: np.empty((m, 0)), mean_reward=lambda x: np.tile([0.1, 0.9], (len(x), 1))
    )
    turned = RewardModel(
        draw_contexts=lambda m, rng: np.empty((m, 0)), mean_reward=lambda x: np.tile([0.9, 0.1], (len(x), 1))
    )
    first = play(LinUCB(discount=0.98, epsilon=0.2).start(2, 0), coins, 2_000, batch=50)
    then = play(first.state, turned, 600, batch=20, mean_delay=1.0)
    assert then.state.propensities(np.empty((1, 0)))[0, 0] == pytest.approx(0.9)
