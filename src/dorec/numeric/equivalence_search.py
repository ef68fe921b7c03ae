"""Greedy steps between equivalence classes of DAGs (Chickering 2002, JMLR 3: theorems 15 and 17), compiled.

A class is `arrow` (d, d): arrow[i, j] where i -> j in some DAG of the class, so both ways where the edge is undirected.
"""

import numpy as np

from dorec.numeric.arrays import BoolArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.local_score import ScoreData, local_score

BETTER = 1e-9  # a gain per row below this is rounding error
NEVER = -1e300


@kernel
def greedy_steps(
    data: ScoreData, arrow: BoolArray, may_cause: BoolArray, required: BoolArray, insert: bool
) -> BoolArray:
    """Insert (or else delete) the edge that raises the score most, until none does; gives a DAG of the last class.

    Of each ordered pair (x, y) the best step is kept, and found anew only where the last step changed what it rests on:
    the neighbourhood of y or the place of x in it. Whether a directed path forbids an insertion is asked of the best.

    Args:
        data: the score.
        arrow: the class to start from, changed in place to the last one.
        may_cause: (d, d), whether i -> j is allowed.
        required: (d, d), whether i -> j must be.
        insert: insert edges; otherwise delete them.
    """
    d = len(arrow)
    gain = np.full((d, d), NEVER)  # at [x, y]
    stale = np.ones((d, d), dtype=np.bool_)
    dag = extension(arrow)[0]
    while True:
        for x in range(d):
            for y in range(d):
                if stale[x, y]:
                    gain[x, y] = _best(data, arrow, may_cause, required, (x, y), insert, False)[0]
        stale[:] = False
        trial = gain.copy()
        while True:
            top = int(np.argmax(trial))
            x, y = top // d, top % d
            if trial[x, y] <= BETTER:
                return dag
            exact, chosen = _best(data, arrow, may_cause, required, (x, y), insert, True)
            if exact < trial[x, y]:
                trial[x, y] = exact
                continue
            changed = _applied(arrow, x, y, chosen, insert)
            extended, fits = extension(changed)
            if not fits:
                trial[x, y] = NEVER
                continue
            dag = extended
            completed = complete(dag, may_cause)
            _mark_stale(arrow, completed, x, y, stale)
            arrow[:] = completed
            break


@kernel
def _best(
    data: ScoreData,
    arrow: BoolArray,
    may_cause: BoolArray,
    required: BoolArray,
    pair: tuple[int, int],
    insert: bool,
    paths: bool,
) -> tuple[float, BoolArray]:
    """The gain of the best step on x -> y and the set that goes with it, (d,), as neighbours of y turned into parents.

    Insertion: T among the neighbours of y away from x, with T and those next to x a clique that blocks every way from
    y to x. Deletion: the neighbours of y next to x that stay a clique among the parents of y.
    """
    x, y = pair
    d = len(arrow)
    inside = np.zeros(d, dtype=np.bool_)  # parents and chosen neighbours of y
    chosen = np.zeros(d, dtype=np.bool_)
    linked = arrow[x, y] or arrow[y, x]
    possible = may_cause[x, y] and not linked if insert else arrow[x, y] and not required[x, y] and not required[y, x]
    if x == y or not possible:
        return NEVER, chosen
    pool = np.empty(d, dtype=np.int64)
    m = 0
    for t in range(d):
        if t in (x, y) or not arrow[t, y]:
            continue
        if not arrow[y, t]:
            inside[t] = True
        elif (arrow[t, x] or arrow[x, t]) and insert:
            for s in range(t):  # neighbours next to x must be a clique whatever T is
                if chosen[s] and not (arrow[s, t] or arrow[t, s]):
                    return NEVER, chosen
            chosen[t] = True
        elif insert or arrow[t, x] or arrow[x, t]:
            pool[m] = t
            m += 1
    best, best_set = NEVER, chosen.copy()
    picked, depth, i = np.empty(m + 1, dtype=np.int64), 0, 0
    while True:
        gain = _difference(data, inside, chosen, x, y, insert)
        if gain > best and not (insert and paths and _reaches(arrow, y, x, chosen)):
            best, best_set = gain, chosen.copy()
        while True:  # the next clique: one member more, or the last one replaced
            while i < m and not _joins(arrow, chosen, pool[i]):
                i += 1
            if i < m:
                chosen[pool[i]] = True
                picked[depth] = i
                depth, i = depth + 1, i + 1
                break
            if depth == 0:
                return best, best_set
            depth -= 1
            chosen[pool[picked[depth]]] = False
            i = picked[depth] + 1


