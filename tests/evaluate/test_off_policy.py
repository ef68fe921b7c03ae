from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import BadPropensity, InputError, NoInterval, NoSupport
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, SNIPS, DirectMethod, DoublyRobust, effective_sample_size
from dorec.evaluate.off_policy import check_support
from dorec.simulate import LoggedBandit

ALL = [IPS(), SNIPS(), DirectMethod(), DoublyRobust()]
WITH_INTERVAL = [IPS(), SNIPS(), DoublyRobust()]
BANDIT = LoggedBandit(n=1_000, seed=3)


def by_name(estimator):
    return type(estimator).__name__


def verdict(estimate, code):
    return next(v for v in estimate.verdicts if v.code == code)


@pytest.mark.parametrize(("reps", "off"), [(200, 0.05), pytest.param(400, 0.03, marks=pytest.mark.truth)])
@pytest.mark.parametrize("estimator", WITH_INTERVAL, ids=by_name)
def test_intervals_cover_the_known_value(estimator, reps, off):
    truth = BANDIT.true_value()
    rows = []
    for r in range(reps):
        draw = replace(BANDIT, replica=r)
        made = estimator.evaluate(draw.feedback(), draw.target())
        lower, upper = made.interval()
        rows.append((lower <= truth <= upper, made.value, made.std_error))
    covered, value, se = np.array(rows).T
    assert abs(covered.mean() - 0.95) <= off
    assert abs(se.mean() / value.std() - 1) < 3 / np.sqrt(reps)
    assert abs(value.mean() - truth) < 4 * value.std() / np.sqrt(reps)


def test_intervals_of_repeated_users_are_those_of_users():
    world = LoggedBandit(n=1_200, seed=3, rows_per_user=12)
    values, robust, naive = [], [], []
    for r in range(150):
        draw = replace(world, replica=r)
        log = draw.feedback()
        made = SNIPS().evaluate(log, draw.target())
        values.append(made.value)
        robust.append(made.std_error)
        naive.append(SNIPS().evaluate(replace(log, cluster=None), draw.target()).std_error)
    assert 0.85 < np.mean(robust) / np.std(values) < 1.15
    assert np.mean(naive) < 0.8 * np.mean(robust)


@pytest.mark.parametrize("estimator", ALL, ids=by_name)
def test_judging_the_logger_itself_gives_its_mean_reward(estimator):
    rng = np.random.default_rng(0)
    action = rng.integers(4, size=800)
    log = LoggedFeedback(action=action, reward=rng.random(800), propensity=np.full(800, 0.25), n_actions=4)
    made = estimator.evaluate(log, np.full((800, 4), 0.25))
    assert made.value == pytest.approx(log.reward.mean(), abs=0.002)
    assert verdict(made, "mean_weight").statistic == pytest.approx(1.0)
    assert verdict(made, "effective_sample_size").statistic == pytest.approx(800)


@pytest.mark.parametrize("estimator", ALL, ids=by_name)
def test_a_policy_without_support_is_refused_with_what_speaks(estimator):
    rng = np.random.default_rng(1)
    log = LoggedFeedback(
        action=rng.integers(3, size=500), reward=rng.random(500), propensity=np.full(500, 1 / 3), n_actions=4
    )
    with pytest.raises(NoSupport, match=r"10\.00% of the policy lies on 1 action") as caught:
        estimator.evaluate(log, np.tile([0.3, 0.3, 0.3, 0.1], (500, 1)))
    assert caught.value.code == "no_support"
    assert caught.value.evidence["effective_sample_size"] == pytest.approx(500, rel=0.01)
    below = estimator.evaluate(log, np.tile([0.331, 0.331, 0.331, 0.007], (500, 1)))
    assert verdict(below, "supported").statistic == pytest.approx(0.007)


