"""Scores of one variable given its parents, from a correlation matrix or from counts; compiled, the last ones kept.

All scores are per row of data and larger for better models. Every search on graphs asks for them through two kernels:
`local_score` for one set of parents, `grow_scores` for a set and each further parent at once.
"""

import math
from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.bit_sets import bit_counts, rows_of_levels
from dorec.numeric.compiled import kernel
from dorec.numeric.contingency import layers
from dorec.numeric.degenerate_gaussian import block_rest, swept_rest, swept_rows
from dorec.numeric.partial_correlation import SINGULAR

GAUSSIAN_BIC, DISCRETE_BIC, BDEU, MIXED_BIC = 0, 1, 2, 3
DETERMINED = -1e3  # per row: what explains a variable without any rest is a copy or too few rows, never a finding
SLOTS = 1 << 18  # scores kept; a new one takes the place of an old one


class ScoreData(NamedTuple):
    """Sufficient statistics and settings of a score, and its last values, as the kernels take them."""

    kind: int  # GAUSSIAN_BIC, DISCRETE_BIC, BDEU or MIXED_BIC
    correlation: FloatArray  # (m, m), with m = d but for MIXED_BIC; (0, 0) for the discrete scores
    codes: AnyArray  # (d, n) int32, from 0; (0, 0) for the others
    bits: AnyArray  # (all levels, n / 64) uint64, the rows at each level; (0, 0) for the others
    levels: IntArray  # (d,); the number of levels, 0 for the others
    first: IntArray  # (d + 1,); where the levels of a variable begin in `bits`, or its columns in `correlation`
    n: float  # rows
    weight: float  # of the penalty (BIC), or the equivalent sample size (BDeu)
    log_odds: FloatArray  # (d, d), of i -> j before the data are seen; (0, 0) where none was given
    sign: AnyArray  # (d, 2) uint64: random bits that stand for a variable as target and as parent
    slot_sign: AnyArray  # (SLOTS,) uint64
    slot_score: FloatArray  # (SLOTS,)


def score_data(
    kind: int,
    n: float,
    weight: float,
    *,
    correlation: FloatArray | None = None,
    codes: AnyArray | None = None,
    first: IntArray | None = None,
    log_odds: FloatArray | None = None,
) -> ScoreData:
    """The statistics of a score: `correlation` (m, m) for the Gaussian ones, `codes` (d, n) for the discrete ones.

    Args:
        kind: which score.
        n: rows.
        weight: of the penalty, or the equivalent sample size.
        correlation: of the variables, or for MIXED_BIC of `degenerate_gaussian.embedded` columns.
        codes: of the levels, from 0.
        first: where the columns of a variable begin, (d + 1,), for MIXED_BIC.
        log_odds: of each edge i -> j before the data are seen, (d, d); 0 leaves the data alone.

    >>> score_data(GAUSSIAN_BIC, 100, 1.0, correlation=np.eye(3)).levels.tolist()
    [0, 0, 0]
    """
    none = np.zeros((0, 0))
    r = none if correlation is None else np.ascontiguousarray(correlation, dtype=np.float64)
    c = np.zeros((0, 0), dtype=np.int32) if codes is None else np.ascontiguousarray(codes, dtype=np.int32)
    d = len(c) if codes is not None else len(r) if first is None else len(first) - 1
    levels = np.zeros(d, dtype=np.int64) if codes is None else c.max(axis=1).astype(np.int64) + 1
    if first is None:
        first = np.arange(d + 1) if codes is None else np.concatenate([[0], np.cumsum(levels)])
    first = first.astype(np.int64)
    bits = np.zeros((0, 0), dtype=np.uint64) if codes is None else rows_of_levels(c, first)
    odds = none if log_odds is None else np.ascontiguousarray(log_odds, dtype=np.float64)
    signs = np.random.default_rng(0).integers(1, 2**63, (d, 2), dtype=np.uint64)
    slots = np.zeros(SLOTS, dtype=np.uint64), np.zeros(SLOTS)
    return ScoreData(kind, r, c, bits, levels, first, float(n), float(weight), odds, signs, *slots)


