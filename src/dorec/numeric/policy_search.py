"""The best shallow tree of decisions, compiled: exact for two levels of splits (Zhou, Athey, Wager 2023).

Rows enter in the order of the root's column. For each column of the next level, a tree of partial sums over its values
keeps the best prefix of every difference between two actions, so that the best split of the rows so far is known after
each of them. All pairs of splits cost O(columns^2 x rows x log(rows) x actions^2) in the place of the rows^2 of a plain
search (doi:10.1287/opre.2022.2271 names the problem).
"""

import math
from typing import Any

import numpy as np

from dorec.numeric.compiled import kernel


@kernel
def insert(rank: int, gaps: Any, size: int, sums: Any, high: Any, low: Any, counts: Any) -> None:
    """Add a row at a place of the tree: `sums`, `high` and `low` (2 size, pairs) and `counts` (2 size,) above it.

    `sums` are of a node's rows, `high` and `low` the largest and smallest sum of a prefix that ends in the node.
    """
    node = size + rank
    pairs = len(gaps)
    counts[node] += 1
    for j in range(pairs):
        total = sums[node, j] + gaps[j]
        sums[node, j] = total
        high[node, j] = total
        low[node, j] = total
    node //= 2
    while node >= 1:
        left, right = 2 * node, 2 * node + 1
        counts[node] += 1
        for j in range(pairs):
            first = sums[left, j]
            sums[node, j] = first + sums[right, j]
            high[node, j] = max(high[left, j], first + high[right, j])
            low[node, j] = min(low[left, j], first + low[right, j])
        node //= 2


@kernel
def split_bound(totals: Any, high: Any, low: Any) -> float:
    """The best sum of one action on a prefix and another on the rest; `high` and `low` (pairs,) of the prefixes."""
    k = len(totals)
    best, j = -math.inf, 0
    for a in range(k):
        best = max(best, totals[a])
        for b in range(a + 1, k):
            # prefix a, rest b: the rest's total plus the prefix sum of (a - b); and the other way round
            best = max(best, totals[b] + high[j], totals[a] - low[j])
            j += 1
    return best


@kernel
def first_reaching(counts: Any, size: int, need: int) -> int:
    """The smallest place up to which at least `need` rows lie."""
    node = 1
    while node < size:
        node *= 2
        if counts[node] < need:
            need -= counts[node]
            node += 1
    return node - size


@kernel
def bounded_prefixes(first: int, last: int, size: int, sums: Any, high: Any, low: Any, best: Any, acc: Any) -> None:
    """The largest and smallest prefix sums that end in places first..last, into `best` (2, pairs); `acc` is scratch."""
    pairs = best.shape[1]
    for j in range(pairs):
        best[0, j], best[1, j], acc[j] = -math.inf, math.inf, 0.0
    stack = np.empty((64, 3), dtype=np.int64)
    stack[0, 0], stack[0, 1], stack[0, 2] = 1, 0, size - 1
    depth = 1
    while depth > 0:
        depth -= 1
        node, start, stop = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        if start > last:
            continue
        inside = start >= first and stop <= last
        if inside or stop < first:
            for j in range(pairs):
                if inside:
                    best[0, j] = max(best[0, j], acc[j] + high[node, j])
                    best[1, j] = min(best[1, j], acc[j] + low[node, j])
                acc[j] += sums[node, j]
            continue
        middle = (start + stop) // 2
        stack[depth, 0], stack[depth, 1], stack[depth, 2] = 2 * node + 1, middle + 1, stop
        stack[depth + 1, 0], stack[depth + 1, 1], stack[depth + 1, 2] = 2 * node, start, middle
        depth += 2