@kernel
def _joins(arrow: BoolArray, chosen: BoolArray, t: int) -> bool:
    """Whether t is adjacent to all that are chosen."""
    apart = 0
    for s in range(len(chosen)):
        apart += chosen[s] and not (arrow[s, t] or arrow[t, s])
    return apart == 0


@kernel
def _difference(data: ScoreData, inside: BoolArray, chosen: BoolArray, x: int, y: int, insert: bool) -> float:
    """What y gains by x as a parent beside those inside and chosen, or by its loss."""
    parents = np.empty(len(inside) + 1, dtype=np.int64)
    k = 0
    for t in range(len(inside)):
        if (inside[t] or chosen[t]) and t != x:
            parents[k] = t
            k += 1
    without = local_score(data, y, parents, k)
    parents[k] = x
    gain = local_score(data, y, parents, k + 1) - without
    return gain if insert else -gain


@kernel
def _reaches(arrow: BoolArray, start: int, end: int, blocked: BoolArray) -> bool:
    """Whether a path without an edge against its direction leads from start to end around the blocked."""
    d = len(arrow)
    seen = blocked.copy()
    stack = np.empty(d, dtype=np.int64)
    stack[0], m = start, 1
    seen[start] = True
    while m > 0:
        m -= 1
        i = stack[m]
        for j in range(d):
            if arrow[i, j] and not seen[j]:
                if j == end:
                    return True
                seen[j] = True
                stack[m] = j
                m += 1
    return False


@kernel
def _applied(arrow: BoolArray, x: int, y: int, chosen: BoolArray, insert: bool) -> BoolArray:
    """The partly directed graph after the step."""
    out = arrow.copy()
    out[x, y] = insert
    out[y, x] = False
    for t in range(len(arrow)):
        if insert and chosen[t]:
            out[y, t] = False
        is_neighbour = arrow[t, y] and arrow[y, t] and (arrow[t, x] or arrow[x, t])
        if not insert and t != x and is_neighbour and not chosen[t]:
            out[t, y] = False
            if arrow[x, t]:
                out[t, x] = False
    return out


@kernel
def _mark_stale(old: BoolArray, new: BoolArray, x: int, y: int, stale: BoolArray) -> None:
    """Mark the pairs whose best step may have changed from the class `old` to `new` by a step on x and y."""
    d = len(old)
    for i in range(d):
        touched = False
        for j in range(d):
            touched = touched or old[i, j] != new[i, j] or old[j, i] != new[j, i]
        if touched or (new[x, i] and new[i, x] and new[y, i] and new[i, y]):
            for j in range(d):
                stale[i, j] = True
                stale[j, i] = True


@kernel
def extension(arrow: BoolArray) -> tuple[BoolArray, bool]:
    """A DAG with the same edges, directions and colliders, and whether there is one (Dor, Tarsi 1992).

    >>> dag, found = extension(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool))
    >>> int(dag.sum()), found
    (2, True)
    """
    d = len(arrow)
    dag = arrow.copy()
    left = np.ones(d, dtype=np.bool_)
    near = np.empty(d, dtype=np.int64)
    n_left, moved = d, True
    while n_left > 0 and moved:
        moved = False
        for v in range(d):
            if left[v] and _is_sink(arrow, left, v, near):
                for u in range(d):
                    if left[u] and arrow[u, v]:
                        dag[v, u] = False
                left[v] = False
                n_left -= 1
                moved = True
    return dag, n_left == 0


