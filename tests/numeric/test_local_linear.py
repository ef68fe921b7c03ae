"""Local polynomials at inner points and their cross-validation: brute force."""

import numpy as np
import pytest

from dorec.numeric.local_linear import _left_out_loss, cross_validated_bandwidth, epanechnikov, local_weights


@pytest.mark.parametrize("order", [1, 2])
def test_weights_are_weighted_least_squares(order: int) -> None:
    rng = np.random.default_rng(0)
    x, y, weight = rng.normal(size=80), rng.normal(size=80), rng.integers(1, 4, 80).astype(float)
    root = np.sqrt(epanechnikov((x - 0.3) / 0.8) * weight)
    powers = (x - 0.3)[:, None] ** np.arange(order + 1)
    beta = np.linalg.lstsq(powers * root[:, None], y * root, rcond=None)[0]
    assert local_weights(x, 0.3, 0.8, order, weight) @ y == pytest.approx(beta[0])


def test_left_out_loss_is_leaving_out() -> None:
    rng = np.random.default_rng(1)
    x = np.sort(rng.normal(size=60)) * 100 + 5_000
    y, one = np.sin(x / 50) + 3.0, np.ones(60)
    brute = []
    for i in range(60):
        rest = np.arange(60) != i
        brute.append(y[i] - local_weights(x[rest], x[i], 150.0, 1, one[rest]) @ y[rest])
    assert _left_out_loss(x, y, 150.0, one) == pytest.approx(float(np.mean(np.square(brute))), rel=1e-6)


def test_too_narrow_a_window_is_not_chosen() -> None:
    x = np.arange(50.0)
    assert cross_validated_bandwidth(x, np.sin(x), np.array([0.5, 3.0]), np.ones(50)) == 3.0
