"""Partial correlations of many (x, y | S) from one correlation matrix, level by level as PC needs them."""

import math

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.subsets import append_members, around, mark_members, next_subset, unite

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
    i: int, s: int, among: FloatArray, only: IntArray, weight: FloatArray, variance: FloatArray, covariance: FloatArray
) -> None:
    """Factor variable `s` in as the i-th member of the set: one more row of each array, for `only` and x.

    `among` (k, k) holds the correlations with each other of those who take part.
    """
    k = among.shape[0]
    if variance[i, s] < SINGULAR:  # determined by the members before it: adds nothing
        for j in only:
            weight[i, j] = 0.0
            variance[i + 1, j] = variance[i, j]
            covariance[i + 1, j] = covariance[i, j]
        variance[i + 1, k] = variance[i, k]
        return
    scale = 1.0 / math.sqrt(variance[i, s])
    on_x = covariance[i, s] * scale
    for j in only:
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
    correlation: FloatArray, adjacent: BoolArray, pool: BoolArray, kept: BoolArray, level: int, critical: float
) -> tuple[FloatArray, AnyArray, IntArray]:
    """Every test of x, y given `level` members of the pool of x, for all neighbours x, y.

    Conditioning sets are walked in lexicographic order, and of each only what follows the first changed member is
    factored anew (Cholesky, one row a member, for all who take part at once): a test costs O(level) operations.

    Args:
        correlation: (d, d).
        adjacent: (d, d), the pairs to be tested, symmetric.
        pool: (d, d), whether s may stand in a set for the tests of x, at [s, x].
        kept: (d, d), pairs that are in the graph whatever the tests say.
        level: size of the conditioning sets, at least 1.
        critical: the largest |partial correlation| that counts as none.

    Returns:
        smallest: (d, d), smallest |partial correlation| over the sets, 1 where there was no test.
        separators: (m, 3), rows (x, y, s): s is in a set from the pool of x given which x and y are independent.
        n_tests: (1,), how many tests there were.
    """
    d = correlation.shape[0]
    smallest = np.ones((d, d))
    found, n_found = np.empty((256, 3), dtype=np.int32), 0
    n_tests = np.zeros(1, dtype=np.int64)
    for x in range(d):
        near, members, asked = around(x, adjacent, pool)
        k = len(near)
        if len(members) < level or k - 1 < level or len(asked) == 0:
            continue
        everyone = np.arange(k)
        among = np.empty((k, k))
        weight = np.zeros((level, k))  # of variable j on the i-th member of the set
        variance = np.ones((level + 1, k + 1))  # of variable j, and last of x, given the first i members
        covariance = np.empty((level + 1, k))  # of variable j with x, given the first i members
        for j in range(k):
            covariance[0, j] = correlation[x, near[j]]
            for s in range(k):
                among[s, j] = correlation[near[s], near[j]]
        union = np.zeros((k, k), dtype=np.bool_)
        inside = np.zeros(k, dtype=np.bool_)
        member, first = np.arange(level), 0
        while first >= 0:
            for i in range(first, level):
                only = (
                    everyone if i < level - 1 else asked
                )  # what follows the last member is tested, not conditioned on
                _condition(i, members[member[i]], among, only, weight, variance, covariance)
            mark_members(inside, members, member)
            for j in asked:
                if inside[j] or variance[level, j] < SINGULAR or variance[level, k] < SINGULAR:
                    continue  # a variable that the set determines can't be tested
                n_tests[0] += 1
                r = abs(covariance[level, j]) / math.sqrt(variance[level, j] * variance[level, k])
                smallest[x, near[j]] = min(smallest[x, near[j]], r)
                if r <= critical and not kept[x, near[j]]:
                    unite(union, j, inside)
            first = next_subset(member, len(members))
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
