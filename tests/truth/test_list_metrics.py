"""Intervals of the catalogue's metrics: what a new sample of as many users would show, on average."""

import numpy as np
import pytest

from dorec import Estimate
from dorec.evaluate.list_metrics import coverage, gini

N_USERS, N_ITEMS, K, REPEATS = 300, 400, 5, 400


def lists(rng):
    """Users of three tastes, with items of a long tail."""
    taste = rng.integers(0, 3, N_USERS)
    weight = 1.0 / np.arange(1, N_ITEMS + 1)
    noise = rng.gumbel(size=(N_USERS, N_ITEMS)) + np.log(weight)
    noise[np.arange(N_ITEMS)[None, :] % 3 != taste[:, None]] -= 2.0
    return np.argpartition(-noise, K, axis=1)[:, :K]


@pytest.mark.truth
@pytest.mark.parametrize(("metric", "least"), [(coverage, 0.92), (gini, 0.92)])
def test_intervals_cover_the_mean_over_samples(metric, least):
    rng = np.random.default_rng(0)
    found = [metric(lists(rng), N_ITEMS) for _ in range(REPEATS)]
    truth = np.mean([value for value, _ in found])
    bounds = [Estimate(value, influence).interval() for value, influence in found]
    covered = np.mean([lower <= truth <= upper for lower, upper in bounds])
    ratio = np.mean([Estimate(*one).std_error for one in found]) / np.std([value for value, _ in found])
    assert covered >= least
    assert 0.93 <= ratio <= 1.6
