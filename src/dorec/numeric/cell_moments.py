"""Sums of products of each cell of a table in one pass: what a regression for every action and fold is fitted from."""

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.compiled import fast_kernel


@fast_kernel
def cell_moments(
    x: FloatArray, y: FloatArray, weight: FloatArray, cell: IntArray, n_cells: int
) -> tuple[FloatArray, FloatArray]:
    """Weighted X'X and X'y of each cell, (n_cells, d, d) and (n_cells, d).

    Args:
        x: finite numbers (n, d).
        y: (n,).
        weight: (n,), or one number for all, (1,).
        cell: (n,) codes below `n_cells`.
        n_cells: how many.

    >>> gram, cross = cell_moments(np.ones((3, 1)), np.array([1.0, 2.0, 4.0]), np.ones(1), np.array([0, 1, 1]), 2)
    >>> gram[:, 0, 0].tolist(), cross[:, 0].tolist()
    ([1.0, 2.0], [1.0, 6.0])
    """
    n, d = x.shape
    gram, cross = np.zeros((n_cells, d, d)), np.zeros((n_cells, d))
    one = len(weight) == 1
    for i in range(n):
        c = cell[i]
        w = weight[0] if one else weight[i]
        wy = w * y[i]
        for j in range(d):
            wx = w * x[i, j]
            cross[c, j] += wy * x[i, j]
            for k in range(j + 1):
                gram[c, j, k] += wx * x[i, k]
    for c in range(n_cells):
        for j in range(d):
            for k in range(j):
                gram[c, k, j] = gram[c, j, k]
    return gram, cross