@kernel
def local_score(data: ScoreData, y: int, parents: IntArray, k: int) -> float:
    """The score of y given the first k of `parents`, in any order.

    >>> r = np.array([[1.0, 0.6], [0.6, 1.0]])
    >>> data = score_data(GAUSSIAN_BIC, 100, 1.0, correlation=r)
    >>> round(local_score(data, 1, np.array([0]), 1), 4)  # -log(1 - .36) / 2 - log(100) / 200
    0.2001
    """
    sign = data.sign[y, 0]
    for i in range(k):
        sign ^= data.sign[parents[i], 1]
    slot = np.int64(sign & np.uint64(SLOTS - 1))
    if data.slot_sign[slot] == sign:
        return data.slot_score[slot]
    ordered = np.sort(parents[:k])
    if data.kind == GAUSSIAN_BIC:
        score = _gaussian(data, y, ordered)
    elif data.kind == MIXED_BIC:
        score = _mixed_value(data, block_rest(data.correlation, data.first, y, ordered), y, ordered, k)
    else:
        score = _discrete(data, y, ordered)
    score += _believed(data, y, ordered, k)
    data.slot_sign[slot] = sign
    data.slot_score[slot] = score
    return score


@kernel
def grow_scores(data: ScoreData, y: int, parents: IntArray, k: int, wanted: BoolArray, out: FloatArray) -> None:
    """Write to `out` (d,) the score of y given the first k of `parents` and c, for each c that is `wanted` (d,).

    >>> data = score_data(GAUSSIAN_BIC, 100, 1.0, correlation=np.array([[1.0, 0.6], [0.6, 1.0]]))
    >>> out = np.zeros(2)
    >>> grow_scores(data, 1, np.array([0]), 0, np.array([True, False]), out)
    >>> round(float(out[0]), 4)
    0.2001
    """
    if data.kind == GAUSSIAN_BIC:
        _grow_gaussian(data, y, parents, k, wanted, out)
    elif data.kind == MIXED_BIC:
        _grow_mixed(data, y, parents, k, wanted, out)
    else:
        with_c = np.empty(k + 1, dtype=np.int64)
        with_c[:k] = parents[:k]
        for c in range(len(data.levels)):
            if wanted[c]:
                with_c[k] = c
                out[c] = local_score(data, y, with_c, k + 1)
        return
    if len(data.log_odds) > 0:
        before = _believed(data, y, parents, k)
        for c in range(len(data.levels)):
            if wanted[c]:
                out[c] += before + data.log_odds[c, y] / data.n


@kernel
def _believed(data: ScoreData, y: int, parents: IntArray, k: int) -> float:
    """What is believed of the edges from the first k parents to y before the data are seen, per row."""
    total = 0.0
    if len(data.log_odds) > 0:
        for i in range(k):
            total += data.log_odds[parents[i], y]
    return total / data.n


@kernel
def _gaussian(data: ScoreData, y: int, parents: IntArray) -> float:
    """BIC of a linear regression of y on its parents: log-likelihood less log(n) / 2 for each coefficient."""
    k = len(parents)
    factor = np.zeros((k + 1, k + 1))  # Cholesky, y last
    for i in range(k + 1):
        a = parents[i] if i < k else y
        for j in range(i + 1):
            b = parents[j] if j < k else y
            total = data.correlation[a, b]
            for m in range(j):
                total -= factor[i, m] * factor[j, m]
            if i == j:
                factor[i, i] = math.sqrt(total) if total > SINGULAR else 0.0
            elif factor[j, j] > 0.0:
                factor[i, j] = total / factor[j, j]
    rest = factor[k, k] * factor[k, k]
    return _gaussian_value(data, rest, k)


@kernel
def _gaussian_value(data: ScoreData, rest: float, k: int) -> float:
    if rest <= SINGULAR:
        return DETERMINED
    return -0.5 * math.log(rest) - 0.5 * data.weight * k * math.log(data.n) / data.n


