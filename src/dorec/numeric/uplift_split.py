"""Splits of an uplift tree, compiled: how far outcomes of the arms are apart on both sides of a cut.

Rzepakowski, Jaroszewicz 2012 (doi:10.1007/s10115-011-0434-0): a cut is worth what it adds to the divergence between the
outcome distributions of treated and control units, over a penalty for cuts that part the arms themselves or are uneven.
"""

import math
from typing import Any

import numpy as np

from dorec.numeric.compiled import kernel
from dorec.numeric.honest_tree import N_BINS, partition

KL, EUCLIDEAN, CHI = 0, 1, 2
COUNT, WEIGHT, POSITIVE = 0, 1, 2  # what is summed for each bin and arm
TINY = 1e-6  # probabilities are kept this far from 0 and 1 where they divide


@kernel
def divergence(kind: int, p: float, q: float) -> float:
    """How far a share p of positive outcomes is from a share q: Kullback-Leibler, squared Euclidean or chi-squared.

    >>> divergence(EUCLIDEAN, 0.5, 0.25), round(divergence(CHI, 0.5, 0.25), 4), round(divergence(KL, 0.5, 0.25), 4)
    (0.125, 0.3333, 0.1438)
    """
    if kind == EUCLIDEAN:
        return 2.0 * (p - q) * (p - q)
    q = min(max(q, TINY), 1.0 - TINY)
    if kind == CHI:
        return (p - q) * (p - q) / (q * (1.0 - q))
    found = 0.0
    if p > 0.0:
        found += p * math.log(p / q)
    if p < 1.0:
        found += (1.0 - p) * math.log((1.0 - p) / (1.0 - q))
    return found


@kernel
def impurity(kind: int, p: float) -> float:
    """Entropy of a two-way split for the Kullback-Leibler criterion, Gini's index for the others.

    >>> round(impurity(KL, 0.5), 4), impurity(CHI, 0.5), impurity(KL, 0.0)
    (0.6931, 0.5, 0.0)
    """
    if kind != KL:
        return 1.0 - p * p - (1.0 - p) * (1.0 - p)
    if p <= 0.0 or p >= 1.0:
        return 0.0
    return -p * math.log(p) - (1.0 - p) * math.log(1.0 - p)


@kernel
def node_divergence(kind: int, side: Any, alpha: float, laplace: float) -> float:
    """The divergence of a node's arms, from sums (k, 3): each arm from the first, and arms from one another.

    With several treatments, the mean divergence from the first arm counts `alpha`, that between treatments the rest.
    """
    k = len(side)
    share = np.empty(k)
    for a in range(k):
        total = side[a, WEIGHT] + 2.0 * laplace
        share[a] = (side[a, POSITIVE] + laplace) / total if total > 0.0 else 0.5
    from_control = 0.0
    for a in range(1, k):
        from_control += divergence(kind, share[a], share[0])
    from_control /= k - 1
    if k == 2:
        return from_control
    between = 0.0
    for a in range(1, k):
        for b in range(1, k):
            if a != b:
                between += divergence(kind, share[a], share[b])
    return alpha * from_control + (1.0 - alpha) * between / ((k - 1) * (k - 2))


@kernel
def penalty(kind: int, left: Any, whole: Any, alpha: float) -> float:
    """The normalisation of a cut: large where it parts the arms, or cuts them evenly, and never below 1/2.

    Equations 6 and 7 of the paper and their form for several treatments; `left` and `whole` are sums (k, 3).
    """
    k = len(whole)
    n, treated, treated_left = 0.0, 0.0, 0.0
    for a in range(k):
        n += whole[a, WEIGHT]
    for a in range(1, k):
        treated += whole[a, WEIGHT]
        treated_left += left[a, WEIGHT]
    of_control = left[0, WEIGHT] / whole[0, WEIGHT]
    weight = alpha if k > 2 else 1.0
    found = 0.5 + whole[0, WEIGHT] / n * impurity(kind, of_control)
    found += weight * impurity(kind, treated / n) * divergence(kind, treated_left / treated, of_control)
    for a in range(1, k):
        share = left[a, WEIGHT] / whole[a, WEIGHT]
        pair = whole[a, WEIGHT] / (whole[a, WEIGHT] + whole[0, WEIGHT])
        found += whole[a, WEIGHT] / n * impurity(kind, share)
        found += (1.0 - weight) * impurity(kind, pair) * divergence(kind, share, of_control)
    return found