@pytest.mark.parametrize("estimator", ALL, ids=by_name)
def test_support_that_is_missing_in_some_contexts_only_is_refused_too(estimator):
    """Every action occurs in the log, but action 2 never where x is above 0, where the policy takes it."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4000, 1))
    action = np.where(x[:, 0] > 0, rng.integers(2, size=4000), rng.integers(3, size=4000))
    propensity = np.where(x[:, 0] > 0, 1 / 2, 1 / 3)
    log = LoggedFeedback(context=x, action=action, reward=rng.random(4000), propensity=propensity, n_actions=3)
    with pytest.raises(NoSupport, match=r"average 0\.8"):
        estimator.evaluate(log, np.tile([0.3, 0.3, 0.4], (4000, 1)))


def test_wrong_propensities_fail_the_control_test():
    draw = BANDIT
    log = draw.feedback()
    wrong = replace(log, propensity=np.clip(log.propensity * 0.945, 0.01, 1.0))
    made = IPS().evaluate(wrong, draw.target())
    assert verdict(made, "mean_weight").status == "failed"
    assert verdict(IPS().evaluate(log, draw.target()), "mean_weight").status == "passed"


@pytest.mark.parametrize("estimator", ALL, ids=by_name)
def test_propensities_that_are_logged_too_small_refute_the_log(estimator):
    """The log acted with 0.25 and wrote 0.15: weights average 5 / 3, and no estimate stands on them."""
    rng = np.random.default_rng(5)
    log = LoggedFeedback(
        action=rng.integers(4, size=4_000), reward=rng.random(4_000), propensity=np.full(4_000, 0.15), n_actions=4
    )
    policy = np.tile([0.4, 0.3, 0.2, 0.1], (4_000, 1))
    with pytest.raises(BadPropensity, match=r"average 1\.6.*z = \d+.*Remedy: repair the logged") as caught:
        estimator.evaluate(log, policy)
    assert caught.value.evidence["z"] > 4.5
    assert caught.value.evidence["mean_weight"] == pytest.approx(5 / 3, abs=0.05)
    assert verdict(estimator.evaluate(replace(log, propensity=np.full(4_000, 0.25)), policy), "mean_weight")


def test_true_propensities_are_never_taken_for_wrong_ones():
    worlds = [LoggedBandit(n=n, seed=3, replica=r) for n in (100, 400, 1_600) for r in range(100)]
    assert all(np.isfinite(IPS().evaluate(w.feedback(), w.target()).value) for w in worlds)


def test_few_effective_rows_give_no_interval():
    n = 1_000
    propensity = np.full(n, 0.999)
    action = np.zeros(n, int)
    action[:5], propensity[:5] = 1, 0.005
    log = LoggedFeedback(action=action, reward=np.arange(n) % 2.0, propensity=propensity, n_actions=2)
    made = IPS().evaluate(log, np.tile([0.0, 1.0], (n, 1)))
    assert verdict(made, "effective_sample_size").status == "failed"
    with pytest.raises(NoInterval, match=r"5\.0 effective rows"):
        made.interval()


@pytest.mark.parametrize("estimator", WITH_INTERVAL, ids=by_name)
@pytest.mark.parametrize("elsewhere", [0.0, 1.0], ids=["no reward at all", "reward for other actions only"])
def test_a_policy_whose_actions_were_never_rewarded_has_no_interval(estimator, elsewhere):
    action = np.arange(400) % 4
    log = LoggedFeedback(action=action, reward=elsewhere * (action > 1), propensity=np.full(400, 0.25), n_actions=4)
    made = estimator.evaluate(log, np.tile([0.5, 0.5, 0.0, 0.0], (400, 1)))
    assert made.no_interval == ("no decision that the policy would have taken was rewarded; 200.0 effective decisions")
    with pytest.raises(NoInterval, match="was rewarded"):
        made.interval()


def test_a_row_that_carries_the_variance_is_named():
    rng = np.random.default_rng(3)
    reward = rng.random(200)
    reward[17] = 500.0
    log = LoggedFeedback(action=np.arange(200) % 2, reward=reward, propensity=np.full(200, 0.5), n_actions=2)
    made = IPS().evaluate(log, np.full((200, 2), 0.5))
    assert verdict(made, "influence_dominated").evidence["row"] == 17


def test_two_policies_on_one_log_are_compared_with_their_covariance():
    log, target = BANDIT.feedback(), BANDIT.target()
    near = 0.9 * target + 0.1 / 5
    a, b = (DoublyRobust().evaluate(log, p) for p in (target, near))
    difference = a - b
    assert difference.std_error < 0.5 * a.std_error


def test_a_policy_object_is_asked_at_the_logged_contexts():
    class Constant:
        def propensities(self, covariates):
            return np.tile(np.full(5, 0.2), (len(covariates), 1))

    log = BANDIT.feedback()
    assert IPS().evaluate(log, Constant()).value == IPS().evaluate(log, np.full((log.n, 5), 0.2)).value


def test_rows_of_a_policy_that_are_no_distribution_are_refused():
    log = BANDIT.feedback()
    with pytest.raises(BadPropensity, match=r"sums to 1\.25"):
        IPS().evaluate(log, np.full((log.n, 5), 0.25))
    with pytest.raises(InputError, match="shape"):
        IPS().evaluate(log, np.full((3, 5), 0.2))
    with pytest.raises(InputError, match="max_unsupported"):
        check_support(log, np.full((log.n, 5), 0.2), 2.0)


def test_the_effective_sample_size_of_published_weights():
    assert effective_sample_size(np.array([0.4, 0.3, 0.7]) / np.array([0.2, 0.5, 0.4])) == pytest.approx(
        2.549343213203098
    )
    assert effective_sample_size(np.zeros(3)) == 0.0


@pytest.mark.parametrize("estimator", ALL, ids=by_name)
def test_shifting_and_scaling_rewards_and_relabelling_actions(estimator):
    log, target = BANDIT.feedback(), BANDIT.target()
    made = estimator.evaluate(log, target)
    scaled = estimator.evaluate(replace(log, reward=3 * log.reward), target)
    assert scaled.value == pytest.approx(3 * made.value)
    order = np.array([3, 1, 4, 0, 2])
    relabelled = replace(log, action=np.argsort(order)[log.action])
    assert estimator.evaluate(relabelled, target[:, order]).value == pytest.approx(made.value)
    if not isinstance(estimator, IPS):
        shifted = estimator.evaluate(replace(log, reward=log.reward + 50), target)
        assert shifted.value == pytest.approx(made.value + 50, abs=0.15)
