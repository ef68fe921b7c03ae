"""The best DAG of all, by dynamic programming over sets of variables (Silander, Myllymäki 2006, arXiv:1206.6875).

Every score here is a difference of one function of sets, f(parents and y) - f(parents), so that 2^d values of f give
all d 2^(d-1) local scores. Sets are the bits of an integer.
"""

import math

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.degenerate_gaussian import block_rest
from dorec.numeric.local_score import BDEU, DISCRETE_BIC, ScoreData
from dorec.numeric.partial_correlation import SINGULAR

BETTER = 1e-9  # a gain per row below this is rounding error
NEVER = -1e300


@kernel
def set_values(data: ScoreData, max_size: int) -> FloatArray:
    """The function of every set of at most `max_size` variables, (2^d,); NaN for larger ones.

    For the Gaussian scores minus half the log determinant, and NaN where a variable follows from the others; for
    discrete ones the log-likelihood of the cells (BIC) or of their Dirichlet (BDeu), per row.

    >>> from dorec.numeric.local_score import GAUSSIAN_BIC, score_data
    >>> data = score_data(GAUSSIAN_BIC, 100, 1.0, correlation=np.array([[1.0, 0.6], [0.6, 1.0]]))
    >>> set_values(data, 2).round(4).tolist()
    [0.0, 0.0, 0.0, 0.2231]
    """
    d = len(data.levels)
    out = np.full(1 << d, np.nan)
    out[0] = _of_cells(data, np.array([data.n]), 1, 1.0) if len(data.codes) > 0 else 0.0
    member = np.empty(d + 1, dtype=np.int64)
    layer = np.zeros((max_size + 1, data.codes.shape[1]), dtype=np.int64)
    size = np.ones(max_size + 1, dtype=np.int64)
    cells = np.ones(max_size + 1)
    depth, candidate, mask = 0, 0, 0
    while True:
        if candidate < d and depth < max_size:  # one member more
            member[depth] = candidate
            before, mask = mask, mask | (1 << candidate)
            if len(data.codes) > 0:
                _refine(data, candidate, depth, layer, size)
                cells[depth + 1] = cells[depth] * data.levels[candidate]
                counts = np.zeros(size[depth + 1])
                for row in range(layer.shape[1]):
                    counts[layer[depth + 1, row]] += 1.0
                out[mask] = _of_cells(data, counts, size[depth + 1], cells[depth + 1])
            else:
                out[mask] = out[before] - 0.5 * _rest(data, candidate, member[:depth])
            depth += 1
            candidate += 1
            continue
        if depth == 0:
            return out
        depth -= 1
        mask ^= 1 << member[depth]
        candidate = member[depth] + 1


@kernel
def _refine(data: ScoreData, variable: int, depth: int, layer: IntArray, size: IntArray) -> None:
    """Cross the cells of row `depth` of `layer` with one more variable, and number those that occur."""
    r = data.levels[variable]
    number = np.full(size[depth] * r, -1)
    n_seen = 0
    for row in range(layer.shape[1]):
        code = layer[depth, row] * r + data.codes[variable, row]
        if number[code] < 0:
            number[code] = n_seen
            n_seen += 1
        layer[depth + 1, row] = number[code]
    size[depth + 1] = n_seen


@kernel
def _of_cells(data: ScoreData, counts: FloatArray, n_cells: int, cells: float) -> float:
    total = 0.0
    if data.kind == BDEU:
        prior = data.weight / cells
        none = math.lgamma(prior)
        for i in range(n_cells):
            total += math.lgamma(prior + counts[i]) - none
    else:
        for i in range(n_cells):
            total += counts[i] * math.log(counts[i])
    return total / data.n


@kernel
def _rest(data: ScoreData, y: int, parents: IntArray) -> float:
    """The log determinant of y given its parents; NaN where they determine it."""
    rest = block_rest(data.correlation, data.first, y, parents)
    return rest if rest > math.log(SINGULAR) else np.nan


