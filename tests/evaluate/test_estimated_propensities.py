from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.ensemble import RandomForestClassifier

from dorec.domain.errors import ConfigError, NotFinite, TooFewUnits
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, SNIPS, DoublyRobust, check_propensities, estimate_propensities

K = 3
EFFECT = np.array([[0.8, -0.4, 0.0], [0.0, 0.6, -0.6]])
TASTE = np.array([[1.0, 0.0, -1.0], [0.5, -0.5, 0.0]])


def draw(seed, n=1_000):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    p = softmax(0.8 * x @ EFFECT, axis=1)
    action = np.minimum((p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), K - 1)
    reward = (x @ TASTE)[np.arange(n), action] + action + 0.5 * rng.normal(size=n)
    return x, action, reward, p, softmax(x @ TASTE, axis=1)


def test_values_are_near_those_by_written_propensities():
    x, action, reward, p, target = draw(0, n=4_000)
    log = estimate_propensities(context=x, action=action, reward=reward, n_actions=K)
    written = replace(log, propensity=p[np.arange(4_000), action], propensities_estimated=False)
    for estimator in (IPS(), SNIPS(), DoublyRobust()):
        made, exact = estimator.evaluate(log, target), estimator.evaluate(written, target)
        assert abs(made.value - exact.value) < 2 * exact.std_error


def test_estimates_say_that_propensities_were_estimated():
    x, action, reward, p, target = draw(0)
    log = estimate_propensities(context=x, action=action, reward=reward, n_actions=K)
    told = [v for v in SNIPS().evaluate(log, target).verdicts if v.code == "propensities_estimated"]
    assert told[0].status == "warning"
    assert "DoublyRobust" in told[0].remedy
    written = LoggedFeedback(
        context=x, action=action, reward=reward, propensity=p[np.arange(1_000), action], n_actions=K
    )
    assert all(v.code != "propensities_estimated" for v in SNIPS().evaluate(written, target).verdicts)
    assert log.take(np.arange(500)).propensities_estimated
    assert check_propensities(log, all_possible=True)


def test_any_classifier_and_no_row_predicts_itself():
    x, action, reward, p, _ = draw(1)
    forest = RandomForestClassifier(n_estimators=10, min_samples_leaf=20, random_state=0)
    log = estimate_propensities(context=x, action=action, reward=reward, n_actions=K, model=forest)
    assert np.abs(log.propensity - p[np.arange(1_000), action]).mean() < 0.12
    changed = action.copy()
    changed[0] = (changed[0] + 1) % K
    other = estimate_propensities(context=x, action=changed, reward=reward, n_actions=K)
    same = estimate_propensities(context=x, action=action, reward=reward, n_actions=K)
    kept = np.flatnonzero(other.propensity == same.propensity)
    # row 0 itself has another action; what its fold's model says of the others of its fold has not moved
    assert len(kept) == len(x) // 3 - 1


def test_what_can_not_be_estimated_is_refused():
    x, action, reward, *_ = draw(2)
    lonely = action.copy()
    lonely[5] = K
    with pytest.raises(TooFewUnits, match="action 3 was taken in one fold alone"):
        estimate_propensities(context=x, action=lonely, reward=reward, n_actions=K + 1)
    with pytest.raises(NotFinite):
        estimate_propensities(context=x * np.nan, action=action, reward=reward, n_actions=K)
    with pytest.raises(ConfigError, match="n_folds"):
        estimate_propensities(context=x, action=action, reward=reward, n_actions=K, n_folds=1)
    only = estimate_propensities(context=x, action=0 * action, reward=reward, n_actions=1)
    assert (only.propensity == 1).all()
