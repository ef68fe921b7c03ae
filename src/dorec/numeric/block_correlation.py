"""Likelihood ratios of independence between blocks of columns, from one correlation matrix.

A variable is a block of columns: a number is one, a discrete variable of k levels the k - 1 indicators of its levels.
"""

import math

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.contingency import chi2_sf
from dorec.numeric.partial_correlation import SINGULAR
from dorec.numeric.subsets import append_members, around, mark_members, next_subset, unite


@kernel
def eliminate(matrix: FloatArray, start: int, stop: int) -> tuple[int, float]:
    """Regress everything from `stop` on on the columns start..stop-1, in place: the Schur complement.

    Columns that the ones before them determine are passed over. Returns the rank of the columns and the logarithm of
    the determinant of what each leaves.

    >>> r = np.array([[1.0, 0.6, 0.5], [0.6, 1.0, 0.3], [0.5, 0.3, 1.0]])
    >>> eliminate(r, 0, 1), round(abs(float(r[1, 2])), 6)
    ((1, 0.0), 0.0)
    """
    k = matrix.shape[0]
    rank, log_det = 0, 0.0
    for p in range(start, stop):
        variance = matrix[p, p]
        if variance < SINGULAR:
            continue
        rank += 1
        log_det += math.log(variance)
        for i in range(p + 1, k):
            weight = matrix[i, p] / variance
            for j in range(p + 1, k):
                matrix[i, j] -= weight * matrix[p, j]
    return rank, log_det


@kernel
def log_ratio(matrix: FloatArray, n_x: int, n_y: int) -> tuple[float, int, int]:
    """log(det(R_y) / det(R_y given x)) >= 0 of the residuals of x (first n_x) and y (the next n_y), and their ranks.

    `matrix` (n_x + n_y, n_x + n_y) is used up.

    >>> ratio, rank_x, rank_y = log_ratio(np.array([[1.0, 0.6], [0.6, 1.0]]), 1, 1)
    >>> round(math.exp(-ratio), 6), rank_x, rank_y  # 1 - r²
    (0.64, 1, 1)
    """
    alone = matrix[n_x : n_x + n_y, n_x : n_x + n_y].copy()
    left = np.empty(n_y)  # the residual variance of each column of y given those before it
    rank_y, before = 0, 0.0
    for p in range(n_y):
        left[p] = alone[p, p]
        rank, log_det = eliminate(alone, p, p + 1)
        rank_y += rank
        before += log_det
    rank_x, _ = eliminate(matrix, 0, n_x)
    after = 0.0
    for p in range(n_x, n_x + n_y):
        if left[p - n_x] < SINGULAR:
            continue
        after += math.log(max(matrix[p, p], 1e-16 * left[p - n_x]))
        eliminate(matrix, p, p + 1)
    return max(before - after, 0.0), rank_x, rank_y


@kernel
def ratio_p_value(ratio: float, rank_x: int, rank_y: int, n: float) -> tuple[float, float]:
    """P-value of a log ratio of determinants, and its chi-square as a standard normal deviate (Wilson, Hilferty 1931).

    `n` is the number of rows less those that the mean and the conditioning set use up; Bartlett's (1938) correction
    takes away half the ranks more.

    >>> p, z = ratio_p_value(0.0384, 1, 1, 101.5)
    >>> round(p, 2), round(z, 1)
    (0.05, 1.7)
    """
    df = rank_x * rank_y
    statistic = (n - 0.5 * (rank_x + rank_y + 1)) * ratio
    spread = 2.0 / (9.0 * df)
    deviate = ((statistic / df) ** (1.0 / 3.0) - (1.0 - spread)) / math.sqrt(spread)
    return chi2_sf(statistic, df), deviate


@kernel
def columns_of(row: AnyArray, start: IntArray) -> tuple[IntArray, int, int, int]:
    """The columns of the conditioning set, of x and of y, in this order, and how many each has."""
    total = 0
    for v in row:
        total += start[v + 1] - start[v]
    columns = np.empty(total, dtype=np.int64)
    at = 0
    for c in range(2, len(row) + 2):
        v = row[c] if c < len(row) else row[c - len(row)]
        for j in range(start[v], start[v + 1]):
            columns[at] = j
            at += 1
    n_x, n_y = start[row[0] + 1] - start[row[0]], start[row[1] + 1] - start[row[1]]
    return columns, total - n_x - n_y, n_x, n_y


@kernel
def block_ratios(correlation: FloatArray, start: IntArray, rows: AnyArray) -> tuple[FloatArray, IntArray]:
    """The log ratio of each row (x, y, s1, s2, ..) of (m, 2 + k), (m,), and the ranks of x, y and the set, (m, 3).

    Args:
        correlation: (K, K), of all columns.
        start: (d + 1,), where each variable's columns start.
        rows: (m, 2 + k), whom to test given whom.
    """
    m = len(rows)
    ratio, ranks = np.zeros(m), np.zeros((m, 3), dtype=np.int64)
    for t in range(m):
        columns, n_given, n_x, n_y = columns_of(rows[t], start)
        k = len(columns)
        local = np.empty((k, k))
        for i in range(k):
            for j in range(k):
                local[i, j] = correlation[columns[i], columns[j]]
        ranks[t, 2], _ = eliminate(local, 0, n_given)
        ratio[t], ranks[t, 0], ranks[t, 1] = log_ratio(local[n_given:, n_given:].copy(), n_x, n_y)
    return ratio, ranks


