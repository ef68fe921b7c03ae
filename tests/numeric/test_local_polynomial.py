"""Local polynomials against weighted least squares, and bandwidths against those of the published software."""

import numpy as np
import pytest

from dorec.numeric.local_polynomial import (
    Side,
    bandwidths,
    boundary_density,
    boundary_weights,
    coefficients,
    neighbour_residuals,
    triangular,
)


def test_coefficients_are_weighted_least_squares() -> None:
    rng = np.random.default_rng(0)
    d, w, y = np.sort(rng.random(60)), rng.random(60), rng.normal(size=60)
    root = np.sqrt(triangular(d / 0.7) * w)
    by_hand = np.linalg.lstsq(np.vander(d, 3, increasing=True) * root[:, None], y * root, rcond=None)[0]
    assert coefficients(d, w, 2, 0.7) @ y == pytest.approx(by_hand)


def test_equal_bandwidths_make_the_corrected_line_a_local_quadratic() -> None:
    d = np.sort(np.random.default_rng(1).random(80))
    side = Side(d, d, d, np.ones(80))
    assert boundary_weights(side, 0.6, 0.6) == pytest.approx(coefficients(d, np.ones(80), 2, 0.6)[0], abs=1e-10)


def test_neighbour_residuals_by_hand() -> None:
    d, y = np.array([0.0, 0.1, 0.2, 0.9, 1.0]), np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    expected = [1 - 14 / 3, 2 - 13 / 3, 4 - 11 / 3, 8 - 22 / 3, 16 - 14 / 3]
    assert neighbour_residuals(d, y) == pytest.approx(np.array(expected) * np.sqrt(3 / 4))


def lee_sample(seed: int) -> tuple[Side, Side]:
    rng = np.random.default_rng(seed)
    x = 2 * rng.beta(2, 4, 1_000) - 1
    left = 0.48 + 1.27 * x + 7.18 * x**2 + 20.21 * x**3 + 21.54 * x**4 + 7.33 * x**5
    right = 0.52 + 0.84 * x - 3.00 * x**2 + 7.99 * x**3 - 9.01 * x**4 + 3.56 * x**5
    y = np.where(x < 0, left, right) + 0.1295 * rng.normal(size=1_000)
    order = np.argsort(x)
    x, y = x[order], y[order]
    return tuple(
        Side(x[rows], y[rows], neighbour_residuals(x[rows], y[rows]), np.ones(int(rows.sum())))
        for rows in (x < 0, x >= 0)
    )


@pytest.mark.parametrize(
    ("seed", "main", "pilot", "corrected", "error"),
    [
        (0, 0.15917385, 0.25155595, -0.01426724, 0.04360438),
        (1, 0.15871561, 0.28456734, -0.01845633, 0.04332048),
        (2, 0.1737871, 0.29968859, 0.01281338, 0.04542385),
    ],
)
def test_bandwidths_and_robust_error_are_those_of_rdrobust(
    seed: int, main: float, pilot: float, corrected: float, error: float
) -> None:
    """rdrobust 2.1.1 (Python), masspoints="off", all else by default."""
    left, right = lee_sample(seed)
    found = bandwidths(left, right)
    assert found == pytest.approx((main, pilot), rel=1e-4)
    value, variance = 0.0, 0.0
    for sign, side in ((-1, left), (1, right)):
        counts = boundary_weights(side, *found)
        value += sign * counts @ side.outcome
        variance += (counts * side.residual) @ (counts * side.residual)
    assert value == pytest.approx(corrected, abs=1e-5)
    assert np.sqrt(variance) == pytest.approx(error, rel=2e-3)


def test_density_at_the_boundary_and_its_error() -> None:
    found = []
    for seed in range(200):
        x = np.sort(np.random.default_rng(seed).beta(1, 2, 600))  # density 2 at 0
        value, influence = boundary_density(x, 1, 0.5, 600)
        found.append((value, influence.std() / np.sqrt(600)))
        assert influence.mean() == pytest.approx(value)
    values, errors = np.array(found).T
    assert abs(values.mean() - 2.0) < 4 * values.std() / np.sqrt(200)
    assert errors.mean() == pytest.approx(values.std(), rel=0.15)
