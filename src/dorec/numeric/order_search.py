"""Best order score search with grow-shrink trees (Andrews, Ramsey et al. 2023, arXiv:2310.17679), compiled."""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.local_score import ScoreData, grow_scores, local_score

BETTER = 1e-9  # a gain per row below this is rounding error


class Trees(NamedTuple):
    """Grow-shrink trees of all variables: a node is the parents that growing has chosen so far. Emptied when full."""

    before: AnyArray  # (n_nodes,) int32, the node one parent earlier; -1 at the root of variable i, which is node i
    added: AnyArray  # (n_nodes,) int32, the parent that this node adds
    first: AnyArray  # (n_nodes,) int64, its first branch; -1 before it is grown
    n_branches: AnyArray  # (n_nodes,) int32
    grown: FloatArray  # (n_nodes,), score of the node's parents
    shrunk: FloatArray  # (n_nodes,), score after shrinking; NaN before that
    branch: AnyArray  # (n_branches,) int32, a parent that would raise the score, best first
    branch_score: FloatArray  # (n_branches,)
    child: AnyArray  # (n_branches,) int32, node behind the branch; -1 before it is walked
    used: IntArray  # (2,), nodes and branches in use


def empty_trees(d: int) -> Trees:
    """Trees of d variables, with room for some hundred nodes a variable.

    >>> empty_trees(3).used.tolist()
    [0, 0]
    """
    m = 16 * d * d + 50_000
    n = m // 4
    return Trees(
        before=np.empty(n, dtype=np.int32),
        added=np.empty(n, dtype=np.int32),
        first=np.empty(n, dtype=np.int64),
        n_branches=np.empty(n, dtype=np.int32),
        grown=np.empty(n),
        shrunk=np.empty(n),
        branch=np.empty(m, dtype=np.int32),
        branch_score=np.empty(m),
        child=np.empty(m, dtype=np.int32),
        used=np.zeros(2, dtype=np.int64),
    )


@kernel
def order_search(
    data: ScoreData, order: IntArray, may_cause: BoolArray, required: BoolArray, precedes: BoolArray, trees: Trees
) -> float:
    """Move one variable at a time to its best place in `order` (d,), in place, until none gains; gives the score.

    Args:
        data: the score.
        order: a permutation that agrees with `precedes`.
        may_cause: (d, d), whether i -> j is allowed.
        required: (d, d), whether i -> j must be.
        precedes: (d, d), whether i must stand before j; transitive, and true wherever `required` is.
        trees: of the same score and knowledge; scores found earlier are not computed again.
    """
    still = 0  # variables in a row that stayed where they were
    while True:
        for v in order.copy():
            still = 0 if _best_move(data, order, v, (may_cause, required, precedes), trees) else still + 1
            if still >= len(order):
                return order_score(data, order, may_cause, required, trees)


@kernel
def order_score(data: ScoreData, order: IntArray, may_cause: BoolArray, required: BoolArray, trees: Trees) -> float:
    """The score of the best graph found in which every edge follows the order."""
    prefix = np.zeros(len(order), dtype=np.bool_)
    total = 0.0
    for v in order:
        total += _trace(data, v, prefix, may_cause, required, trees)
        prefix[v] = True
    return total


@kernel
def order_parents(
    data: ScoreData, order: IntArray, may_cause: BoolArray, required: BoolArray, trees: Trees
) -> BoolArray:
    """That graph, (d, d), True where i -> j."""
    d = len(order)
    out = np.zeros((d, d), dtype=np.bool_)
    prefix = np.zeros(d, dtype=np.bool_)
    for v in order:
        node = _walk(data, v, prefix, may_cause, required, trees)
        parents, k, n_required = _parents_at(v, node, required, trees)
        k, _ = _shrink(data, v, parents, k, n_required, trees.grown[node])
        for i in range(k):
            out[parents[i], v] = True
        prefix[v] = True
    return out


@kernel
def _best_move(
    data: ScoreData, order: IntArray, v: int, knowledge: tuple[BoolArray, BoolArray, BoolArray], trees: Trees
) -> bool:
    """Move v to its best place; whether that is a new one."""
    may_cause, required, precedes = knowledge
    d = len(order)
    others = np.empty(d - 1, dtype=np.int64)
    here, m = 0, 0
    for i in range(d):
        if order[i] == v:
            here = i
        else:
            others[m] = order[i]
            m += 1
    low, high = 0, d - 1  # v may stand before others[low..high], with d - 1 for the end
    for i in range(d - 1):
        if precedes[others[i], v]:
            low = i + 1
        if precedes[v, others[i]]:
            high = min(high, i)
    prefix = np.zeros(d, dtype=np.bool_)
    for i in range(low):
        prefix[others[i]] = True
    total = np.empty(high - low + 1)  # what depends on the place of v
    before = 0.0  # variables that would stand before v
    after = np.zeros(high - low + 1)  # each variable that would stand after v
    for i in range(low, high + 1):
        total[i - low] = before + _trace(data, v, prefix, may_cause, required, trees)
        if i < high:
            o = others[i]
            before += _trace(data, o, prefix, may_cause, required, trees)
            prefix[v] = True
            after[i - low] = _trace(data, o, prefix, may_cause, required, trees)
            prefix[v] = False
            prefix[o] = True
    tail = 0.0
    for i in range(high - 1, low - 1, -1):
        tail += after[i - low]
        total[i - low] += tail
    place = here
    for i in range(low, high + 1):
        if total[i - low] > total[place - low] + BETTER:
            place = i
    for i in range(d):
        order[i] = others[i] if i < place else (v if i == place else others[i - 1])
    return place != here


