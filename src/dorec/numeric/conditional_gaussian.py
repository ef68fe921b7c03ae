"""Tests of independence of numbers and discrete variables that are Gaussian in every cell of the discrete ones."""

import math

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.block_correlation import eliminate, log_ratio
from dorec.numeric.compiled import kernel
from dorec.numeric.contingency import chi2_sf, layers

SPARE = 5  # rows that a cell must have beyond its numbers for means and covariances of its own
FLOOR = 1e-10  # the least variance (of 1) that is told from none


@kernel
def digamma(x: float) -> float:
    """The derivative of log gamma at x > 0, by recurrence and the asymptotic series.

    >>> round(digamma(1.0), 6)
    -0.577216
    """
    total = 0.0
    while x < 8.0:
        total -= 1.0 / x
        x += 1.0
    square = 1.0 / (x * x)
    series = square * (1.0 / 12.0 - square * (1.0 / 120.0 - square * (1.0 / 252.0 - square / 240.0)))
    return total + math.log(x) - 0.5 / x - series


@kernel
def cells_of(codes: AnyArray, levels: IntArray, which: IntArray, rows: IntArray) -> tuple[IntArray, int]:
    """The cell of each row (n,) in the cross of the discrete variables `which`, and the number of cells."""
    layer = np.zeros((len(which) + 1, len(rows)), dtype=np.int64)
    size = np.ones(len(which) + 1, dtype=np.int64)
    column = np.empty(len(rows), dtype=np.int32)
    for i in range(len(which)):
        for r in range(len(rows)):
            column[r] = codes[which[i], rows[r]]
        layers(i, column, levels[which[i]], layer, size)
    return layer[len(which)], size[len(which)]


@kernel
def gaussian_fit(
    numbers: FloatArray, which: IntArray, rows: IntArray, cell: IntArray, n_cells: int
) -> tuple[float, float, int]:
    """Twice the log-likelihood, up to a constant, of the numbers `which` with mean and covariance of each cell.

    Returns it as the sum of -n log det(covariance), its expectation for independent standard normal numbers, and the
    number of parameters.
    """
    k = len(which)
    count = np.zeros(n_cells)
    mean, product = np.zeros((n_cells, k)), np.zeros((n_cells, k, k))
    for r in range(len(rows)):
        count[cell[r]] += 1.0
        for i in range(k):
            mean[cell[r], i] += numbers[which[i], rows[r]]
    for c in range(n_cells):
        for i in range(k):
            mean[c, i] /= max(count[c], 1.0)
    for r in range(len(rows)):
        c = cell[r]
        for i in range(k):
            from_mean = numbers[which[i], rows[r]] - mean[c, i]
            for j in range(i + 1):
                product[c, i, j] += from_mean * (numbers[which[j], rows[r]] - mean[c, j])
    fit, expected, n_free = 0.0, 0.0, 0
    for c in range(n_cells):
        n = count[c]
        if n == 0.0:
            continue
        for i in range(k):  # Cholesky, with a floor under the pivots
            for j in range(i + 1):
                total = product[c, i, j] / n
                for m in range(j):
                    total -= product[c, i, m] * product[c, j, m]
                if i == j:
                    total = max(total, FLOOR)
                    fit -= n * math.log(total)
                    product[c, i, i] = math.sqrt(total)
                else:
                    product[c, i, j] = total / product[c, j, j]
            expected -= n * (digamma(0.5 * (n - i - 1.0)) + math.log(2.0 / n))
        n_free += k + k * (k + 1) // 2
    return fit, expected, n_free


@kernel
def _split(row: AnyArray, discrete: BoolArray, with_x: bool, with_y: bool) -> tuple[IntArray, IntArray]:
    """The numbers and the discrete variables of a test, with or without x and y, which come last."""
    numbers, levels = np.empty(len(row), dtype=np.int64), np.empty(len(row), dtype=np.int64)
    k, m = 0, 0
    for at in range(2, len(row) + 2):
        c = at if at < len(row) else at - len(row)
        if (c == 0 and not with_x) or (c == 1 and not with_y):
            continue
        if discrete[row[c]]:
            levels[m] = row[c]
            m += 1
        else:
            numbers[k] = row[c]
            k += 1
    return numbers[:k], levels[:m]


@kernel
def _known_rows(numbers: FloatArray, codes: AnyArray, discrete: BoolArray, row: AnyArray) -> IntArray:
    known, n_known = np.empty(codes.shape[1], dtype=np.int64), 0
    for r in range(codes.shape[1]):
        whole = True
        for v in row:
            whole = whole and (codes[v, r] >= 0 if discrete[v] else not np.isnan(numbers[v, r]))
        if whole:
            known[n_known] = r
            n_known += 1
    return known[:n_known]


@kernel
def _of_full_cells(codes: AnyArray, levels: IntArray, which: IntArray, known: IntArray, least: int) -> IntArray:
    """The rows whose cell has at least so many."""
    cell, n_cells = cells_of(codes, levels, which, known)
    count = np.zeros(n_cells, dtype=np.int64)
    for c in cell:
        count[c] += 1
    kept, n_kept = np.empty(len(known), dtype=np.int64), 0
    for r in range(len(known)):
        if count[cell[r]] >= least:
            kept[n_kept] = known[r]
            n_kept += 1
    return kept[:n_kept]


