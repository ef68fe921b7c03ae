"""Regressions of every column of a matrix on its other columns, from the Gram matrix alone: a few weights a column."""

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.compiled import fast_kernel, kernel, ranges, run_parts

PARTS_PER_THREAD = 16


def elastic_net_columns(
    gram: FloatArray,
    near: IntArray,
    *,
    l1: float,
    l2: float,
    tolerance: float = 1e-4,
    max_passes: int = 200,
    threads: int = 1,
) -> FloatArray:
    """Weights at least zero, (m, k), of each column's candidates `near` (m, k): coordinate descent on the Gram matrix.

    For column i they minimise |x_i - X w|^2 / 2 + l2 |w|^2 / 2 + l1 sum(w) over w >= 0 on the candidates; -1 in `near`
    is no candidate. Passes end when no weight moves by more than `tolerance`. Friedman, Hastie, Tibshirani 2010,
    doi:10.18637/jss.v033.i01, with covariance updates.

    Example:
        >>> gram = np.array([[2.0, 1.0], [1.0, 2.0]])
        >>> elastic_net_columns(gram, np.array([[1], [0]]), l1=0.0, l2=0.0).tolist()
        [[0.5], [0.5]]
    """
    out = np.zeros(near.shape)

    def rows(start: int, stop: int) -> None:
        _descend((start, stop), gram, near, (l1, l2, tolerance, max_passes), out)

    run_parts(rows, list(ranges(len(near), PARTS_PER_THREAD * threads)), threads)
    return out


@fast_kernel
def _descend(
    span: tuple[int, int], gram: FloatArray, near: IntArray, how: tuple[float, float, float, int], out: FloatArray
) -> None:
    l1, l2, tolerance, max_passes = how
    k = near.shape[1]
    left = np.empty(k)  # what each candidate still correlates with the residual
    rows = np.empty((k, k))  # of the Gram matrix among the candidates, fetched when a weight first moves
    own, fetched = np.empty(k), np.zeros(k, dtype=np.bool_)
    for i in range(span[0], span[1]):
        candidates = near[i][near[i] >= 0]
        w, size = out[i], len(candidates)
        fetched[:] = False
        for a in range(size):
            left[a] = gram[i, candidates[a]]
            own[a] = gram[candidates[a], candidates[a]]
        whole = True  # every candidate is tried; then those with a weight until they rest
        for _ in range(max_passes):
            moved = 0.0
            for a in range(size):
                if not whole and w[a] == 0.0:
                    continue
                new = max((left[a] + own[a] * w[a] - l1) / (own[a] + l2), 0.0) if own[a] + l2 > 0.0 else 0.0
                step = new - w[a]
                if step != 0.0:
                    w[a] = new
                    row = rows[a]
                    if not fetched[a]:
                        fetched[a] = True
                        for b in range(size):
                            row[b] = gram[candidates[a], candidates[b]]
                    for b in range(size):
                        left[b] -= step * row[b]
                    moved = max(moved, abs(step))
            if moved <= tolerance:
                if whole:
                    break
                whole = True
            else:
                whole = False


def local_ridge_columns(
    near: IntArray, gram: FloatArray, own: FloatArray, *, k: int, reg: float, threads: int = 1
) -> FloatArray:
    """Ridge weights (m, k) of each column on its k nearest others, from a Gram matrix that is known near its diagonal.

    Args:
        near: the nearest columns of each column, (m, K), K >= k, -1 where there are fewer.
        gram: dot products with them, (m, K); what is not listed by either of two columns counts as zero.
        own: squared norms, (m,).
        k: columns in each regression.
        reg: of the ridge.
        threads: to use.

    Example:
        >>> near, gram = np.array([[1], [0]]), np.array([[1.0], [1.0]])
        >>> local_ridge_columns(near, gram, np.array([1.0, 3.0]), k=1, reg=1.0).tolist()
        [[0.25], [0.5]]
    """
    out = np.zeros((len(near), k))

    def rows(start: int, stop: int) -> None:
        _solve((start, stop), near, gram, own, reg, out)

    run_parts(rows, list(ranges(len(near), PARTS_PER_THREAD * threads)), threads)
    return out


@kernel
def _solve(
    span: tuple[int, int], near: IntArray, gram: FloatArray, own: FloatArray, reg: float, out: FloatArray
) -> None:
    k = out.shape[1]
    slot = np.full(len(near), -1, dtype=np.int64)
    for i in range(span[0], span[1]):
        size = 0
        while size < k and near[i, size] >= 0:
            slot[near[i, size]] = size
            size += 1
        if size == 0:
            continue
        A = np.zeros((size, size))
        for a in range(size):
            j = near[i, a]
            A[a, a] = own[j] + reg
            for q in range(near.shape[1]):
                other = near[j, q]
                if other < 0:
                    break
                b = slot[other]
                if b >= 0:
                    A[a, b] = gram[j, q]
                    A[b, a] = gram[j, q]
        out[i, :size] = np.linalg.solve(A, gram[i, :size].copy())
        for a in range(size):
            slot[near[i, a]] = -1
