"""Robust regression: against statsmodels, against planted rows, and what must not matter."""

from typing import Any

import numpy as np
import pytest

from dorec.numeric.robust_regression import NoScale, huber_regression, mm_regression, s_estimate


def drawn(seed: int = 0, n: int = 200) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    W = np.column_stack([np.ones(n), rng.normal(size=(n, 2)), rng.integers(0, 2, n)])
    return W, W @ np.array([1.0, 2.0, -1.0, 3.0]) + rng.standard_t(3, n), np.ones(n)


def test_huber_equals_statsmodels() -> None:
    sm = pytest.importorskip("statsmodels.api")
    W, y, one = drawn()
    ours, theirs = huber_regression(W, y, one), sm.RLM(y, W).fit(maxiter=300, tol=1e-13)
    assert ours.coefficients == pytest.approx(theirs.params, abs=1e-8)
    assert ours.scale == pytest.approx(theirs.scale, rel=1e-8)
    assert np.sqrt((ours.influence**2).sum(axis=0)) / len(y) == pytest.approx(theirs.bse, rel=0.15)


def test_mm_stands_forty_percent_of_bad_leverage_and_huber_does_not() -> None:
    W, y, one = drawn(n=300)
    W, y = W.copy(), y.copy()
    W[:120, 1], y[:120] = 20.0, -500.0
    fit = mm_regression(W, y, one, np.random.default_rng(0))
    assert fit.coefficients == pytest.approx([1.0, 2.0, -1.0, 3.0], abs=0.5)
    assert (fit.row_weights[:120] == 0).all()
    assert abs(huber_regression(W, y, one).coefficients[1] - 2.0) > 5


def test_s_scale_is_the_standard_deviation_at_the_normal() -> None:
    rng = np.random.default_rng(0)
    W = np.column_stack([np.ones(4_000), rng.normal(size=4_000)])
    _, scale = s_estimate(W, 3.0 * rng.normal(size=4_000), np.ones(4_000), rng)
    assert scale == pytest.approx(3.0, rel=0.05)


def test_influence_is_the_jackknife() -> None:
    W, y, one = drawn(n=60)
    rng = np.random.default_rng
    for estimate in (
        lambda rows: huber_regression(W[rows], y[rows], one[rows]),
        lambda rows: mm_regression(W[rows], y[rows], one[rows], rng(0), n_starts=3),
    ):
        whole = estimate(np.arange(60))
        left_out = np.stack([estimate(np.delete(np.arange(60), i)).coefficients for i in range(60)])
        jackknife = np.sqrt(((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0) * 59 / 60)
        assert np.sqrt((whole.influence**2).sum(axis=0)) / 60 == pytest.approx(jackknife, rel=0.12)


@pytest.mark.parametrize("loss", ["huber", "mm"])
def test_scale_shift_and_a_weight_of_two_mean_what_they_should(loss: str) -> None:
    W, y, one = drawn(n=120)

    def fit(W: Any, y: Any, weight: Any) -> Any:
        rng = np.random.default_rng(1)
        found = huber_regression(W, y, weight) if loss == "huber" else mm_regression(W, y, weight, rng, n_starts=20)
        return found.coefficients

    beta = fit(W, y, one)
    assert fit(W, 1e6 * y + W[:, 1], one) == pytest.approx(1e6 * beta + [0, 1, 0, 0], rel=1e-6)
    if loss == "huber":
        twice = np.append(np.arange(120), 5)
        assert fit(W[twice], y[twice], np.ones(121)) == pytest.approx(
            fit(W, y, np.where(np.arange(120) == 5, 2, 1)), abs=1e-7
        )


def test_no_scale() -> None:
    W, y, one = drawn()
    with pytest.raises(NoScale):
        huber_regression(W, np.where(np.arange(len(y)) < 150, 0.0, y), one)
    with pytest.raises(NoScale):
        mm_regression(W, np.zeros(len(y)), one, np.random.default_rng(0))
