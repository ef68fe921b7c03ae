from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LinearRegression

from dorec.domain.errors import ConfigError, NotFinite, OneArm, TooFewUnits
from dorec.domain.protocols import Policy
from dorec.evaluate import SNIPS
from dorec.intervene import (
    POEM,
    REGISTRY,
    DRPolicy,
    PolicyTree,
    SoftmaxPolicy,
    TemperedSoftmax,
    dr_scores,
    make,
    net_of_costs,
)
from dorec.numeric.softmax_search import Slope, cautious_log_value, cautious_mean, maximise
from dorec.simulate.logged_bandit import LoggedBandit

LEARNERS = {
    "POEM": POEM(),
    "POEM, not normalised": POEM(self_normalised=False),
    "DRPolicy": DRPolicy(),
    "DRPolicy with another model": DRPolicy(reward_model=LinearRegression()),
    "PolicyTree": PolicyTree(),
    "TemperedSoftmax": TemperedSoftmax(),
}


def true_value(world, policy, n=40_000):
    x = np.random.default_rng(99).normal(size=(n, 3))
    return float((policy(x) * world.expected_reward(x)).sum(axis=1).mean())


@pytest.fixture(scope="module")
def world():
    return LoggedBandit(n=4_000, n_actions=4, seed=1)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learned_policy_is_worth_more_than_the_logged_one_and_chance(world, name):
    log = world.feedback()
    policy = LEARNERS[name].fit(log)
    assert isinstance(policy, Policy)
    made = policy.propensities(log.context)
    assert made.shape == (log.n, 4)
    assert made.sum(axis=1) == pytest.approx(1.0)
    value = true_value(world, policy.propensities)
    best = true_value(world, lambda x: np.eye(4)[world.expected_reward(x).argmax(axis=1)])
    logged = float(log.reward.mean())
    assert value > logged + 0.5 * (best - logged)


@pytest.mark.parametrize("name", LEARNERS)
def test_learning_is_the_same_each_time_and_ignores_the_units_of_context_and_reward(world, name):
    log = world.feedback().take(np.arange(800))
    a, b = (LEARNERS[name].fit(log).propensities(log.context) for _ in range(2))
    assert (a == b).all()
    moved = replace(log, context=log.context * 10 - 3, reward=log.reward * 7 + 2, sample="")
    other = LEARNERS[name].fit(moved).propensities(moved.context)
    assert np.abs(other - a).max() < 0.02


@pytest.mark.parametrize("name", LEARNERS)
def test_actions_never_logged_are_never_taken(world, name):
    log = replace(world.feedback(), n_actions=6, sample="")
    policy = replace(LEARNERS[name], epsilon=0.3).fit(log).propensities(log.context)
    assert not policy[:, 4:].any()
    assert policy[:, :4].min() >= 0.3 / 4 - 1e-12


@pytest.mark.parametrize("name", LEARNERS)
def test_one_logged_action_is_refused(world, name):
    log = world.feedback()
    with pytest.raises(OneArm):
        LEARNERS[name].fit(log.take(np.flatnonzero(log.action == 2)))


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("penalty", [0.0, 1.5])
def test_gradients_are_those_of_finite_differences(normalise, penalty):
    rng = np.random.default_rng(0)
    p, logged, reward = rng.uniform(0.1, 0.9, 12), rng.uniform(0.2, 0.9, 12), rng.normal(size=12)
    how = {"penalty": penalty, "clip": 2.0, "normalise": normalise}
    value, slope = cautious_log_value(p, logged, reward, **how)
    numeric = approx_fprime(p, lambda q: cautious_log_value(q, logged, reward, **how)[0], 1e-7)
    assert slope == pytest.approx(numeric, abs=1e-5)
    weights = np.minimum(p / logged, 2.0)
    terms = weights * reward
    plain = terms.mean() - penalty * terms.std(ddof=1) / np.sqrt(12)
    ratio = weights @ reward / weights.sum()
    error = np.sqrt(((weights * (reward - ratio)) ** 2).sum()) / weights.sum()
    assert value == pytest.approx(ratio - penalty * error if normalise else plain)


