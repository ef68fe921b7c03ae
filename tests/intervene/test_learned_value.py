from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, NoInterval, NoSupport, OneArm, TooFewUnits
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, SNIPS, DirectMethod, DoublyRobust, SwitchDR
from dorec.intervene import (
    DRPolicy,
    PolicyTree,
    SoftmaxPolicy,
    TemperedSoftmax,
    cross_fitted_policy,
    cross_fitted_scored_value,
    cross_fitted_value,
    safe_improvement,
    scored_value,
)
from dorec.numeric.even_folds import even_folds
from dorec.simulate.logged_bandit import LoggedBandit

UNIFORM = SoftmaxPolicy(scores=lambda x: np.zeros((len(x), 4)))


def null_log(n=400, k=5, seed=0, **fields):
    """A log in which no action is better than another."""
    rng = np.random.default_rng(seed)
    a = rng.integers(k, size=n)
    parts = {"context": rng.normal(size=(n, 3)), "action": a, "reward": rng.normal(size=n)}
    return LoggedFeedback(**parts, propensity=np.full(n, 1 / k), n_actions=k, **fields)


def test_each_row_is_judged_under_a_policy_that_never_saw_its_cluster():
    log = LoggedBandit(n=300, rows_per_user=3, seed=1).feedback()
    seen = []

    class Remembers:
        def fit(self, feedback, *, context=None):
            seen.append(set(feedback.cluster))
            mark = float(len(seen))
            return SoftmaxPolicy(scores=lambda x: np.log(np.tile([mark, 1, 1, 1, 1], (len(x), 1))))

    policy = cross_fitted_policy(Remembers(), log, n_folds=4)
    which = np.round(policy[:, 0] * 4 / (1 - policy[:, 0])).astype(int) - 1
    assert sorted(set(which)) == [0, 1, 2, 3]
    assert not any(log.cluster[i] in seen[which[i]] for i in range(log.n))
    assert (which == even_folds(log.n, 4, log.cluster)).all()


def test_there_is_no_optimism():
    naive, honest = [], []
    for seed in range(24):
        log = null_log(seed=seed)
        learner = PolicyTree(min_leaf=10)
        naive.append(IPS().evaluate(log, learner.fit(log)).value)
        made = cross_fitted_value(learner, log, IPS(), n_folds=3)
        honest.append(made.value / made.std_error)
    assert np.mean(naive) > 0.2  # the truth is 0
    assert abs(np.mean(honest)) < 3 / np.sqrt(24)
    assert 0.6 < np.std(honest) < 1.5


@pytest.mark.parametrize("estimator", [IPS(), SNIPS(), DoublyRobust(), SwitchDR()])
def test_any_estimator_judges(estimator):
    world = LoggedBandit(n=2_000, seed=1)
    log = world.feedback()
    made = cross_fitted_value(DRPolicy(), log, estimator)
    truth = float((cross_fitted_policy(DRPolicy(), log) * world.expected_reward(log.context)).sum(axis=1).mean())
    assert abs(made.value - truth) < 4 * made.std_error
    assert made.estimand.startswith("expected reward of the policies learned on 4 of 5 folds")
    assert made.n == log.n
    assert made.sample == log.sample


def test_forward_folds_judge_by_what_was_learned_before():
    log = LoggedBandit(n=1_000, rows_per_user=2, seed=1).feedback()
    seen = []

    class Remembers(TemperedSoftmax):
        def fit(self, feedback, **settings):
            seen.append(set(feedback.cluster))
            return super().fit(feedback, **settings)

    made = cross_fitted_value(Remembers(), log, SNIPS(), n_folds=4, forward=True)
    fold = even_folds(log.n, 4, log.cluster)
    assert seen == [set(log.cluster[fold < f]) for f in (1, 2, 3)]
    assert made.n == (fold > 0).sum()
    assert "before" in made.estimand


def test_folds_that_disagree_are_told():
    sure = cross_fitted_value(DRPolicy(), LoggedBandit(n=4_000, n_actions=4, seed=1).feedback(), SNIPS())
    unsure = cross_fitted_value(DRPolicy(reg=0.01), null_log(n=300), SNIPS())
    assert [made.verdicts[-1].code for made in (sure, unsure)] == ["folds_agree", "folds_disagree"]


def test_clusters_reach_the_interval():
    log = LoggedBandit(n=1_000, rows_per_user=5, seed=1).feedback()
    assert cross_fitted_value(TemperedSoftmax(), log, SNIPS()).cluster is not None


