"""PCMCI's two steps on a lagged correlation matrix: what each column's past is told by, then MCI tests.

Column v at lag k stands at position k * d + v.
"""

import math

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel

SINGULAR = 1e-10  # a residual variance (of 1) below this is rounding error


@kernel
def partial(correlation: FloatArray, index: IntArray, k: int) -> float:
    """Partial correlation of the last two of the first `k` positions in `index` given the others; NaN where none is.

    A Cholesky factor of the submatrix with the conditions first; a condition that those before it determine adds
    nothing and is passed over.

    >>> r = np.array([[1.0, 0.6, 0.5], [0.6, 1.0, 0.3], [0.5, 0.3, 1.0]])
    >>> abs(round(partial(r, np.array([0, 1, 2]), 3), 6))
    0.0
    """
    factor = np.zeros((k, k))
    for i in range(k):
        for j in range(i):
            total = correlation[index[i], index[j]]
            for m in range(j):
                total -= factor[i, m] * factor[j, m]
            factor[i, j] = total / factor[j, j] if factor[j, j] > 0.0 else 0.0
        left = correlation[index[i], index[i]]
        for m in range(i):
            left -= factor[i, m] * factor[i, m]
        if left > SINGULAR:
            factor[i, i] = math.sqrt(left)
        elif i == k - 2:
            return np.nan
    share = factor[k - 1, k - 2]
    own = factor[k - 1, k - 1]
    if share * share + own * own < SINGULAR:
        return np.nan
    return share / math.sqrt(share * share + own * own)


@kernel
def select_past(
    correlation: FloatArray, y: int, candidates: IntArray, kept: BoolArray, critical: FloatArray
) -> tuple[IntArray, AnyArray]:
    """PC1 (Runge et al. 2019, algorithm S1): the candidates that stay dependent on y, strongest first.

    Each round tests every candidate given the p strongest others, p = 0, 1, ..., and drops those that are independent
    at the round's end.

    Args:
        correlation: of the window.
        y: position of the target, at lag 0.
        candidates: (c,), positions.
        kept: (c,), candidates that are not dropped, whatever the tests say.
        critical: (rounds,), the largest |partial correlation| that counts as none, by round.

    Returns:
        the kept positions, and the smallest |partial correlation| of each.
    """
    n = len(candidates)
    order = np.arange(n)
    weakest = np.full(n, np.inf)
    index = np.empty(n + 2, dtype=np.int64)
    drop = np.zeros(n, dtype=np.bool_)
    for p in range(len(critical)):
        if n - 1 < p:
            break
        for a in range(n):
            c = order[a]
            taken = 0
            for b in range(n):
                if taken == p:
                    break
                if b != a:
                    index[taken] = candidates[order[b]]
                    taken += 1
            index[p] = candidates[c]
            index[p + 1] = y
            r = abs(partial(correlation, index, p + 2))
            if math.isnan(r):
                r = 0.0  # determined by the others: it has nothing of its own to say
            weakest[c] = min(weakest[c], r)
            drop[c] = r <= critical[p] and not kept[c]
        left = order[:n][~drop[order[:n]]]
        n = len(left)
        order[:n] = left[np.argsort(-weakest[left], kind="mergesort")]
    return candidates[order[:n]], weakest[order[:n]]


@kernel
def mci_tests(
    correlation: FloatArray, d: int, max_lag: int, starts: IntArray, parents: IntArray, tested: BoolArray
) -> tuple[FloatArray, IntArray]:
    """Momentary conditional independence: x at lag k against y, given the parents of both.

    Args:
        correlation: of a window that reaches back 2 * max_lag.
        d: columns.
        max_lag: the largest lag of a test.
        starts: (d + 1,), where the parents of each column start in `parents`.
        parents: positions at lags 1..max_lag.
        tested: (d, d, max_lag + 1), which tests are made, at [x, y, k].

    Returns:
        value: (d, d, max_lag + 1), partial correlations, NaN where there is no test.
        size: (d, d, max_lag + 1), how many conditions each had.
    """
    value = np.full((d, d, max_lag + 1), np.nan)
    size = np.zeros((d, d, max_lag + 1), dtype=np.int64)
    index = np.empty(len(parents) * 2 + 2, dtype=np.int64)
    used = np.zeros(len(correlation), dtype=np.bool_)
    for y in range(d):
        for x in range(d):
            for lag in range(max_lag + 1):
                if not tested[x, y, lag]:
                    continue
                source, k = lag * d + x, 0
                used[:] = False
                used[source] = True
                used[y] = True
                for m in range(starts[y], starts[y + 1]):
                    if not used[parents[m]]:
                        used[parents[m]] = True
                        index[k] = parents[m]
                        k += 1
                for m in range(starts[x], starts[x + 1]):
                    shifted = parents[m] + lag * d
                    if not used[shifted]:
                        used[shifted] = True
                        index[k] = shifted
                        k += 1
                index[k] = source
                index[k + 1] = y
                value[x, y, lag] = partial(correlation, index, k + 2)
                size[x, y, lag] = k
    return value, size