@kernel
def _gaussian_part(
    numbers: FloatArray, codes: AnyArray, levels: IntArray, discrete: BoolArray, row: AnyArray, known: IntArray
) -> tuple[float, float, int, bool]:
    """Likelihood ratio of the numbers, its expectation, degrees of freedom, and whether x or y is determined."""
    all_numbers, all_levels = _split(row, discrete, True, True)
    kept = _of_full_cells(codes, levels, all_levels, known, len(all_numbers) + SPARE)
    fit, expected, n_free = np.zeros(4), np.zeros(4), np.zeros(4, dtype=np.int64)
    for part in range(4):  # given alone, with y, with x, with both
        some_numbers, some_levels = _split(row, discrete, part >= 2, part % 2 == 1)
        cell, n_cells = cells_of(codes, levels, some_levels, kept)
        fit[part], expected[part], n_free[part] = gaussian_fit(numbers, some_numbers, kept, cell, n_cells)
    least = -math.log(10.0 * FLOOR) * len(kept)
    determined = (not discrete[row[0]] and fit[2] - fit[0] > least) or (
        not discrete[row[1]] and fit[1] - fit[0] > least
    )
    df = n_free[3] - n_free[1] - n_free[2] + n_free[0]
    return fit[3] - fit[1] - fit[2] + fit[0], expected[3] - expected[1] - expected[2] + expected[0], df, determined


@kernel
def _columns(
    numbers: FloatArray, codes: AnyArray, levels: IntArray, row: AnyArray, given: IntArray, unit: int
) -> FloatArray:
    """Numbers that are given, then the indicators of the levels of x and of y, of one unit."""
    k, n_x, n_y = len(given), levels[row[0]] - 1, levels[row[1]] - 1
    out = np.zeros(k + n_x + n_y)
    for i in range(k):
        out[i] = numbers[given[i], unit]
    if codes[row[0], unit] > 0:
        out[k + codes[row[0], unit] - 1] = 1.0
    if codes[row[1], unit] > 0:
        out[k + n_x + codes[row[1], unit] - 1] = 1.0
    return out


@kernel
def _indicator_part(
    numbers: FloatArray, codes: AnyArray, levels: IntArray, discrete: BoolArray, row: AnyArray, known: IntArray
) -> tuple[float, int]:
    """Chi-square and degrees of freedom of two discrete variables: their indicators, regressed in every given cell."""
    given, some_levels = _split(row, discrete, False, False)
    cell, n_cells = cells_of(codes, levels, some_levels, known)
    n_x, n_y = levels[row[0]] - 1, levels[row[1]] - 1
    width = len(given) + n_x + n_y
    count, mean = np.zeros(n_cells), np.zeros((n_cells, width))
    product = np.zeros((n_cells, width, width))
    for r in range(len(known)):
        c = cell[r]
        values = _columns(numbers, codes, levels, row, given, known[r])
        count[c] += 1.0
        for i in range(width):  # Welford's update, with the means before this row
            for j in range(i + 1):
                product[c, i, j] += (values[i] - mean[c, i]) * (values[j] - mean[c, j]) * (1.0 - 1.0 / count[c])
        for i in range(width):
            mean[c, i] += (values[i] - mean[c, i]) / count[c]
    statistic, df = 0.0, 0
    for c in range(n_cells):
        local = np.zeros((width, width))
        for i in range(width):
            for j in range(i + 1):
                scale = math.sqrt(product[c, i, i] * product[c, j, j])
                local[i, j] = local[j, i] = product[c, i, j] / scale if scale > 0.0 else 0.0
        rank, _ = eliminate(local, 0, len(given))
        ratio, rank_x, rank_y = log_ratio(local[len(given) :, len(given) :].copy(), n_x, n_y)
        room = count[c] - 1.0 - rank - 0.5 * (rank_x + rank_y + 1)
        if rank_x > 0 and rank_y > 0 and room > 0.5 * (rank_x + rank_y):
            statistic += room * ratio
            df += rank_x * rank_y
    return statistic, df


@kernel
def conditional_gaussian_tests(
    numbers: FloatArray, codes: AnyArray, levels: IntArray, discrete: BoolArray, rows: AnyArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """The likelihood-ratio test of each row (x, y, s1, s2, ..) of (m, 2 + k), over the units where all are known.

    Args:
        numbers: (d, n), standardised; NaN where the value is missing.
        codes: (d, n), from 0; -1 where the level is missing.
        levels: (d,), number of levels.
        discrete: (d,).
        rows: (m, 2 + k), whom to test given whom.

    Returns:
        P-values and the chi-squares as standard normal deviates (m,), NaN where nothing is left to test, and the units.
    """
    m = len(rows)
    p_value, deviate = np.full(m, np.nan), np.full(m, np.nan)
    n_rows = np.zeros(m, dtype=np.int64)
    for t in range(m):
        row = rows[t]
        known = _known_rows(numbers, codes, discrete, row)
        n_rows[t] = len(known)
        if discrete[row[0]] and discrete[row[1]]:
            ratio, df = _indicator_part(numbers, codes, levels, discrete, row, known)
        else:
            of_numbers, expected, df, determined = _gaussian_part(numbers, codes, levels, discrete, row, known)
            if determined or df <= 0 or expected <= 0.0:
                continue
            ratio = of_numbers * df / expected  # Bartlett's correction: the mean of the chi-square
        if df > 0:
            ratio = max(ratio, 0.0)
            spread = 2.0 / (9.0 * df)
            p_value[t] = chi2_sf(ratio, df)
            deviate[t] = ((ratio / df) ** (1.0 / 3.0) - (1.0 - spread)) / math.sqrt(spread)
    return p_value, deviate, n_rows