def test_the_search_finds_what_a_grid_finds():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(30, 2))
    x = np.column_stack([np.ones(30), rng.normal(size=30)])

    def objective(p):
        value, slope = cautious_mean((p * scores).sum(axis=1), 0.5)
        return Slope(value, slope[:, None] * scores)

    def value(theta, ridge=0.05):
        z = x @ theta
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return objective(p / p.sum(axis=1, keepdims=True)).value - ridge / 2 * (theta**2).sum()

    made = maximise(x, objective, [np.zeros((2, 2))], 0.05)
    grid = np.linspace(-4, 4, 81)
    # what both actions share is 0 at the optimum, so one column says all
    best = max(value(np.array([[-a, a], [-b, b]]) / 2) for a in grid for b in grid)
    assert value(made) == pytest.approx(best, abs=2e-3)
    assert value(made) >= best - 1e-9


def test_a_penalty_keeps_the_policy_near_the_log():
    world = LoggedBandit(n=500, n_actions=5, seed=2)
    log = world.feedback()
    error = []
    for penalty in (0.0, 2.0, 20.0):
        p = POEM(penalty=penalty, reg=0.0).fit(log).propensities(log.context)
        error.append(SNIPS().evaluate(log, p).std_error)
    assert error[0] > error[1] > error[2]


def test_scores_average_to_the_arms_values_and_costs_are_taken_off(world):
    log = world.feedback()
    made = dr_scores(log)
    truth = world.expected_reward(log.context).mean(axis=0)
    error = made.std(axis=0) / np.sqrt(log.n)
    assert (np.abs(made.mean(axis=0) - truth) < 4 * error).all()
    net = net_of_costs(log, np.array([0.0, 0.1, 0.2, 0.3]))
    assert net.reward == pytest.approx(log.reward - np.array([0.0, 0.1, 0.2, 0.3])[log.action])
    assert net.sample != log.sample


def test_a_study_s_scores_teach_a_policy_with_costs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 2))
    effect = np.column_stack([np.zeros(3000), x[:, 0], x[:, 1]])
    scores = effect + rng.normal(size=effect.shape)
    policy = DRPolicy().fit_scores(x, scores, costs=np.array([0.0, 0.5, 0.5]))
    best = np.column_stack([np.zeros(3000), x - 0.5]).argmax(axis=1)
    assert np.mean(policy.choose(x) == best) > 0.9


def test_any_scores_get_the_temperature_that_the_log_bears():
    world = LoggedBandit(n=4_000, n_actions=4, seed=1)
    log = world.feedback()
    good = TemperedSoftmax(scores=world.expected_reward).fit(log)
    noise = np.random.default_rng(0).normal(size=(3, 4))
    bad = TemperedSoftmax(scores=lambda x: np.cos(5 * x @ noise)).fit(log)
    entropy = [-(p * np.log(p + 1e-300)).sum(axis=1).mean() for p in (m.propensities(log.context) for m in (good, bad))]
    assert entropy[0] < 0.5 * entropy[1]


def test_bad_input_is_refused():
    log = LoggedBandit(n=200).feedback()
    with pytest.raises(ConfigError):
        POEM(penalty=-1.0)
    with pytest.raises(ConfigError):
        DRPolicy(epsilon=1.5)
    with pytest.raises(ConfigError):
        TemperedSoftmax(temperatures=())
    with pytest.raises(ConfigError):
        SoftmaxPolicy(scores=lambda x: x, temperature=0.0)
    with pytest.raises(ConfigError):
        DRPolicy(n_folds=1).fit(log)
    with pytest.raises(TooFewUnits):
        DRPolicy(n_folds=5).fit(LoggedBandit(n=60, rows_per_user=20).feedback())
    with pytest.raises(NotFinite):
        POEM().fit(log).propensities(np.full((2, 3), np.nan))


def test_learners_by_name_can_all_be_made_and_fitted():
    log = LoggedBandit(n=300).feedback()
    for name in REGISTRY:
        assert isinstance(make(name).fit(log), Policy)