@kernel
def ratio_p_values(ratio: FloatArray, ranks: IntArray, n: IntArray) -> tuple[FloatArray, FloatArray]:
    """P-values and deviates (m,) of log ratios with `n` rows each (m,), NaN where nothing is left to test."""
    m = len(ratio)
    p_value, deviate = np.full(m, np.nan), np.full(m, np.nan)
    for t in range(m):
        rank_x, rank_y = ranks[t, 0], ranks[t, 1]
        room = n[t] - 1.0 - ranks[t, 2]
        if rank_x > 0 and rank_y > 0 and room > rank_x + rank_y:
            p_value[t], deviate[t] = ratio_p_value(ratio[t], rank_x, rank_y, room)
    return p_value, deviate


@kernel
def _condition_on(
    s: int,
    used: int,
    columns: tuple[FloatArray, IntArray, IntArray],
    only: IntArray,
    weight: FloatArray,
) -> int:
    """Factor the block of variable `s` in: one row of `weight` for each column that adds something, for `only`.

    `columns` are the correlations of all, the first column of each variable, and `near`, the variables that take part;
    `weight` (rows, K) stands at the columns of the whole matrix. Returns how many rows are filled.
    """
    correlation, start, near = columns
    for a in range(start[near[s]], start[near[s] + 1]):
        variance = correlation[a, a]
        for i in range(used):
            variance -= weight[i, a] * weight[i, a]
        if variance < SINGULAR:
            continue
        scale = 1.0 / math.sqrt(variance)
        for place in only:
            v = near[place]
            for b in range(start[v], start[v + 1]):
                total = correlation[a, b]
                for i in range(used):
                    total -= weight[i, a] * weight[i, b]
                weight[used, b] = total * scale
        # the later columns of s itself must know this one, though s may not be among `only`
        for b in range(start[near[s]], start[near[s] + 1]):
            total = correlation[a, b]
            for i in range(used):
                total -= weight[i, a] * weight[i, b]
            weight[used, b] = total * scale
        used += 1
    return used


@kernel
def _residuals(
    correlation: FloatArray, start: IntArray, x: int, y: int, weight: FloatArray, used: int
) -> tuple[FloatArray, int, int]:
    """Covariance of what the first `used` rows of weight leave of x and y, and their numbers of columns."""
    n_x, n_y = start[x + 1] - start[x], start[y + 1] - start[y]
    left = np.empty((n_x + n_y, n_x + n_y))
    for i in range(n_x + n_y):
        a = start[x] + i if i < n_x else start[y] + i - n_x
        for j in range(i, n_x + n_y):
            b = start[x] + j if j < n_x else start[y] + j - n_x
            total = correlation[a, b]
            for m in range(used):
                total -= weight[m, a] * weight[m, b]
            left[i, j] = left[j, i] = total
    return left, n_x, n_y


@kernel
def block_level(
    correlation: FloatArray,
    start: IntArray,
    adjacent: BoolArray,
    pool: BoolArray,
    kept: BoolArray,
    level: int,
    alpha: float,
    n: int,
) -> tuple[FloatArray, FloatArray, AnyArray, IntArray]:
    """Every test of x, y given `level` members of the pool of x, of blocks of columns that start at `start` (d + 1,).

    Takes and returns what `correlation_level` does, with the largest p-value (-1 where there was no test) and the
    smallest deviate in the place of the smallest correlation; level 0 asks each pair once.
    """
    d = len(start) - 1
    largest, weakest = np.full((d, d), -1.0), np.full((d, d), np.inf)
    found, n_found = np.empty((256, 3), dtype=np.int32), 0
    n_tests = np.zeros(1, dtype=np.int64)
    widest = 0
    for v in range(d):
        widest = max(widest, start[v + 1] - start[v])
    weight = np.zeros((max(level, 1) * widest, correlation.shape[0]))
    used = np.zeros(level + 1, dtype=np.int64)
    for x in range(d):
        near, members, asked = around(x, adjacent, pool)
        k = len(near)
        if len(members) < level or k - 1 < level or len(asked) == 0:
            continue
        near = np.append(near, x)  # x itself is the last of those who take part
        everyone, tested = np.arange(k + 1), np.append(asked, k)
        union = np.zeros((k, k), dtype=np.bool_)
        inside = np.zeros(k, dtype=np.bool_)
        member, first = np.arange(level), 0
        while first >= 0:
            for i in range(first, level):
                only = everyone if i < level - 1 else tested
                used[i + 1] = _condition_on(members[member[i]], used[i], (correlation, start, near), only, weight)
            mark_members(inside, members, member)
            for j in asked:
                y = near[j]
                if inside[j] or (level == 0 and y < x):
                    continue
                left, n_x, n_y = _residuals(correlation, start, x, y, weight, used[level])
                ratio, rank_x, rank_y = log_ratio(left, n_x, n_y)
                room = n - 1.0 - used[level]
                if rank_x == 0 or rank_y == 0 or room <= rank_x + rank_y:
                    continue
                n_tests[0] += 1
                p, deviate = ratio_p_value(ratio, rank_x, rank_y, room)
                largest[x, y] = max(largest[x, y], p)
                weakest[x, y] = min(weakest[x, y], deviate)
                if p > alpha and not kept[x, y]:
                    unite(union, j, inside)
            first = next_subset(member, len(members)) if level else -1
        found, n_found = append_members(found, n_found, x, near[:k], union)
    return largest, weakest, found[:n_found], n_tests
