"""Tests of independence in contingency tables, compiled, level by level as PC needs them."""

import math

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.subsets import append_members, around, mark_members, next_subset, unite


@kernel
def chi2_sf(statistic: float, df: int) -> float:
    """P(chi-square with df degrees of freedom > statistic): the regularised upper incomplete gamma function.

    By the series below the mean, by Lentz's continued fraction above it (Press et al., Numerical Recipes, 6.2).

    >>> round(chi2_sf(3.841, 1), 3)
    0.05
    """
    a, x = 0.5 * df, 0.5 * statistic
    if x <= 0.0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1.0:
        term = 1.0 / a
        total = term
        n = a
        while abs(term) > 1e-16 * abs(total):
            n += 1.0
            term *= x / n
            total += term
        return max(0.0, 1.0 - front * total)
    tiny = 1e-300
    b = x + 1.0 - a
    c = 1.0 / tiny
    d = 1.0 / b
    h = d
    for i in range(1, 10_000):
        an = -i * (i - a)
        b += 2.0
        d = an * d + b
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = b + an / c
        c = c if abs(c) > tiny else tiny
        step = d * c
        h *= step
        if abs(step - 1.0) < 1e-15:
            break
    return front * h


@kernel
def table_p_value(counts: FloatArray, likelihood_ratio: bool) -> float:
    """P-value of independence of rows and columns within every layer of counts (layers, rows, columns).

    Degrees of freedom are (rows seen - 1)(columns seen - 1) summed over the layers; with none left the p-value is 1.
    """
    statistic, df = 0.0, 0
    n_layers, n_rows, n_columns = counts.shape
    row = np.empty(n_rows)
    column = np.empty(n_columns)
    for k in range(n_layers):
        total = 0.0
        rows_seen, columns_seen = 0, 0
        for i in range(n_rows):
            row[i] = 0.0
            for j in range(n_columns):
                row[i] += counts[k, i, j]
            rows_seen += row[i] > 0.0
            total += row[i]
        if total == 0.0:
            continue
        for j in range(n_columns):
            column[j] = 0.0
            for i in range(n_rows):
                column[j] += counts[k, i, j]
            columns_seen += column[j] > 0.0
        df += (rows_seen - 1) * (columns_seen - 1)
        for i in range(n_rows):
            if row[i] == 0.0:
                continue
            for j in range(n_columns):
                expected = row[i] * column[j] / total
                seen = counts[k, i, j]
                if expected == 0.0:
                    continue
                if not likelihood_ratio:
                    statistic += (seen - expected) ** 2 / expected
                elif seen > 0.0:
                    statistic += 2.0 * seen * math.log(seen / expected)
    return 1.0 if df == 0 else chi2_sf(statistic, df)


@kernel
def layers(i: int, column: AnyArray, n_levels: int, layer: IntArray, size: IntArray) -> None:
    """Cross the layers of the first i members, layer[i] (n,), with one more column: layer[i + 1] and its size."""
    for r in range(layer.shape[1]):
        layer[i + 1, r] = layer[i, r] * n_levels + column[r]
    size[i + 1] = size[i] * n_levels
    if size[i + 1] > layer.shape[1]:  # more cells than rows: number only those that occur
        number = np.full(size[i + 1], -1)
        n_seen = 0
        for r in range(layer.shape[1]):
            code = layer[i + 1, r]
            if number[code] < 0:
                number[code] = n_seen
                n_seen += 1
            layer[i + 1, r] = number[code]
        size[i + 1] = n_seen


@kernel
def _cross(base: IntArray, column: AnyArray, shape: tuple[int, int, int]) -> FloatArray:
    """Counts (layers, rows, columns) of base, a code of layer and row, by column."""
    counts = np.zeros(shape[0] * shape[1] * shape[2])
    for r in range(len(base)):
        counts[base[r] * shape[2] + column[r]] += 1.0
    return counts.reshape(shape)