@kernel
def _trace(
    data: ScoreData, v: int, prefix: BoolArray, may_cause: BoolArray, required: BoolArray, trees: Trees
) -> float:
    """The score of v with parents grown and shrunk among `prefix` (d,)."""
    node = _walk(data, v, prefix, may_cause, required, trees)
    if np.isnan(trees.shrunk[node]):
        parents, k, n_required = _parents_at(v, node, required, trees)
        _, trees.shrunk[node] = _shrink(data, v, parents, k, n_required, trees.grown[node])
    return trees.shrunk[node]


@kernel
def _walk(data: ScoreData, v: int, prefix: BoolArray, may_cause: BoolArray, required: BoolArray, trees: Trees) -> int:
    """The node of v's tree at which nothing in the prefix raises the score any more."""
    d = len(prefix)
    room = len(trees.branch) - trees.used[1] > d * d and len(trees.before) - trees.used[0] > d
    if trees.used[0] == 0 or not room:
        _empty(data, required, trees)
    node = v
    while True:
        if trees.first[node] < 0:
            _grow(data, v, node, may_cause, required, trees)
        chosen = -1
        for b in range(trees.first[node], trees.first[node] + trees.n_branches[node]):
            if prefix[trees.branch[b]]:
                chosen = b
                break
        if chosen < 0:
            return node
        if trees.child[chosen] < 0:
            new = trees.used[0]
            trees.used[0] += 1
            trees.before[new], trees.added[new], trees.first[new] = node, trees.branch[chosen], -1
            trees.grown[new], trees.shrunk[new] = trees.branch_score[chosen], np.nan
            trees.child[chosen] = new
        node = trees.child[chosen]


@kernel
def _empty(data: ScoreData, required: BoolArray, trees: Trees) -> None:
    """Leave only the roots, whose parents are the required ones."""
    d = len(required)
    trees.used[0], trees.used[1] = d, 0
    for v in range(d):
        trees.before[v], trees.first[v], trees.shrunk[v] = -1, -1, np.nan
        parents, k, _ = _parents_at(v, v, required, trees)
        trees.grown[v] = local_score(data, v, parents, k)


@kernel
def _parents_at(v: int, node: int, required: BoolArray, trees: Trees) -> tuple[IntArray, int, int]:
    """The parents (d,) that a node stands for, the required ones first, their number and that of the required."""
    d = len(required)
    parents = np.empty(d, dtype=np.int64)
    k = 0
    for i in range(d):
        if required[i, v]:
            parents[k] = i
            k += 1
    n_required = k
    while trees.before[node] >= 0:
        parents[k] = trees.added[node]
        k += 1
        node = trees.before[node]
    return parents, k, n_required


@kernel
def _grow(data: ScoreData, v: int, node: int, may_cause: BoolArray, required: BoolArray, trees: Trees) -> None:
    """Find the branches of a node: every further parent that raises the score, the best first.

    A walk comes here only where no better branch on its way is in the prefix: those parents need no score.
    """
    d = len(required)
    parents, k, _ = _parents_at(v, node, required, trees)
    wanted = may_cause[:, v].copy()
    for i in range(k):
        wanted[parents[i]] = False
    at = node
    while trees.before[at] >= 0:
        up = trees.before[at]
        b = trees.first[up]
        while trees.branch[b] != trees.added[at]:
            wanted[trees.branch[b]] = False
            b += 1
        at = up
    score = np.full(d, -np.inf)
    grow_scores(data, v, parents, k, wanted, score)
    first = trees.used[1]
    trees.first[node], n = first, 0
    for c in np.argsort(-score, kind="mergesort"):
        if score[c] <= trees.grown[node] + BETTER:
            break
        trees.branch[first + n], trees.branch_score[first + n], trees.child[first + n] = c, score[c], -1
        n += 1
    trees.n_branches[node] = n
    trees.used[1] += n


@kernel
def _shrink(data: ScoreData, v: int, parents: IntArray, k: int, n_required: int, score: float) -> tuple[int, float]:
    """Drop, in place, the parent whose loss raises the score most, until none does; number left and score."""
    left = np.empty(len(parents), dtype=np.int64)
    while True:
        best, drop = score + BETTER, -1
        for i in range(n_required, k):
            m = 0
            for j in range(k):
                if j != i:
                    left[m] = parents[j]
                    m += 1
            without = local_score(data, v, left, m)
            if without > best:
                best, drop = without, i
        if drop < 0:
            return k, score
        score = best
        k -= 1
        for j in range(drop, k):
            parents[j] = parents[j + 1]
