"""Quantile regression: against a linear programme, its equivariances, and its error."""

from typing import Any

import numpy as np
import pytest
from scipy import optimize

from dorec.numeric.quantile_regression import pinball, quantile_coefficients, quantile_regression


def drawn(seed: int = 0, n: int = 150) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    W = np.column_stack([np.ones(n), rng.normal(size=(n, 3)), rng.integers(0, 2, n)])
    return W, W @ np.array([1.0, 2.0, -1.0, 0.5, 3.0]) + rng.standard_t(2, n) * (1 + W[:, 4])


@pytest.mark.parametrize("level", [0.05, 0.5, 0.8])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_linear_programme(level: float, weighted: bool) -> None:
    W, y = drawn()
    n, q = W.shape
    weight = np.random.default_rng(1).integers(0, 3, n).astype(float) if weighted else np.ones(n)
    cost = np.concatenate([np.zeros(q), level * weight, (1 - level) * weight])
    bounds = [(None, None)] * q + [(0, None)] * (2 * n)
    exact = optimize.linprog(cost, A_eq=np.hstack([W, np.eye(n), -np.eye(n)]), b_eq=y, bounds=bounds)
    found = quantile_coefficients(W, y, level, weight)
    assert pinball(y - W @ found, level, weight) == pytest.approx(exact.fun, rel=1e-9)
    assert found == pytest.approx(exact.x[:q], abs=1e-6)


def test_standard_errors_near_statsmodels() -> None:
    sm = pytest.importorskip("statsmodels.api")
    W, y = drawn(n=1_000)
    ours, theirs = quantile_regression(W, y, 0.5, np.ones(1_000)), sm.QuantReg(y, W).fit(q=0.5)
    assert np.sqrt((ours.influence**2).sum(axis=0)) / 1_000 == pytest.approx(theirs.bse, rel=0.25)


def test_equivariances() -> None:
    W, y = drawn(n=151)
    one = np.ones(len(y))
    beta = quantile_coefficients(W, y, 0.3, one)
    assert quantile_coefficients(W, -y, 0.7, one) == pytest.approx(-beta, abs=1e-7)
    assert quantile_coefficients(W, 1e5 * y + W[:, 2], 0.3, one) == pytest.approx(1e5 * beta + [0, 0, 1, 0, 0])
    up = np.where(y > W @ beta, y + 1e6 * np.abs(y - W @ beta), y)  # rows may move on their own side of the plane
    on = np.abs(y - W @ beta) < 1e-9
    assert quantile_coefficients(W, np.where(on, y, up), 0.3, one) == pytest.approx(beta, abs=1e-4)


def test_ties_do_not_stop_it() -> None:
    W, y = drawn()
    found = quantile_coefficients(W[:, :1], np.round(y), 0.5, np.ones(len(y)))
    assert abs(found[0] - np.median(np.round(y))) < 1e-6
    assert np.isfinite(quantile_regression(W, np.round(y / 3), 0.5, np.ones(len(y))).influence).all()