@kernel
def _grow_gaussian(data: ScoreData, y: int, parents: IntArray, k: int, wanted: BoolArray, out: FloatArray) -> None:
    d = len(data.levels)
    factor = np.empty((k, d))
    rest = np.ones(d)  # variance given the parents so far
    with_y = np.empty(d)
    for j in range(d):
        with_y[j] = data.correlation[y, j]
    for i in range(k):
        s = parents[i]
        if rest[s] <= SINGULAR:
            for j in range(d):
                factor[i, j] = 0.0
            continue
        scale = 1.0 / math.sqrt(rest[s])
        for j in range(d):
            factor[i, j] = data.correlation[s, j]
        for m in range(i):
            w = factor[m, s]
            for j in range(d):
                factor[i, j] -= w * factor[m, j]
        for j in range(d):
            factor[i, j] *= scale
        on_y = factor[i, y]
        for j in range(d):
            rest[j] -= factor[i, j] * factor[i, j]
            with_y[j] -= factor[i, j] * on_y
    for c in range(d):
        if wanted[c]:
            gain = with_y[c] * with_y[c] / rest[c] if rest[c] > SINGULAR else 0.0
            out[c] = _gaussian_value(data, rest[y] - gain, k + 1)


@kernel
def _mixed_value(data: ScoreData, rest: float, y: int, parents: IntArray, k: int) -> float:
    """BIC of the degenerate Gaussian: each pair of a parent's and y's columns is a coefficient."""
    columns = 0
    for i in range(k):
        columns += data.first[parents[i] + 1] - data.first[parents[i]]
    n_free = columns * (data.first[y + 1] - data.first[y])
    score = -0.5 * rest - 0.5 * data.weight * n_free * math.log(data.n) / data.n
    return math.floor(score * 1e10 + 0.5) / 1e10  # which level a category leaves out shows in the last digits


@kernel
def _grow_mixed(data: ScoreData, y: int, parents: IntArray, k: int, wanted: BoolArray, out: FloatArray) -> None:
    rows, below = swept_rows(data.correlation, data.first, parents, k, y)
    now = 0.0  # log determinant of y given its parents
    for i in range(below, len(rows)):
        now += 2.0 * math.log(rows[i, data.first[y] + i - below])
    with_c = np.empty(k + 1, dtype=np.int64)
    with_c[:k] = parents[:k]
    for c in range(len(data.levels)):
        if wanted[c]:
            start, stop = data.first[c], data.first[c + 1]
            given_both = swept_rest(data.correlation, rows, len(rows), start, stop)
            rest = now + given_both - swept_rest(data.correlation, rows, below, start, stop)
            with_c[k] = c
            out[c] = _mixed_value(data, rest, y, with_c, k + 1)


@kernel
def _discrete(data: ScoreData, y: int, parents: IntArray) -> float:
    """By intersecting sets of rows where the cells are few, else by a pass over the rows."""
    k, r = len(parents), data.levels[y]
    cells = 1.0
    for i in range(k):
        cells *= data.levels[parents[i]]
    n_words = data.bits.shape[1]
    if cells * r * (n_words + 24) < 4.0 * data.n * (k + 1):
        counts = np.empty((int(cells), r))
        n_layers = bit_counts(data.bits, data.first, parents, y, int(data.n), counts)
        return _from_counts(data, counts, n_layers, cells)
    layer = np.zeros((k + 1, data.codes.shape[1]), dtype=np.int64)
    size = np.ones(k + 1, dtype=np.int64)
    for i in range(k):
        layers(i, data.codes[parents[i]], data.levels[parents[i]], layer, size)
    counts = np.zeros((size[k], r))
    for row in range(layer.shape[1]):
        counts[layer[k, row], data.codes[y, row]] += 1.0
    return _from_counts(data, counts, size[k], cells)


@kernel
def _from_counts(data: ScoreData, counts: FloatArray, n_layers: int, cells: float) -> float:
    """Discrete BIC or BDeu (Heckerman, Geiger, Chickering 1995) of counts (layers, levels) of its parents' `cells`."""
    r = counts.shape[1]
    score = 0.0
    prior = data.weight / cells
    of_cell, of_level = math.lgamma(prior), math.lgamma(prior / r)
    for j in range(n_layers):
        total = 0.0
        for i in range(r):
            total += counts[j, i]
        if total == 0.0:
            continue
        score += of_cell - math.lgamma(prior + total) if data.kind == BDEU else -total * math.log(total)
        for i in range(r):
            seen = counts[j, i]
            if seen > 0.0 and data.kind == BDEU:
                score += math.lgamma(prior / r + seen) - of_level
            elif seen > 0.0:
                score += seen * math.log(seen)
    if data.kind == DISCRETE_BIC:
        score -= 0.5 * data.weight * cells * (r - 1) * math.log(data.n)
    return score / data.n
