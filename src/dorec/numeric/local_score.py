"""Scores of one variable given its parents, from a correlation matrix or from counts; compiled, the last ones kept.

All scores are per row of data and larger for better models. Every search on graphs asks for them through two kernels:
`local_score` for one set of parents, `grow_scores` for a set and each further parent at once.
"""

import math
from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.contingency import layers
from dorec.numeric.partial_correlation import SINGULAR

GAUSSIAN_BIC, DISCRETE_BIC, BDEU = 0, 1, 2
DETERMINED = -1e3  # per row: what explains a variable without any rest is a copy or too few rows, never a finding
SLOTS = 1 << 18  # scores kept; a new one takes the place of an old one


class ScoreData(NamedTuple):
    """Sufficient statistics and settings of a score, and its last values, as the kernels take them."""

    kind: int  # GAUSSIAN_BIC, DISCRETE_BIC or BDEU
    correlation: FloatArray  # (d, d); (0, 0) for the discrete scores
    codes: AnyArray  # (d, n) int32, from 0; (0, 0) for the Gaussian score
    levels: IntArray  # (d,); the number of levels, 0 for the Gaussian score
    n: float  # rows
    weight: float  # of the penalty (BIC), or the equivalent sample size (BDeu)
    sign: AnyArray  # (d, 2) uint64: random bits that stand for a variable as target and as parent
    slot_sign: AnyArray  # (SLOTS,) uint64
    slot_score: FloatArray  # (SLOTS,)


def score_data(
    kind: int, n: float, weight: float, *, correlation: FloatArray | None = None, codes: AnyArray | None = None
) -> ScoreData:
    """The statistics of a score: `correlation` (d, d) for the Gaussian one, `codes` (d, n) for the discrete ones.

    >>> score_data(GAUSSIAN_BIC, 100, 1.0, correlation=np.eye(3)).levels.tolist()
    [0, 0, 0]
    """
    r = np.zeros((0, 0)) if correlation is None else np.ascontiguousarray(correlation, dtype=np.float64)
    c = np.zeros((0, 0), dtype=np.int32) if codes is None else np.ascontiguousarray(codes, dtype=np.int32)
    levels = np.zeros(len(r), dtype=np.int64) if codes is None else c.max(axis=1).astype(np.int64) + 1
    bits = np.random.default_rng(0).integers(1, 2**63, (max(len(r), len(c)), 2), dtype=np.uint64)
    return ScoreData(
        kind, r, c, levels, float(n), float(weight), bits, np.zeros(SLOTS, dtype=np.uint64), np.zeros(SLOTS)
    )


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
    score = _gaussian(data, y, ordered) if data.kind == GAUSSIAN_BIC else _discrete(data, y, ordered)
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
        return
    layer, size = _parent_layers(data, parents[:k], 1)
    cells = 1.0
    for i in range(k):
        cells *= data.levels[parents[i]]
    for c in range(len(data.levels)):
        if wanted[c]:
            layers(k, data.codes[c], data.levels[c], layer, size)
            out[c] = _from_layers(data, y, layer[k + 1], size[k + 1], cells * data.levels[c])


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
def _parent_layers(data: ScoreData, parents: IntArray, spare: int) -> tuple[IntArray, IntArray]:
    """The crossing of the parents' levels: codes (k + 1 + spare, n), of which row k is complete, and their numbers."""
    k = len(parents)
    layer = np.zeros((k + 1 + spare, data.codes.shape[1]), dtype=np.int64)
    size = np.ones(k + 1 + spare, dtype=np.int64)
    for i in range(k):
        layers(i, data.codes[parents[i]], data.levels[parents[i]], layer, size)
    return layer, size


@kernel
def _discrete(data: ScoreData, y: int, parents: IntArray) -> float:
    k = len(parents)
    layer, size = _parent_layers(data, parents, 0)
    cells = 1.0
    for i in range(k):
        cells *= data.levels[parents[i]]
    return _from_layers(data, y, layer[k], size[k], cells)


@kernel
def _from_layers(data: ScoreData, y: int, layer: IntArray, n_layers: int, cells: float) -> float:
    """Discrete BIC or BDeu (Heckerman, Geiger, Chickering 1995) of y in layers (n,) of its parents' `cells`."""
    r = data.levels[y]
    counts = np.zeros((n_layers, r))
    for row in range(len(layer)):
        counts[layer[row], data.codes[y, row]] += 1.0
    score = 0.0
    prior = data.weight / cells
    for j in range(n_layers):
        total = 0.0
        for i in range(r):
            total += counts[j, i]
        if total == 0.0:
            continue
        if data.kind == BDEU:
            score += math.lgamma(prior) - math.lgamma(prior + total)
        for i in range(r):
            seen = counts[j, i]
            if seen > 0.0 and data.kind == BDEU:
                score += math.lgamma(prior / r + seen) - math.lgamma(prior / r)
            elif seen > 0.0:
                score += seen * math.log(seen / total)
    if data.kind == DISCRETE_BIC:
        score -= 0.5 * data.weight * cells * (r - 1) * math.log(data.n)
    return score / data.n
