import numpy as np
import pytest

from dorec.numeric.smoothing import Smoother, additive_residual


def test_a_line_stays_a_line():
    x = np.random.default_rng(0).exponential(size=300)
    assert np.allclose(Smoother(x).fit(3 * x - 1), 3 * x - 1, atol=1e-5)


def test_noise_is_smoothed_away():
    x, y = np.random.default_rng(0).normal(size=(2, 2000))
    assert np.abs(Smoother(x).fit(y)).mean() < 0.1


def test_few_values_have_means():
    x = np.repeat([0.0, 1.0, 2.0], [5, 10, 20])
    y = np.random.default_rng(0).normal(size=35)
    assert np.allclose(Smoother(x).fit(y)[x == 1], y[x == 1].mean())


def test_ties_and_outliers_are_survived():
    rng = np.random.default_rng(0)
    x = np.concatenate([np.round(rng.normal(size=200), 1), [1e6]])
    assert np.isfinite(Smoother(x).fit(np.sin(x))).all()


def test_sums_are_taken_apart():
    rng = np.random.default_rng(0)
    a, b, noise = rng.normal(size=(3, 800))
    b = b + 0.5 * a
    left = additive_residual(np.sin(2 * a) + b**2 + 0.2 * noise, np.stack([a, b]))
    assert left.std() == pytest.approx(0.2, abs=0.03)
