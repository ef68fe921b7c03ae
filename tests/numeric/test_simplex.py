"""Weights on the simplex against the conditions that define them."""

import numpy as np
import pytest

from dorec.numeric.simplex import simplex_weights


@pytest.mark.parametrize("ridge", [0.0, 2.0])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("shape", [(8, 5), (6, 20), (40, 12)])
def test_no_move_on_the_simplex_is_better(shape: tuple[int, int], intercept: bool, ridge: float) -> None:
    rng = np.random.default_rng(0)
    A, b = 100 * rng.normal(size=shape), 100 * rng.normal(size=shape[0])
    w = simplex_weights(A, b, ridge=ridge, intercept=intercept)
    assert w.min() >= 0
    assert w.sum() == pytest.approx(1.0)
    residual = A @ w - b
    residual = residual - residual.mean() if intercept else residual
    gradient = A.T @ residual + ridge * w
    # the gradient is least, and the same, where weights are positive
    assert (gradient - gradient @ w).min() > -1e-6 * np.abs(gradient).max()
