"""Correlations over the rows that are complete in a few columns, one selection of columns at a time."""

import math
from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.block_correlation import columns_of, eliminate, log_ratio
from dorec.numeric.compiled import kernel


class Moments(NamedTuple):
    """Rows by which variables they know: sums where many rows know the same ones, and the other rows as they are."""

    n_rows: IntArray  # (p,), rows of each pattern
    seen: BoolArray  # (p, d), the variables that its rows know
    total: FloatArray  # (p, K), sums of the columns; 0 where unknown
    product: FloatArray  # (p, K, K), sums of products
    row: FloatArray  # (r, K), rows of rare patterns; 0 where unknown
    row_seen: BoolArray  # (r, d)


def moments_of(matrix: FloatArray, start: IntArray) -> Moments:
    """The moments of a matrix (n, K) with NaN, whose variables' columns start at `start` (d + 1,).

    A pattern gets sums if it has at least K rows, so that they take no more memory than the rows would.

    >>> found = moments_of(np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 0.0]]), np.array([0, 1, 2]))
    >>> found.n_rows.tolist(), found.total.tolist(), found.row.tolist()
    ([2], [[6.0, 2.0]], [[3.0, 0.0]])
    """
    known = ~np.isnan(matrix[:, start[:-1]])
    filled = np.where(np.isnan(matrix), 0.0, matrix)
    packed = np.packbits(known, axis=1)
    _, first, which, count = np.unique(packed, axis=0, return_index=True, return_inverse=True, return_counts=True)
    which = which.ravel()
    many = np.flatnonzero(count >= matrix.shape[1])
    parts = [filled[which == p] for p in many.tolist()]
    k = matrix.shape[1]
    rare = ~np.isin(which, many)
    return Moments(
        count[many].astype(np.int64),
        known[first[many]],
        np.array([part.sum(axis=0) for part in parts]).reshape(-1, k),
        np.array([part.T @ part for part in parts]).reshape(-1, k, k),
        filled[rare],
        known[rare],
    )


@kernel
def complete_moments(moments: Moments, row: AnyArray, columns: IntArray) -> tuple[int, FloatArray]:
    """How many rows know every variable of `row`, and the correlation of the columns over them.

    A column that does not vary there has variance 0 and correlation 0.
    """
    k = len(columns)
    n = 0
    total, product = np.zeros(k), np.zeros((k, k))
    for p in range(len(moments.n_rows)):
        whole = True
        for v in row:
            whole = whole and moments.seen[p, v]
        if whole:
            n += moments.n_rows[p]
            for i in range(k):
                total[i] += moments.total[p, columns[i]]
                for j in range(i, k):
                    product[i, j] += moments.product[p, columns[i], columns[j]]
    for r in range(len(moments.row)):
        whole = True
        for v in row:
            whole = whole and moments.row_seen[r, v]
        if whole:
            n += 1
            for i in range(k):
                value = moments.row[r, columns[i]]
                total[i] += value
                for j in range(i, k):
                    product[i, j] += value * moments.row[r, columns[j]]
    for i in range(k):
        for j in range(i, k):
            product[i, j] -= total[i] * total[j] / max(n, 1)
    scale = np.zeros(k)
    for i in range(k):
        if product[i, i] > 1e-12 * n:  # of columns of variance 1: below it is rounding error
            scale[i] = 1.0 / math.sqrt(product[i, i])
    for i in range(k):
        for j in range(i, k):
            product[i, j] *= scale[i] * scale[j]
            product[j, i] = product[i, j]
    return n, product


@kernel
def incomplete_ratios(moments: Moments, start: IntArray, rows: AnyArray) -> tuple[FloatArray, IntArray, IntArray]:
    """What `block_ratios` gives, over the rows complete in each test's variables, and how many these are (m,)."""
    m = len(rows)
    ratio, ranks = np.zeros(m), np.zeros((m, 3), dtype=np.int64)
    n_rows = np.zeros(m, dtype=np.int64)
    for t in range(m):
        columns, n_given, n_x, n_y = columns_of(rows[t], start)
        n_rows[t], local = complete_moments(moments, rows[t], columns)
        ranks[t, 2], _ = eliminate(local, 0, n_given)
        ratio[t], ranks[t, 0], ranks[t, 1] = log_ratio(local[n_given:, n_given:].copy(), n_x, n_y)
    return ratio, ranks, n_rows
