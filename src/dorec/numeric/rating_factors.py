"""Half steps of alternating least squares for rated pairs: rows of one side given factors of the other."""

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.implicit_als import _factorise, _solve_with


def weighted_ridge_rows(
    entries: tuple[IntArray, IntArray], weight: FloatArray, target: FloatArray, other: FloatArray, reg: FloatArray
) -> FloatArray:
    """For each row the x (k,) that minimises sum_j w_j (t_j - y_j'x)^2 + sum_f reg_f x_f^2 over its entries, (n, k).

    A row without entries is 0. Each row costs its entries x k^2 + k^3.

    Args:
        entries: indptr (n + 1,) and indices (m,) of the rows' columns.
        weight: (m,), from 0 on.
        target: (m,).
        other: factors of the columns, (n_columns, k).
        reg: (k,), above 0.

    Example:
        >>> one = np.ones(1)
        >>> entries = np.array([0, 1]), np.array([0])
        >>> weighted_ridge_rows(entries, one, 3.0 * one, np.ones((1, 1)), 0.5 * one).round(6).tolist()
        [[2.0]]
    """
    out = np.zeros((len(entries[0]) - 1, other.shape[1]))
    _rows(entries, weight, target, np.ascontiguousarray(other), reg, out)
    return out


@kernel
def _rows(
    entries: tuple[IntArray, IntArray],
    weight: FloatArray,
    target: FloatArray,
    other: FloatArray,
    reg: FloatArray,
    out: FloatArray,
) -> None:
    indptr, indices = entries
    k = other.shape[1]
    a = np.empty((k, k))
    for u in range(len(out)):
        if indptr[u] == indptr[u + 1]:
            continue
        x = out[u]
        a[:] = 0.0
        for f in range(k):
            a[f, f] = reg[f]
        for q in range(indptr[u], indptr[u + 1]):
            y = other[indices[q]]
            for i in range(k):
                w = weight[q] * y[i]
                x[i] += w * target[q]
                for j in range(i + 1):
                    a[i, j] += w * y[j]
        _factorise(a)
        _solve_with(a, x)
