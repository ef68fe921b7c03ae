"""Series with dependent errors: oracles, brute force, and parts that carry the covariance."""

from typing import Any

import numpy as np
import pytest

from dorec.numeric.serial_errors import autoregressive_fit, coloured, long_run_covariance, long_run_fit


def drawn(n: int = 120, rho: float = 0.5, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    e = np.zeros(n)
    for t in range(1, n):
        e[t] = rho * e[t - 1] + rng.normal()
    X = np.column_stack([np.ones(n), np.arange(n) / n, np.arange(n) > n / 2])
    return X, X @ np.array([1.0, 2.0, 3.0]) + e


def test_least_squares_given_the_autocorrelation() -> None:
    X, y = drawn()
    fit = autoregressive_fit(X, y)
    n = len(y)
    V = fit.autocorrelation ** np.abs(np.subtract.outer(np.arange(n), np.arange(n))) / (1 - fit.autocorrelation**2)
    inverse = np.linalg.inv(V)
    beta = np.linalg.solve(X.T @ inverse @ X, X.T @ inverse @ y)
    left = y - X @ beta
    assert fit.coefficients == pytest.approx(beta)
    assert fit.covariance == pytest.approx(np.linalg.inv(X.T @ inverse @ X) * (left @ inverse @ left) / (n - 3))


def test_the_restricted_likelihood_is_hardly_biased() -> None:
    found = [autoregressive_fit(*drawn(40, 0.5, seed)).autocorrelation for seed in range(25)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)


def test_newey_west_without_prewhitening_is_statsmodels() -> None:
    sm = pytest.importorskip("statsmodels.api")
    X, y = drawn(rho=0.0)
    parts = X * (y - X @ np.linalg.lstsq(X, y, rcond=None)[0])[:, None]
    lags = 4
    total = parts.T @ parts
    for lag in range(1, lags + 1):
        crossed = parts[lag:].T @ parts[:-lag]
        total = total + (1 - lag / (lags + 1)) * (crossed + crossed.T)
    theirs = sm.OLS(y, X).fit(cov_type="HAC", cov_kwds={"maxlags": lags}).cov_params()
    inverse = np.linalg.inv(X.T @ X)
    assert inverse @ total @ inverse == pytest.approx(theirs)
    assert np.diag(long_run_covariance(parts, lags)) == pytest.approx(np.diag(total) / len(y), rel=0.35)
    assert np.diag(long_run_fit(X, y, lags).covariance) == pytest.approx(np.diag(theirs), rel=0.4)


def test_long_run_variance_of_an_autoregression() -> None:
    rng = np.random.default_rng(0)
    e = np.zeros(20_000)
    for t in range(1, len(e)):
        e[t] = 0.6 * e[t - 1] + rng.normal()
    assert float(long_run_covariance(e[:, None])[0, 0]) == pytest.approx(1 / 0.4**2, rel=0.1)


def test_parts_carry_the_covariance_on_any_scale() -> None:
    X, y = drawn()
    for fit in (autoregressive_fit(X * [1.0, 1e5, 1.0], y), long_run_fit(X * [1.0, 1e5, 1.0], y)):
        assert np.cov(fit.influence.T) / len(y) == pytest.approx(fit.covariance, rel=1e-6)
    assert coloured(np.random.default_rng(0).normal(size=(30, 1)), np.array([[4.0]])).std(ddof=1) == pytest.approx(
        2 * np.sqrt(30)
    )
