"""Numbers and categories in one covariance matrix: the degenerate Gaussian embedding (Andrews, Ramsey, Cooper 2019).

A category of L levels stands as L - 1 indicators, which the model takes for jointly Gaussian with the numbers. Each
variable is a block of columns; a block's columns are made uncorrelated with variance 1, so that what a number is
measured in, and which level a category leaves out, can't matter.
"""

import math
from collections.abc import Sequence

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel

RIDGE = 1e-6  # share of the covariance that is noise: what follows exactly from the rest keeps a finite likelihood


def embedded(columns: Sequence[AnyArray]) -> tuple[FloatArray, IntArray]:
    """Standardised blocks (n, m), and where each variable's block begins, (d + 1,).

    Args:
        columns: (n,) each; floats are numbers, integers are the codes of a category, from 0, every one of which occurs.

    Example:
        >>> matrix, first = embedded([np.array([1.0, 2.0, 4.0, 5.0]), np.array([0, 1, 2, 0])])
        >>> matrix.shape, first.tolist()
        ((4, 3), [0, 1, 3])
    """
    blocks = [_block(np.asarray(column)) for column in columns]
    first = np.cumsum([0, *(block.shape[1] for block in blocks)])
    return np.hstack(blocks), first.astype(np.int64)


def _block(column: AnyArray) -> FloatArray:
    if column.dtype.kind == "f":
        scaled = column / np.abs(column).max()  # squares of very large or small numbers are out of range
        centred = (scaled - scaled.mean())[:, None]
    else:
        centred = (column[:, None] == np.arange(1, int(column.max()) + 1)).astype(np.float64)
        centred -= centred.mean(axis=0)
    factor = np.linalg.cholesky(centred.T @ centred / len(centred))
    white: FloatArray = np.linalg.solve(factor, centred.T).T
    return white


def blocks_correlation(matrix: FloatArray) -> FloatArray:
    """The covariance (m, m) of `embedded` columns, a millionth of it noise.

    >>> matrix, _ = embedded([np.array([1.0, 2.0, 4.0, 5.0]), np.array([0, 0, 1, 1])])
    >>> blocks_correlation(matrix).round(3).tolist()
    [[1.0, 0.949], [0.949, 1.0]]
    """
    total: FloatArray = (1 - RIDGE) * (matrix.T @ matrix / len(matrix))
    total[np.diag_indices(len(total))] += RIDGE
    return total


@kernel
def block_rest(correlation: FloatArray, first: IntArray, y: int, parents: IntArray) -> float:
    """The log determinant of block y's covariance given the blocks of its parents; 0 for what they say nothing of.

    >>> r = np.array([[1.0, 0.6], [0.6, 1.0]])
    >>> round(block_rest(r, np.array([0, 1, 2]), 1, np.array([0])), 4)  # log(1 - .36)
    -0.4463
    """
    column = np.empty(len(correlation), dtype=np.int64)
    m = 0
    for p in parents:
        for c in range(first[p], first[p + 1]):
            column[m] = c
            m += 1
    below = m
    for c in range(first[y], first[y + 1]):
        column[m] = c
        m += 1
    factor = np.zeros((m, m))
    out = 0.0
    for i in range(m):
        for j in range(i + 1):
            total = correlation[column[i], column[j]]
            for q in range(j):
                total -= factor[i, q] * factor[j, q]
            if i == j:
                factor[i, i] = math.sqrt(total)
                out += math.log(total) if i >= below else 0.0
            else:
                factor[i, j] = total / factor[j, j]
    return out


@kernel
def swept_rows(correlation: FloatArray, first: IntArray, parents: IntArray, k: int, y: int) -> tuple[FloatArray, int]:
    """Rows of the Cholesky factor for the first k parents and then y, against all columns, and how many are parents'.

    >>> rows, below = swept_rows(np.array([[1.0, 0.6], [0.6, 1.0]]), np.array([0, 1, 2]), np.array([0]), 1, 1)
    >>> rows.round(3).tolist(), int(below)
    ([[1.0, 0.6], [0.0, 0.8]], 1)
    """
    size = first[y + 1] - first[y]
    below = 0
    for i in range(k):
        below += first[parents[i] + 1] - first[parents[i]]
    factor = np.empty((below + size, len(correlation)))
    row = 0
    for i in range(k + 1):
        p = parents[i] if i < k else y
        for s in range(first[p], first[p + 1]):
            factor[row] = correlation[s]
            for q in range(row):
                factor[row] -= factor[q, s] * factor[q]
            factor[row] /= math.sqrt(factor[row, s])
            row += 1
    return factor, below


@kernel
def swept_rest(correlation: FloatArray, rows: FloatArray, n_rows: int, start: int, stop: int) -> float:
    """The log determinant of the covariance of columns start..stop-1 given what the first `n_rows` rows stand for.

    >>> swept_rest(np.eye(2), np.array([[1.0, 0.0]]), 1, 1, 2)
    0.0
    """
    size = stop - start
    factor = np.empty((size, size))
    out = 0.0
    for i in range(size):
        for j in range(i + 1):
            total = correlation[start + i, start + j]
            for q in range(n_rows):
                total -= rows[q, start + i] * rows[q, start + j]
            for q in range(j):
                total -= factor[i, q] * factor[j, q]
            if i == j:
                factor[i, i] = math.sqrt(total)
                out += math.log(total)
            else:
                factor[i, j] = total / factor[j, j]
    return out
