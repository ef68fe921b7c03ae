"""Neighbours with ties against a loop over all pairs."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from dorec.numeric.neighbours import cells_of, neighbour_shares, whitened


@pytest.mark.parametrize("k", [1, 3, 50])
@pytest.mark.parametrize("grid", [True, False])
def test_means_over_neighbours_are_those_of_a_loop(k: int, grid: bool) -> None:
    rng = np.random.default_rng(k)
    X = rng.integers(0, 4, (60, 2)).astype(float) if grid else rng.normal(size=(60, 2))
    y, pool = rng.normal(size=60), np.arange(60) % 3 == 0
    cells = cells_of(X)
    count = len(cells.points)
    size = np.bincount(cells.of[pool], minlength=count)
    shares = neighbour_shares(cells.points, size, k)
    ours = (shares @ np.bincount(cells.of[pool], weights=y[pool], minlength=count))[cells.of]
    distance = cdist(X, X[pool])
    reach = np.sort(distance, axis=1)[:, min(k, pool.sum()) - 1]
    near = distance <= reach[:, None] + 1e-9
    assert ours == pytest.approx((near * y[pool]).sum(axis=1) / near.sum(axis=1))


def test_whitened_distance_is_mahalanobis() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3)) @ rng.normal(size=(3, 3)) * [1.0, 100.0, 0.01]
    W = whitened(X, X)
    inverse = np.linalg.inv(np.cov(X.T, bias=True))
    assert cdist(W, W) == pytest.approx(cdist(X, X, "mahalanobis", VI=inverse), rel=1e-6, abs=1e-9)
    assert whitened(np.ones((4, 2)), np.ones((4, 2))).shape == (4, 1)
