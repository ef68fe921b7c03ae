"""Partial correlations of many (x, y | S) from one correlation matrix, level by level as PC needs them."""

import math

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.subsets import append_members, mark_members, neighbours, next_subset, unite

SINGULAR = 1e-10  # a residual variance (of 1) below this is rounding error: the variable is determined by the set


def partial_correlation(correlation: FloatArray, x: int, y: int, given: tuple[int, ...] = ()) -> float:
    """The correlation of x and y that is left once the variables `given` are regressed out.

    >>> r = np.array([[1.0, 0.6, 0.5], [0.6, 1.0, 0.3], [0.5, 0.3, 1.0]])
    >>> abs(round(partial_correlation(r, 1, 2, (0,)), 6))
    0.0
    """
    index = [x, y, *given]
    precision = np.linalg.inv(correlation[np.ix_(index, index)])
    return float(-precision[0, 1] / math.sqrt(precision[0, 0] * precision[1, 1]))


@kernel
def _condition(
    i: int, s: int, among: FloatArray, weight: FloatArray, variance: FloatArray, covariance: FloatArray
) -> None:
    """Factor neighbour `s` in as the i-th member of the set: one more row of each array, for all neighbours and x.

    `among` (k, k + 1) holds the correlations of the neighbours with each other and, last, with x.
    """
    k = among.shape[0]
    if variance[i, s] < SINGULAR:  # determined by the members before it: adds nothing
        for j in range(k):
            weight[i, j] = 0.0
            variance[i + 1, j] = variance[i, j]
            covariance[i + 1, j] = covariance[i, j]
        variance[i + 1, k] = variance[i, k]
        return
    scale = 1.0 / math.sqrt(variance[i, s])
    on_x = covariance[i, s] * scale
    for j in range(k):
        total = among[s, j]
        for m in range(i):
            total -= weight[m, s] * weight[m, j]
        total *= scale
        weight[i, j] = total
        variance[i + 1, j] = variance[i, j] - total * total
        covariance[i + 1, j] = covariance[i, j] - total * on_x
    variance[i + 1, k] = variance[i, k] - on_x * on_x


@kernel
def correlation_level(
    correlation: FloatArray, adjacent: BoolArray, usable: BoolArray, kept: BoolArray, level: int, critical: float
) -> tuple[FloatArray, AnyArray, IntArray]:
    """Every test of x, y given `level` neighbours of x, for all neighbours x, y.

    Conditioning sets are walked in lexicographic order, and of each only what follows the first changed member is
    factored anew (Cholesky, one row a member, for all neighbours of x at once): a test costs O(level) operations.

    Args:
        correlation: (d, d).
        adjacent: (d, d), the graph at the start of the level, symmetric.
        usable: (d, d), whether s may stand in a set drawn from the neighbours of x, at [s, x].
        kept: (d, d), pairs that are in the graph whatever the tests say.
        level: size of the conditioning sets, at least 1.
        critical: the largest |partial correlation| that counts as none.

    Returns:
        smallest: (d, d), smallest |partial correlation| over the sets, 1 where there was no test.
        separators: (m, 3), rows (x, y, s): s is in a set from x's neighbours given which x and y are independent.
        n_tests: (1,), how many tests there were.
    """
    d = correlation.shape[0]
    smallest = np.ones((d, d))
    found, n_found = np.empty((256, 3), dtype=np.int32), 0
    n_tests = np.zeros(1, dtype=np.int64)
    for x in range(d):
        near, pool = neighbours(x, adjacent, usable)
        k = len(near)
        if len(pool) < level or k - 1 < level:
            continue
        among = np.empty((k, k))
        weight = np.zeros((level, k))  # of neighbour j on the i-th member of the set
        variance = np.ones((level + 1, k + 1))  # of neighbour j, and last of x, given the first i members
        covariance = np.empty((level + 1, k))  # of neighbour j with x, given the first i members
        for j in range(k):
            covariance[0, j] = correlation[x, near[j]]
            for s in range(k):
                among[s, j] = correlation[near[s], near[j]]
        union = np.zeros((k, k), dtype=np.bool_)
        inside = np.zeros(k, dtype=np.bool_)
        member, first = np.arange(level), 0
        while first >= 0:
            for i in range(first, level):
                _condition(i, pool[member[i]], among, weight, variance, covariance)
            mark_members(inside, pool, member)
            for j in range(k):
                if inside[j] or variance[level, j] < SINGULAR or variance[level, k] < SINGULAR:
                    continue  # a variable that the set determines can't be tested
                n_tests[0] += 1
                r = abs(covariance[level, j]) / math.sqrt(variance[level, j] * variance[level, k])
                smallest[x, near[j]] = min(smallest[x, near[j]], r)
                if r <= critical and not kept[x, near[j]]:
                    unite(union, j, inside)
            first = next_subset(member, len(pool))
        found, n_found = append_members(found, n_found, x, near, union)
    return smallest, found[:n_found], n_tests


def determined_columns(correlation: FloatArray) -> IntArray:
    """Positions of the columns that are linear functions of the columns before them.

    >>> determined_columns(np.array([[1.0, 0.5, 1.0], [0.5, 1.0, 0.5], [1.0, 0.5, 1.0]])).tolist()
    [2]
    """
    d = len(correlation)
    try:
        np.linalg.cholesky(correlation - SINGULAR * np.eye(d))
    except np.linalg.LinAlgError:
        pass
    else:
        return np.zeros(0, dtype=np.int64)
    left = correlation.astype(np.float64)
    found = []
    for j in range(d):
        if left[j, j] < SINGULAR:
            found.append(j)
        else:
            left = left - np.outer(left[j], left[j]) / left[j, j]
    return np.array(found, dtype=np.int64)