@kernel
def best_scores(
    data: ScoreData, f: FloatArray, y: int, may_cause: BoolArray, required: BoolArray, max_parents: int
) -> FloatArray:
    """The score of y with its best parents inside each set of the other variables, (2^(d-1),).

    The others keep their order: a set's bits are those of 0..y-1, y+1..d-1. NEVER where no allowed parents are inside.
    """
    d = len(data.levels)
    out = np.empty(1 << (d - 1))
    allowed, must = 0, 0
    for x in range(d):
        if x != y and may_cause[x, y]:
            allowed |= 1 << x
        if x != y and required[x, y]:
            must |= 1 << x
    for s in range(1 << (d - 1)):
        mask = _widened(s, y)
        score = NEVER
        if mask & ~allowed == 0 and must & ~mask == 0:
            score = _local(data, f, y, mask, max_parents)
        best = NEVER
        for i in range(d - 1):
            if s >> i & 1 and out[s ^ (1 << i)] > best:
                best = out[s ^ (1 << i)]
        out[s] = score if score > best + BETTER else best
    return out


@kernel
def _widened(s: int, y: int) -> int:
    """The set of the others as a set of all variables."""
    low = s & ((1 << y) - 1)
    return low | ((s ^ low) << 1)


@kernel
def _narrowed(mask: int, y: int) -> int:
    """The set of all variables, without y, as a set of the others."""
    low = mask & ((1 << y) - 1)
    return low | ((mask >> (y + 1)) << y)


@kernel
def _local(data: ScoreData, f: FloatArray, y: int, mask: int, max_parents: int) -> float:
    """The score of y given exactly these parents."""
    d = len(data.levels)
    k, cells, columns, believed = 0, 1.0, 0, 0.0
    for x in range(d):
        if mask >> x & 1:
            k += 1
            cells *= data.levels[x]
            columns += data.first[x + 1] - data.first[x]
            if len(data.log_odds) > 0:
                believed += data.log_odds[x, y]
    if k > max_parents:
        return NEVER
    score = f[mask | (1 << y)] - f[mask]
    if np.isnan(score):
        return NEVER
    if data.kind == DISCRETE_BIC:
        score -= 0.5 * data.weight * cells * (data.levels[y] - 1) * math.log(data.n) / data.n
    elif data.kind != BDEU:
        score -= 0.5 * data.weight * columns * (data.first[y + 1] - data.first[y]) * math.log(data.n) / data.n
    return score + believed / data.n


@kernel
def best_sinks(best: FloatArray) -> tuple[FloatArray, IntArray]:
    """The score of the best DAG on each set, (2^d,), and which of its variables stands last, from (d, 2^(d-1))."""
    d = len(best)
    total = np.full(1 << d, NEVER)
    last = np.full(1 << d, -1)
    total[0] = 0.0
    for mask in range(1, 1 << d):
        for y in range(d):
            if mask >> y & 1:
                left = mask ^ (1 << y)
                score = total[left] + best[y, _narrowed(left, y)]
                if score > total[mask] + BETTER:
                    total[mask] = score
                    last[mask] = y
    return total, last


@kernel
def best_dag(best: FloatArray, last: IntArray) -> BoolArray:
    """The DAG (d, d) behind those scores: from the last variable on, each with the fewest parents that reach its best.

    >>> from dorec.numeric.local_score import GAUSSIAN_BIC, score_data
    >>> data = score_data(GAUSSIAN_BIC, 100, 1.0, correlation=np.array([[1.0, 0.6], [0.6, 1.0]]))
    >>> free, none, f = ~np.eye(2, dtype=bool), np.zeros((2, 2), dtype=bool), set_values(data, 2)
    >>> best = np.stack([best_scores(data, f, y, free, none, 1) for y in range(2)])
    >>> best_dag(best, best_sinks(best)[1]).tolist()
    [[False, False], [True, False]]
    """
    d = len(best)
    dag = np.zeros((d, d), dtype=np.bool_)
    mask = (1 << d) - 1
    while mask > 0:
        y = last[mask]
        mask ^= 1 << y
        inside = _narrowed(mask, y)
        i = 0
        while i < d - 1:
            smaller = inside ^ (1 << i)
            if inside >> i & 1 and best[y, smaller] == best[y, inside]:
                inside = smaller
                i = 0
                continue
            i += 1
        chosen = _widened(inside, y)
        for x in range(d):
            if chosen >> x & 1:
                dag[x, y] = True
    return dag
