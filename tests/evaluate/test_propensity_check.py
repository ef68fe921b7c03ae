"""Wrong propensities are named; right ones are left alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from dorec.domain.errors import BadPropensity, NoSupport
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, SNDR, SNIPS, DoublyRobust, check_propensities
from dorec.simulate import LoggedBandit

N, K = 6_000, 4
EFFECT = np.random.default_rng(8).normal(size=(2, K))


def draw(seed=0, n=N):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    p = 0.8 * softmax(0.7 * x @ EFFECT, axis=1) + 0.2 / K
    action = np.minimum((p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), K - 1)
    rows = np.arange(n)
    log = LoggedFeedback(
        context=x, action=action, reward=rng.random(n), propensity=p[rows, action], n_actions=K,
        action_labels=("tea", "milk", "rice", "soap"),
    )  # fmt: skip
    return log, p


def test_right_propensities_are_left_alone():
    worlds = [draw(seed, n=600) for seed in range(150)]
    told = [check_propensities(log, all_possible=both) for log, _ in worlds for both in (False, True)]
    assert sum(v.status == "failed" for v in told) <= 2
    rare = [LoggedBandit(n=400, n_actions=10, seed=3, replica=r).feedback() for r in range(100)]
    assert sum(check_propensities(log).status == "failed" for log in rare) <= 1


def test_the_action_with_wrong_propensities_is_named():
    log, _ = draw()
    wrong = replace(log, propensity=np.where(log.action == 2, 0.8, 1.0) * log.propensity)
    told = check_propensities(wrong)
    assert (told.status, told.evidence["actions"]) == ("failed", ["rice"])
    assert told.meaning.startswith("Action rice was taken 1.3")
    assert "Repair the propensities of these actions" in told.remedy


def test_propensities_averaged_over_contexts_are_found_by_halves_of_the_context():
    log, p = draw()
    marginal = replace(log, propensity=p.mean(axis=0)[log.action])
    assert IPS().evaluate(marginal, np.full((N, K), 0.25)).verdicts[1].status == "passed"
    told = check_propensities(marginal)
    assert told.status == "failed"
    assert "of the context is" in told.meaning


@pytest.mark.parametrize("estimator", [IPS(), SNIPS(), DoublyRobust(), SNDR()], ids=str)
def test_a_wrong_propensity_stops_every_estimator_and_is_named(estimator):
    log, p = draw()
    target = np.tile([0.1, 0.2, 0.3, 0.4], (N, 1))
    with pytest.raises(NoSupport, match=r"average 0\.8.*or the logged propensities are too large.*Remedy: .*correct"):
        estimator.evaluate(replace(log, propensity=np.minimum(1.2 * log.propensity, 1.0)), target)
    shifted = p[np.arange(N), (log.action + 1) % K]
    with pytest.raises(BadPropensity, match=r"action \w+ was taken \d\.\d+ times as often.*Remedy: repair") as caught:
        estimator.evaluate(replace(log, propensity=shifted), target)
    assert caught.value.evidence["actions"]


def test_propensities_that_are_too_large_are_named_where_all_actions_are_possible():
    log, _ = draw()
    large = replace(log, propensity=np.minimum(1.2 * log.propensity, 1.0))
    assert check_propensities(large).status == "passed"
    told = check_propensities(large, all_possible=True)
    assert (told.status, told.statistic) == ("failed", pytest.approx(0.83, abs=0.06))


def test_a_doubtful_log_gets_a_verdict_that_names_the_action():
    log, _ = draw()
    doubtful = replace(log, propensity=np.where(log.action == 1, 0.88, 1.0) * log.propensity)
    target = np.tile([0.0, 1.0, 0.0, 0.0], (N, 1))
    made = IPS().evaluate(doubtful, target)
    assert made.verdicts[1].status == "failed"
    assert made.verdicts[-1].evidence["actions"] == ["milk"]


def test_few_rows_say_nothing():
    log = LoggedFeedback(action=np.arange(40) % 4, reward=np.ones(40), propensity=np.full(40, 0.25), n_actions=4)
    assert check_propensities(log).meaning.startswith("No action was taken 30 times")