@kernel
def sweep(order: Any, root_code: Any, code: Any, size: int, scores: Any, gaps: Any, min_leaf: int, value: Any) -> None:
    """After each distinct value of the root's column, raise `value` (n,) to the best one split of `code` so far.

    `value[i]` belongs to the rows order[:i + 1] and is raised only at the last row of a value of the root's column.
    Sides of a split hold `min_leaf` rows; where there is no such split, all rows get their best action.
    """
    n, k = scores.shape
    pairs = gaps.shape[1]
    sums, counts = np.zeros((2 * size, pairs)), np.zeros(2 * size, dtype=np.int64)
    high, low = np.zeros((2 * size, pairs)), np.zeros((2 * size, pairs))
    best, acc, totals = np.empty((2, pairs)), np.empty(pairs), np.zeros(k)
    for i in range(n):
        row = order[i]
        insert(code[row], gaps[row], size, sums, high, low, counts)
        for a in range(k):
            totals[a] += scores[row, a]
        if i + 1 < n and root_code[order[i + 1]] == root_code[row]:
            continue
        if min_leaf <= 1 or split_bound(totals, high[1], low[1]) > value[i]:
            best[0], best[1] = high[1], low[1]
            if min_leaf > 1:
                first = first_reaching(counts, size, min_leaf)
                # the last place with at least min_leaf rows behind it
                last = first_reaching(counts, size, i + 2 - min_leaf) - 1 if i + 1 >= 2 * min_leaf else -1
                best[0], best[1] = -math.inf, math.inf
                if first <= last:
                    bounded_prefixes(first, last, size, sums, high, low, best, acc)
            value[i] = max(value[i], split_bound(totals, best[0], best[1]))


@kernel
def best_root(codes: Any, orders: Any, scores: Any, gaps: Any, min_leaf: int) -> Any:
    """The first split of the best tree of two levels: its value, column and last code that goes left.

    Args:
        codes: (p, n) dense ranks of each column's values.
        orders: (p, n) rows in the order of each column.
        scores: (n, k), what each action is worth for each row.
        gaps: (n, k (k - 1) / 2) differences between the scores of each two actions.
        min_leaf: rows that each side of a split needs, 1 or more.

    Returns:
        value, column (-1 where no split is allowed), code.
    """
    p, n = codes.shape
    best, column, cut = -math.inf, -1, -1
    sizes = np.ones(p, dtype=np.int64)
    for g in range(p):
        while sizes[g] <= codes[g].max():
            sizes[g] *= 2
    for f in range(p):
        order, code = orders[f], codes[f]
        if code[order[n - 1]] == code[order[0]]:
            continue
        ahead, behind = np.full(n, -math.inf), np.full(n, -math.inf)
        back = order[::-1].copy()
        for g in range(p):
            sweep(order, code, codes[g], sizes[g], scores, gaps, min_leaf, ahead)
            sweep(back, code, codes[g], sizes[g], scores, gaps, min_leaf, behind)
        for i in range(min_leaf - 1, n - min_leaf):
            if code[order[i]] == code[order[i + 1]]:
                continue
            value = ahead[i] + behind[n - 2 - i]
            if value > best:
                best, column, cut = value, f, code[order[i]]
    return best, column, cut


@kernel
def best_split(codes: Any, orders: Any, scores: Any, min_leaf: int) -> Any:
    """The best single split: its value, column (-1 where none is allowed) and last code that goes left."""
    p, n = codes.shape
    k = scores.shape[1]
    totals = np.zeros(k)
    for i in range(n):
        for a in range(k):
            totals[a] += scores[i, a]
    best, column, cut = -math.inf, -1, -1
    for f in range(p):
        left = np.zeros(k)
        for i in range(n - min_leaf):
            row = orders[f, i]
            for a in range(k):
                left[a] += scores[row, a]
            if i + 1 < min_leaf or codes[f, row] == codes[f, orders[f, i + 1]]:
                continue
            below, above = -math.inf, -math.inf
            for a in range(k):
                below = max(below, left[a])
                above = max(above, totals[a] - left[a])
            if below + above > best:
                best, column, cut = below + above, f, codes[f, row]
    return best, column, cut