def test_scores_of_a_study_give_the_value_without_optimism():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(600, 4)), rng.normal(size=(600, 3))
    learner = PolicyTree(min_leaf=10)
    assert scored_value(learner.fit_scores(x, noise).propensities(x), noise).value > 0.15
    made = cross_fitted_scored_value(learner, x, noise, costs=np.zeros(3), cluster=np.arange(600) // 2)
    assert abs(made.value) < 3 * made.std_error
    assert made.cluster is not None


def test_a_clear_improvement_ships_and_is_the_policy_that_was_judged():
    world = LoggedBandit(n=4_000, n_actions=4, seed=1)
    log = world.feedback()
    made = safe_improvement(log, {"dr": DRPolicy(), "uniform": UNIFORM}, DoublyRobust())
    assert made.ships == "dr"
    assert made.verdict.code == "ships"
    fold = even_folds(log.n, 2, None)
    judged = log.take(np.flatnonzero(fold == 0))
    truth = (made.policy.propensities(judged.context) * world.expected_reward(judged.context)).sum(axis=1).mean()
    assert made.lower[0] < truth - judged.reward.mean() + 0.05
    value = DoublyRobust().evaluate(judged, made.policy)
    assert made.contrasts["dr"].value == pytest.approx(value.value - judged.reward.mean())


def test_the_incumbent_stays_with_a_reason_and_the_log_that_would_settle_it():
    log = LoggedBandit(n=300, n_actions=4, seed=1).feedback()
    made = safe_improvement(log, {"dr": DRPolicy()}, DoublyRobust(), incumbent=None)
    bigger = safe_improvement(log, {"dr": DRPolicy()}, DoublyRobust(), margin=0.9)
    assert bigger.policy is None
    assert bigger.ships == ""
    assert bigger.rows_needed is None
    assert "No log of any size" in bigger.verdict.remedy
    if not made.ships:
        assert made.rows_needed > 300


def test_the_rows_that_would_settle_it_do():
    rng = np.random.default_rng(0)
    shipped = 0
    better = SoftmaxPolicy(scores=lambda x: np.tile([0.0, 1.0], (len(x), 1)))

    def log_of(n):
        a = rng.integers(2, size=n)
        return LoggedFeedback(
            context=rng.normal(size=(n, 1)),
            action=a,
            reward=0.2 * a + rng.normal(size=n),
            propensity=np.full(n, 0.5),
            n_actions=2,
        )

    truth = (1 / (1 + np.exp(-1.0)) - 0.5) * 0.2
    small = safe_improvement(log_of(20_000), {"b": better}, DoublyRobust(), margin=0.03)
    per_row = small.contrasts.std_error[0] ** 2 * 20_000
    n = int(np.ceil(per_row * ((1.96 + 0.8416) / truth) ** 2))
    for _ in range(60):
        shipped += bool(safe_improvement(log_of(n), {"b": better}, DoublyRobust()).ships)
    assert 36 <= shipped <= 57


def test_several_candidates_need_a_wider_bound():
    log = null_log(n=2_000)
    fixed = {f"a{j}": SoftmaxPolicy(scores=lambda x, j=j: 5.0 * np.tile(np.eye(5)[j], (len(x), 1))) for j in range(5)}
    one = safe_improvement(log, {"a0": fixed["a0"]}, SNIPS())
    all_ = safe_improvement(log, fixed, SNIPS())
    assert all_.lower[0] < one.lower[0] - 0.3 * one.contrasts.std_error[0]


def test_no_more_than_alpha_of_equal_candidates_ship():
    fixed = {f"a{j}": SoftmaxPolicy(scores=lambda x, j=j: 5.0 * np.tile(np.eye(5)[j], (len(x), 1))) for j in range(5)}
    shipped = sum(bool(safe_improvement(null_log(n=300, seed=s), fixed, IPS(), alpha=0.1).ships) for s in range(100))
    assert 2 <= shipped <= 10 + 3 * np.sqrt(100 * 0.09)


def test_a_given_incumbent_is_paired_and_returned():
    log = LoggedBandit(n=1_000, n_actions=4, seed=1).feedback()
    uniform = np.full((log.n, 4), 0.25)
    best = SoftmaxPolicy(scores=LoggedBandit(n=1_000, n_actions=4, seed=1).expected_reward, temperature=0.05)
    made = safe_improvement(log, {"best": best}, DoublyRobust(), incumbent=uniform)
    assert made.ships == "best"
    kept = safe_improvement(log, {"uniform": UNIFORM}, DoublyRobust(), incumbent=best)
    assert kept.policy is best
    same = safe_improvement(log, {"best": best}, DoublyRobust(), incumbent=best)
    assert same.policy is best
    assert "does as the incumbent does" in same.verdict.meaning


def test_what_can_t_be_judged_is_not_shipped_and_says_why():
    log = LoggedBandit(n=500, n_actions=4, seed=1).feedback()
    wide = replace(log, n_actions=5, sample="")
    never = SoftmaxPolicy(scores=lambda x: np.tile([0, 0, 0, 0, 5.0], (len(x), 1)))
    made = safe_improvement(wide, {"never logged": never}, DoublyRobust())
    assert isinstance(made.refused["never logged"], NoSupport)
    assert made.ships == ""
    assert "never logged" in made.verdict.meaning
    for biased in (SwitchDR(tau=1.0), DirectMethod()):
        made = safe_improvement(log, {"dr": DRPolicy()}, biased)
        assert isinstance(made.refused["dr"], NoInterval)
    single = log.take(np.flatnonzero(log.action == 1))
    assert isinstance(safe_improvement(single, {"dr": DRPolicy()}, IPS()).refused["dr"], OneArm)
    with pytest.raises(ConfigError):
        safe_improvement(log, {}, IPS())
    with pytest.raises(ConfigError):
        safe_improvement(log, {"dr": DRPolicy()}, IPS(), alpha=0.5)
    with pytest.raises(TooFewUnits):
        cross_fitted_value(DRPolicy(), LoggedBandit(n=60, rows_per_user=20).feedback(), IPS())
