"""Rewards in 1% of rows and rare actions: how often intervals cover, by the number of effective events."""

import numpy as np
import pytest

from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS

K = 30
_RNG = np.random.default_rng(1)
LOGGED = np.maximum(_RNG.dirichlet(np.full(K, 0.3)), 2e-3)
LOGGED /= LOGGED.sum()
CLICKS = _RNG.uniform(0.002, 0.02, K)


@pytest.mark.truth
@pytest.mark.parametrize(("n", "warned", "least", "most"), [(5_000, True, 0.6, 0.9), (80_000, False, 0.91, 0.98)])
def test_intervals_miss_where_the_warning_of_few_events_stands(n, warned, least, most):
    truth, covered, told = CLICKS.mean(), 0, 0
    for r in range(200):
        rng = np.random.default_rng(r)
        action = rng.choice(K, n, p=LOGGED)
        reward = (rng.random(n) < CLICKS[action]).astype(float)
        log = LoggedFeedback(action=action, reward=reward, propensity=LOGGED[action], n_actions=K)
        made = IPS().evaluate(log, np.full((n, K), 1 / K))
        lower, upper = made.interval()
        covered += lower <= truth <= upper
        told += any(v.code == "few_events" for v in made.verdicts)
    assert told == (200 if warned else 0)
    assert least <= covered / 200 <= most
