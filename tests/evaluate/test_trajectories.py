"""Per-decision weights and sequential doubly robust values, against a decision process small enough to enumerate."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from dorec.domain.errors import BadPropensity, ConfigError, InputError, NoSupport, TooFewUnits
from dorec.domain.slate_feedback import SlateFeedback
from dorec.domain.trajectory_feedback import TrajectoryFeedback
from dorec.evaluate import DRL, CascadeDR, PerDecisionIPS, RewardInteractionIPS

STEPS, DISCOUNT = 3, 0.9
LOGGED = np.array([[0.5, 0.5], [0.25, 0.75]])  # by state
TARGET = np.array([[0.25, 0.75], [0.5, 0.5]])
MOVES = np.array([[[0.75, 0.25], [0.25, 0.75]], [[0.5, 0.5], [0.75, 0.25]]])  # state, action, next state
REWARD = np.array([[1.0, 2.0], [0.5, 4.0]])  # state, action
ENDS = 1  # taking action 0 in this state ends the sequence
ESTIMATORS = [
    PerDecisionIPS(discount=DISCOUNT),
    PerDecisionIPS(normalised=True, discount=DISCOUNT),
    DRL(discount=DISCOUNT),
    DRL(discount=DISCOUNT, markov=True, reg=0.0),
]
each = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.method)


def truth():
    """By enumeration of all paths."""
    total = 0.0
    for path in itertools.product(range(2), repeat=2 * STEPS):
        states, actions = path[::2], path[1::2]
        if states[0] != 0:
            continue
        p, alive = 1.0, True
        for t in range(STEPS):
            s, a = states[t], actions[t]
            p *= TARGET[s, a] * (1.0 if t == 0 else MOVES[states[t - 1], actions[t - 1], s])
            total += 0.0 if not alive else p * DISCOUNT**t * REWARD[s, a] * _share_of_paths(t)
            alive = alive and not (s == ENDS and a == 0)
    return total


def _share_of_paths(t):
    """A prefix of t + 1 steps is met once for each way in which it may go on."""
    return 0.25 ** (STEPS - 1 - t)


TRUTH = truth()


def log_of(paths, cluster=None, noise=None):
    """A log of sequences, each a list of (state, action)."""
    lengths = np.array([len(path) for path in paths])
    state, action = np.array([step for path in paths for step in path]).T
    extra = 0.0 if noise is None else noise[: len(state)]
    return TrajectoryFeedback(
        unit=np.repeat(np.arange(len(paths)), lengths),
        step=np.concatenate([np.arange(k) for k in lengths]),
        action=action,
        reward=REWARD[state, action] + extra,
        propensity=LOGGED[state, action],
        n_actions=2,
        context=state[:, None],
        cluster=cluster,
    )


def every_path():
    """Each path of the logging policy as often as it happens in 4 to the power of 2 (steps - 1) + 1 sequences."""
    paths = []

    def walk(path, state, copies):
        for a in range(2):
            after = [*path, (state, a)]
            mine = copies * LOGGED[state, a]
            if len(after) == STEPS or (state == ENDS and a == 0):
                assert mine == int(mine)
                paths.extend([after] * int(mine))
                continue
            for s in range(2):
                walk(after, s, mine * MOVES[state, a, s])

    walk([], 0, 4.0 ** (2 * STEPS - 1))
    return paths


def draw(seed, n=250):
    rng = np.random.default_rng(seed)
    paths = []
    for u in rng.random((n, STEPS, 2)):
        path, s = [], 0
        for t in range(STEPS):
            a = int(u[t, 0] > LOGGED[s, 0])
            path.append((s, a))
            if s == ENDS and a == 0:
                break
            s = int(u[t, 1] > MOVES[s, a, 0])
        paths.append(path)
    return log_of(paths, noise=rng.normal(size=n * STEPS))


def judged(log):
    return TARGET[log.context[:, 0].astype(int)]


def test_values_are_exact_where_the_log_is_the_whole_population():
    """Three times the population, each a fold of its own, so that whatever was learned elsewhere takes no toll."""
    paths = every_path()
    log = log_of(paths * 3, cluster=np.repeat(np.arange(3), len(paths)))
    assert set(log.length.tolist()) == {2, 3}
    for estimator in ESTIMATORS:
        made = estimator.evaluate(log, judged(log))
        assert made.value == pytest.approx(TRUTH, rel=1e-12), estimator.method
    model = DRL(discount=DISCOUNT, reward_model=LinearRegression())
    assert model.evaluate(log, judged(log)).value == pytest.approx(TRUTH, rel=1e-12)


@pytest.mark.parametrize(("reps", "off"), [(80, 0.08), pytest.param(400, 0.025, marks=pytest.mark.truth)])
def test_intervals_cover_the_known_value(reps, off):
    rows = []
    for r in range(reps):
        log = draw(r)
        made = [estimator.evaluate(log, judged(log)) for estimator in ESTIMATORS]
        bounds = [e.interval() for e in made]
        rows.append([(low <= TRUTH <= high, e.value, e.std_error) for e, (low, high) in zip(made, bounds, strict=True)])
    for estimator, (covered, value, se) in zip(ESTIMATORS, np.array(rows).transpose(1, 2, 0), strict=True):
        assert abs(covered.mean() - 0.95) <= off, estimator.method
        assert abs(se.mean() / value.std() - 1) < 2 / np.sqrt(reps), estimator.method
        assert abs(value.mean() - TRUTH) < 4 * value.std() / np.sqrt(reps), estimator.method


def test_models_and_memory_of_the_context_alone_make_intervals_narrower():
    log = draw(0, n=3_000)
    widths = [e.evaluate(log, judged(log)).std_error for e in ESTIMATORS]
    assert widths[3] < widths[2] < widths[1] < widths[0]


def test_one_step_more_than_slates_know():
    """Sequences of one length are slates whose places are filled in turn."""
    rng = np.random.default_rng(0)
    n = 500
    action, p = rng.integers(2, size=(n, 3)), np.full((n, 3), 0.5)
    reward, policy = rng.normal(size=(n, 3)), np.tile([0.3, 0.7], (n, 3, 1))
    slate = SlateFeedback(action=action, reward=reward, propensity=p, n_actions=2)
    log = TrajectoryFeedback(
        unit=np.repeat(np.arange(n), 3),
        step=np.tile(np.arange(3), n),
        action=action.ravel(),
        reward=reward.ravel(),
        propensity=p.ravel(),
        n_actions=2,
    )
    flat = policy.reshape(-1, 2)
    a, b = PerDecisionIPS(discount=0.8).evaluate(log, flat), RewardInteractionIPS(discount=0.8).evaluate(slate, policy)
    assert (a.value, a.std_error) == pytest.approx((b.value, b.std_error), rel=1e-12)
    myopic = DRL(reg=0.0).evaluate(log, flat)
    assert myopic.value == pytest.approx(CascadeDR(reg=0.0).evaluate(slate, policy).value, abs=0.02)


@each
def test_wrong_propensities_and_missing_support_are_refused(estimator):
    log = draw(1, n=2_000)
    with pytest.raises(BadPropensity, match="logged propensities are smaller"):
        estimator.evaluate(replace(log, propensity=log.propensity * 0.8), judged(log))
    only = replace(log, action=np.ones_like(log.action), propensity=np.full(len(log.action), 0.9))
    with pytest.raises((NoSupport, BadPropensity)):
        estimator.evaluate(only, np.tile([1.0, 0.0], (len(only.action), 1)))
    with pytest.raises(BadPropensity, match="no probability distribution"):
        estimator.evaluate(log, 2 * judged(log))
    with pytest.raises(InputError, match="a row for each step"):
        estimator.evaluate(log, judged(log)[1:])


def test_settings_out_of_bounds_are_refused():
    for wrong in (0.0, 1.5):
        with pytest.raises(ConfigError, match="discount"):
            PerDecisionIPS(discount=wrong)
    with pytest.raises(ConfigError, match="n_folds"):
        DRL(n_folds=1)
    with pytest.raises(TooFewUnits, match=r"2 independent sequence"):
        DRL().evaluate(log_of([[(0, 0)], [(0, 1)]]), TARGET[[0, 0]])


def test_a_policy_is_asked_at_the_logged_contexts():
    class ByState:
        def propensities(self, covariates):
            return TARGET[covariates[:, 0].astype(int)]

    log = draw(3)
    assert DRL().evaluate(log, ByState()).value == DRL().evaluate(log, judged(log)).value


def test_clusters_of_sequences_widen_the_interval():
    paths = every_path()[::7]
    log = log_of([path for path in paths for _ in range(5)])
    users = np.repeat(np.arange(len(paths)), 5)
    naive = PerDecisionIPS().evaluate(log, judged(log))
    robust = PerDecisionIPS().evaluate(replace(log, cluster=users), judged(log))
    assert robust.std_error == pytest.approx(naive.std_error * np.sqrt(5), rel=0.01)