@kernel
def same_partitions(codes: AnyArray, levels: IntArray) -> IntArray:
    """Pairs (i, j), (m, 2), of columns of codes (d, n) that split the rows alike, whatever their labels; -1 is unknown.

    >>> same_partitions(np.array([[0, 1, 1], [1, 0, 0], [0, 0, 1]]), np.array([2, 2, 2])).tolist()
    [[0, 1]]
    """
    d, n = codes.shape
    found = np.empty((d * (d - 1) // 2, 2), dtype=np.int64)
    m = 0
    for i in range(d):
        for j in range(i + 1, d):
            partner = np.full(levels[i], -1)
            same = levels[i] == levels[j]
            for r in range(n if same else 0):
                if codes[i, r] < 0 or codes[j, r] < 0:
                    continue
                if partner[codes[i, r]] < 0:
                    partner[codes[i, r]] = codes[j, r]
                elif partner[codes[i, r]] != codes[j, r]:
                    same = False
                    break
            if same:  # each level of i has one level of j, and both have as many
                found[m, 0], found[m, 1] = i, j
                m += 1
    return found[:m]


@kernel
def contingency_level(
    codes: AnyArray,
    levels: IntArray,
    adjacent: BoolArray,
    pool: BoolArray,
    kept: BoolArray,
    level: int,
    alpha: float,
    likelihood_ratio: bool,
) -> tuple[FloatArray, AnyArray, IntArray]:
    """Every test of x, y given `level` members of the pool of x, from codes (d, n) below `levels` (d,).

    Takes and returns what `correlation_level` does, with the largest p-value (-1 where there was no test) in the place
    of the smallest correlation. A test costs n additions.
    """
    d, n = codes.shape
    largest = np.full((d, d), -1.0)
    found, n_found = np.empty((256, 3), dtype=np.int32), 0
    n_tests = np.zeros(1, dtype=np.int64)
    layer = np.zeros((level + 1, n), dtype=np.int64)
    size = np.ones(level + 1, dtype=np.int64)
    base = np.empty(n, dtype=np.int64)
    for x in range(d):
        near, members, asked = around(x, adjacent, pool)
        k = len(near)
        if len(members) < level or k - 1 < level or len(asked) == 0:
            continue
        union = np.zeros((k, k), dtype=np.bool_)
        inside = np.zeros(k, dtype=np.bool_)
        member, first = np.arange(level), 0
        while first >= 0:
            for i in range(first, level):
                s = near[members[member[i]]]
                layers(i, codes[s], levels[s], layer, size)
            mark_members(inside, members, member)
            for r in range(n):
                base[r] = layer[level, r] * levels[x] + codes[x, r]
            for j in asked:
                y = near[j]
                if inside[j] or (level == 0 and y < x):
                    continue
                n_tests[0] += 1
                p = table_p_value(_cross(base, codes[y], (size[level], levels[x], levels[y])), likelihood_ratio)
                largest[x, y] = max(largest[x, y], p)
                if p > alpha and not kept[x, y]:
                    unite(union, j, inside)
            first = next_subset(member, len(members)) if level else -1
        found, n_found = append_members(found, n_found, x, near, union)
    return largest, found[:n_found], n_tests


@kernel
def contingency_tests(
    codes: AnyArray, levels: IntArray, rows: AnyArray, likelihood_ratio: bool
) -> tuple[FloatArray, IntArray]:
    """The test of each row (x, y, s1, s2, ..) of (m, 2 + k), over the units where all of these are known.

    Args:
        codes: (d, n) from 0, -1 where the value is missing.
        levels: (d,), number of levels.
        rows: (m, 2 + k), whom to test given whom.
        likelihood_ratio: G² instead of Pearson's chi-square.

    Returns:
        P-values (m,), 1 where no degree of freedom is left, and the number of units of each test (m,).
    """
    m, width = rows.shape
    n = codes.shape[1]
    p_value = np.empty(m)
    used = np.empty(m, dtype=np.int64)
    known = np.empty(n, dtype=np.int64)
    for t in range(m):
        n_known = 0
        for r in range(n):
            whole = True
            for c in range(width):
                whole = whole and codes[rows[t, c], r] >= 0
            if whole:
                known[n_known] = r
                n_known += 1
        layer = np.zeros((width - 1, n_known), dtype=np.int64)
        size = np.ones(width - 1, dtype=np.int64)
        column = np.empty(n_known, dtype=np.int32)
        for i in range(width - 2):
            s = rows[t, 2 + i]
            for r in range(n_known):
                column[r] = codes[s, known[r]]
            layers(i, column, levels[s], layer, size)
        x, y = rows[t, 0], rows[t, 1]
        counts = np.zeros((size[width - 2], levels[x], levels[y]))
        for r in range(n_known):
            counts[layer[width - 2, r], codes[x, known[r]], codes[y, known[r]]] += 1.0
        p_value[t] = table_p_value(counts, likelihood_ratio)
        used[t] = n_known
    return p_value, used