@kernel
def cut_gain(
    kind: int, left: Any, whole: Any, right: Any, before: float, normalise: bool, alpha: float, laplace: float
) -> float:
    """What a cut is worth; `right` (k, 3) is scratch for the other side's sums."""
    n, n_left = 0.0, 0.0
    for a in range(len(whole)):
        for j in range(3):
            right[a, j] = whole[a, j] - left[a, j]
        n += whole[a, WEIGHT]
        n_left += left[a, WEIGHT]
    after = n_left / n * node_divergence(kind, left, alpha, laplace)
    after += (n - n_left) / n * node_divergence(kind, right, alpha, laplace)
    gain = after - before
    return gain / penalty(kind, left, whole, alpha) if normalise else gain


@kernel
def best_cut(kind: int, table: Any, whole: Any, min_leaf: float, normalise: bool, alpha: float, laplace: float) -> Any:
    """The best cut between bins of sums (bins, k, 3): its gain, and the last bin that goes left, -1 where none can be.

    Every arm needs `min_leaf` units on either side.
    """
    k = len(whole)
    before = node_divergence(kind, whole, alpha, laplace)
    left, right = np.zeros((k, 3)), np.zeros((k, 3))
    best, where = 0.0, -1
    for b in range(len(table) - 1):
        filled, least, rest = 0.0, math.inf, math.inf
        for a in range(k):
            filled += table[b, a, COUNT]
            for j in range(3):
                left[a, j] += table[b, a, j]
            least = min(least, left[a, COUNT])
            rest = min(rest, whole[a, COUNT] - left[a, COUNT])
        if rest < min_leaf:
            break
        if filled == 0.0 or least < min_leaf:
            continue
        gain = cut_gain(kind, left, whole, right, before, normalise, alpha, laplace)
        if gain > best + 1e-15:
            best, where = gain, b
    return best, where


@kernel
def fill_sums(code: Any, rows: Any, arm: Any, weight: Any, positive: Any, table: Any) -> None:
    """Counts, weights and weighted positive outcomes by bin and arm, into `table` (bins, k, 3)."""
    table[:] = 0.0
    for i in rows:
        b, a = code[i], arm[i]
        table[b, a, COUNT] += 1.0
        table[b, a, WEIGHT] += weight[i]
        table[b, a, POSITIVE] += positive[i]


@kernel
def grow_uplift_tree(
    codes: Any, arm: Any, weight: Any, positive: Any, kind: int, normalise: bool, limits: Any, k: int
) -> Any:
    """A tree of binned features (p, m).

    Args:
        codes: (p, m) uint8 bins.
        arm: (m,) codes from 0, the control first.
        weight: (m,) of each unit.
        positive: (m,) the weight where the outcome is positive, else 0.
        limits: (4,) depth, units of each arm that a leaf needs, alpha, Laplace's count for each outcome.
        k: number of arms.

    Returns:
        feature (nodes,), -1 at a leaf; cut (nodes,), the last bin that goes left; left (nodes,), whose right sibling
        follows; gain (nodes,).
    """
    p, m = codes.shape
    depth_limit, min_leaf, alpha, laplace = int(limits[0]), limits[1], limits[2], limits[3]
    most = 2 ** (depth_limit + 1) - 1
    feature, cut = np.full(most, -1, dtype=np.int64), np.zeros(most, dtype=np.int64)
    left, gains = np.zeros(most, dtype=np.int64), np.zeros(most)
    bounds, depth = np.zeros((most, 2), dtype=np.int64), np.zeros(most, dtype=np.int64)
    rows = np.arange(m)
    bounds[0, 1] = m
    table = np.zeros((N_BINS, k, 3))
    n_nodes, at = 1, 0
    while at < n_nodes:
        start, stop = bounds[at]
        mine = rows[start:stop]
        best, found, where = 0.0, -1, -1
        if depth[at] < depth_limit:
            for f in range(p):
                fill_sums(codes[f], mine, arm, weight, positive, table)
                whole = table.sum(axis=0)
                gain, b = best_cut(kind, table, whole, min_leaf, normalise, alpha, laplace)
                if b >= 0 and gain > best:
                    best, found, where = gain, f, b
        if found >= 0:
            middle = start + partition(mine, codes[found], where)
            feature[at], cut[at], left[at], gains[at] = found, where, n_nodes, best
            bounds[n_nodes, 0], bounds[n_nodes, 1] = start, middle
            bounds[n_nodes + 1, 0], bounds[n_nodes + 1, 1] = middle, stop
            depth[n_nodes] = depth[n_nodes + 1] = depth[at] + 1
            n_nodes += 2
        at += 1
    return feature[:n_nodes].copy(), cut[:n_nodes].copy(), left[:n_nodes].copy(), gains[:n_nodes].copy()
