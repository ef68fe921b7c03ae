"""Intervals hold where propensities were estimated by a model that is right."""

import numpy as np
import pytest
from scipy.special import softmax

from dorec.evaluate import IPS, SNIPS, DoublyRobust, estimate_propensities, off_policy_values

K = 3
EFFECT = np.array([[0.8, -0.4, 0.0], [0.0, 0.6, -0.6]])
TASTE = np.array([[1.0, 0.0, -1.0], [0.5, -0.5, 0.0]])


def draw(seed, n):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    p = softmax(0.8 * x @ EFFECT, axis=1)
    action = np.minimum((p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), K - 1)
    reward = (x @ TASTE)[np.arange(n), action] + action + 0.5 * rng.normal(size=n)
    return x, action, reward, softmax(x @ TASTE, axis=1)


@pytest.mark.truth
def test_intervals_cover_with_estimated_propensities():
    x, *_, target = draw(10**6, n=400_000)
    truth = (target * (x @ TASTE + np.arange(K))).sum(axis=1).mean()
    estimators = {"ips": IPS(), "snips": SNIPS(), "dr": DoublyRobust()}
    covered = np.zeros(3)
    for r in range(200):
        x, action, reward, target = draw(r, n=600)
        log = estimate_propensities(context=x, action=action, reward=reward, n_actions=K)
        made = off_policy_values(log, target, estimators)
        bounds = [e.interval() for e in made.values()]
        covered += [lower <= truth <= upper for lower, upper in bounds]
    assert (covered / 200 >= 0.92).all()
    assert covered[2] / 200 <= 0.985