@kernel
def _is_sink(arrow: BoolArray, left: BoolArray, v: int, near: IntArray) -> bool:
    """Whether v may be last: no edge leaves it, and each neighbour is adjacent to all that are adjacent to v."""
    k = 0
    for u in range(len(arrow)):
        if left[u] and arrow[v, u] and not arrow[u, v]:
            return False
        if left[u] and arrow[u, v]:
            near[k] = u
            k += 1
    for i in range(k):
        u = near[i]
        if arrow[v, u]:
            for j in range(k):
                w = near[j]
                if w != u and not (arrow[u, w] or arrow[w, u]):
                    return False
    return True


@kernel
def complete(dag: BoolArray, may_cause: BoolArray) -> BoolArray:
    """The class of a DAG (d, d) within knowledge: directions of its colliders and of knowledge, and Meek's rules.

    >>> complete(np.array([[0, 1], [0, 0]], dtype=bool), ~np.eye(2, dtype=bool)).tolist()
    [[False, True], [True, False]]
    """
    out = dag | dag.T
    pairs = np.argwhere(dag)
    undecided = np.ones(len(pairs), dtype=np.bool_)
    moved = True
    first = True
    while moved:
        moved = False
        for e in range(len(pairs)):
            a, b = pairs[e, 0], pairs[e, 1]
            if undecided[e] and (
                (first and (not may_cause[b, a] or _meets(dag, a, b))) or (not first and _forced(out, a, b))
            ):
                out[b, a] = False
                undecided[e] = False
                moved = True
        moved = moved or first
        first = False
    return out


@kernel
def _meets(dag: BoolArray, a: int, b: int) -> bool:
    """Whether a -> b meets a parent of b that is not adjacent to a."""
    met = 0
    for c in range(len(dag)):
        met += dag[c, b] and c != a and not (dag[a, c] or dag[c, a])
    return met > 0


@kernel
def _forced(arrow: BoolArray, a: int, b: int) -> bool:
    """Whether one of Meek's rules makes a - b into a -> b."""
    d = len(arrow)
    for c in range(d):
        into_a = arrow[c, a] and not arrow[a, c]
        into_b = arrow[c, b] and not arrow[b, c]
        if into_a and not (arrow[c, b] or arrow[b, c]):  # 1: c -> a - b
            return True
        if not into_b or not (arrow[a, c] or arrow[c, a]):
            continue
        if arrow[a, c] and not arrow[c, a]:  # 2: a -> c -> b
            return True
        for e in range(d):
            if e == b or not (arrow[a, e] and arrow[e, a]):
                continue
            if arrow[c, a] and arrow[e, b] and not arrow[b, e] and not (arrow[c, e] or arrow[e, c]) and e != c:
                return True  # 3: a - c -> b, a - e -> b
            if arrow[e, c] and not arrow[c, e] and not (arrow[e, b] or arrow[b, e]):
                return True  # 4: a - e -> c -> b
    return False


@kernel
def graph_score(data: ScoreData, dag: BoolArray) -> float:
    """The score of a DAG, per row.

    >>> from dorec.numeric.local_score import GAUSSIAN_BIC, score_data
    >>> data = score_data(GAUSSIAN_BIC, 100, 1.0, correlation=np.array([[1.0, 0.6], [0.6, 1.0]]))
    >>> round(graph_score(data, np.array([[False, True], [False, False]])), 4)
    0.2001
    """
    d = len(dag)
    parents = np.empty(d, dtype=np.int64)
    total = 0.0
    for y in range(d):
        k = 0
        for x in range(d):
            if dag[x, y]:
                parents[k] = x
                k += 1
        total += local_score(data, y, parents, k)
    return total
