"""Lagged moments against plain numpy, and the bias that the jackknife takes out."""

import numpy as np
import pytest

from dorec.numeric.lagged_moments import lagged_moments, run_lengths, sweep_means


def windows(values, usable, reach):
    rows = np.flatnonzero(usable)
    return np.concatenate([values[rows - lag] for lag in range(reach + 1)], axis=1)


@pytest.mark.parametrize("grouped", [False, True])
def test_correlations_are_those_of_the_windows(grouped):
    rng = np.random.default_rng(0)
    unit = np.repeat(np.arange(7), 20)
    follows = np.tile(np.arange(20) > 0, 7) & (rng.random(140) > 0.05)
    values = rng.normal(size=(140, 3)) + unit[:, None]
    usable = run_lengths(follows) >= 2
    group = unit if grouped else np.zeros_like(unit)
    found = lagged_moments(values, usable, group, 2)
    w = windows(values, usable, 2)
    codes = group[usable]
    for g in np.unique(codes):
        w[codes == g] -= w[codes == g].mean(axis=0)
    product = w.T @ w
    sd = np.sqrt(np.diag(product))
    np.testing.assert_allclose(found.correlation, product / np.outer(sd, sd), atol=1e-12)
    np.testing.assert_allclose(found.variance, np.diag(product) / len(w))
    assert found.n_windows == len(w)
    assert found.dof == len(w) - len(np.unique(codes)) + 1


def test_the_jackknife_takes_out_most_of_the_bias_of_short_series():
    rng = np.random.default_rng(1)
    users, days = 4000, 16
    x = np.zeros((users, days + 40, 1))
    for t in range(1, days + 40):
        x[:, t] = 0.6 * x[:, t - 1] + rng.normal(size=(users, 1))
    x = (x[:, 40:] + 3 * rng.normal(size=(users, 1, 1))).reshape(-1, 1)
    unit = np.repeat(np.arange(users), days)
    usable = np.tile(np.arange(days) >= 1, users)
    plain = lagged_moments(x, usable, unit, 1).correlation[0, 1]
    better = lagged_moments(x, usable, unit, 1, jackknife=True).correlation[0, 1]
    assert plain < 0.5
    assert abs(better - 0.6) < 0.3 * abs(plain - 0.6)


def test_means_of_two_groupings_are_taken_out_where_neither_is_complete():
    rng = np.random.default_rng(2)
    one, two = rng.integers(0, 12, 200), rng.integers(0, 9, 200)
    values = rng.normal(size=(200, 2)) + one[:, None] - 2.0 * two[:, None]
    swept = sweep_means(values, [one, two])
    design = np.concatenate([np.eye(12)[one], np.eye(9)[two]], axis=1)
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    np.testing.assert_allclose(swept, left, atol=1e-8)
