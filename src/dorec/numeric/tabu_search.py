"""Hill climbing over DAGs one edge at a time, with a list of steps that may not be undone yet, compiled."""

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.equivalence_search import BETTER, NEVER
from dorec.numeric.local_score import ScoreData, grow_scores, local_score

ADD, DELETE, REVERSE = 0, 1, 2


@kernel
def tabu_search(
    data: ScoreData, dag: BoolArray, may_cause: BoolArray, required: BoolArray, tabu_length: int, patience: int
) -> BoolArray:
    """The best DAG (d, d) met on a walk of best steps from `dag`, which is changed to the last.

    Args:
        data: the score.
        dag: where to start; it holds every required edge.
        may_cause: (d, d), whether i -> j is allowed.
        required: (d, d), whether i -> j must be.
        tabu_length: for so many steps, at most half of the pairs, a changed pair of variables stays as it is.
        patience: the walk ends after so many steps without a new best; 0 stops at the first that does not gain.
    """
    d = len(dag)
    grow = np.full((d, d), NEVER)  # gain of the parent x for y, at [x, y]
    drop = np.full((d, d), NEVER)  # gain of its loss
    for y in range(d):
        _renew(data, dag, y, may_cause, grow, drop)
    free_at = np.zeros((d, d), dtype=np.int64)
    rest = min(tabu_length, d * (d - 1) // 4)
    best_dag, best, now, since, step = dag.copy(), 0.0, 0.0, 0, 0
    while since <= patience:
        kind, x, y, gain = _best_step(dag, grow, drop, may_cause, required, free_at, step, best - now)
        if gain == NEVER or (patience == 0 and gain <= BETTER):
            break
        dag[x, y] = kind == ADD
        if kind == REVERSE:
            dag[y, x] = True
            _renew(data, dag, x, may_cause, grow, drop)
        _renew(data, dag, y, may_cause, grow, drop)
        step += 1
        free_at[x, y] = free_at[y, x] = step + rest
        now += gain
        since += 1
        if now > best + BETTER:
            best, since = now, 0
            best_dag[:] = dag
    return best_dag


@kernel
def _renew(data: ScoreData, dag: BoolArray, y: int, may_cause: BoolArray, grow: FloatArray, drop: FloatArray) -> None:
    """What y gains by each further parent, and by the loss of each that it has."""
    d = len(dag)
    parents = np.empty(d, dtype=np.int64)
    left = np.empty(d, dtype=np.int64)
    wanted = may_cause[:, y].copy()
    k = 0
    for x in range(d):
        if dag[x, y]:
            parents[k] = x
            k += 1
            wanted[x] = False
    now = local_score(data, y, parents, k)
    out = np.full(d, NEVER)
    grow_scores(data, y, parents, k, wanted, out)
    for x in range(d):
        grow[x, y] = out[x] - now if wanted[x] else NEVER
        drop[x, y] = NEVER
    for i in range(k):
        m = 0
        for j in range(k):
            if j != i:
                left[m] = parents[j]
                m += 1
        drop[parents[i], y] = local_score(data, y, left, m) - now


@kernel
def _best_step(
    dag: BoolArray,
    grow: FloatArray,
    drop: FloatArray,
    may_cause: BoolArray,
    required: BoolArray,
    free_at: IntArray,
    step: int,
    to_best: float,
) -> tuple[int, int, int, float]:
    """Kind, x, y and gain of the best step that closes no cycle; a barred one only where it leads to a new best.

    Of steps that gain alike the first is taken: which of them rounding favours must not matter.
    """
    d = len(dag)
    kind, best_x, best_y, best = ADD, 0, 0, NEVER
    for x in range(d):
        for y in range(d):
            floor = (best if free_at[x, y] <= step else max(best, to_best)) + BETTER
            if not dag[x, y]:
                gain = grow[x, y]
                if gain > floor and not dag[y, x] and not _leads(dag, y, x, False):
                    kind, best_x, best_y, best = ADD, x, y, gain
                continue
            if required[x, y]:
                continue
            gain = drop[x, y]
            if gain > floor:
                kind, best_x, best_y, best = DELETE, x, y, gain
                floor = gain + BETTER
            gain = drop[x, y] + grow[y, x]
            if may_cause[y, x] and gain > floor and not _leads(dag, x, y, True):
                kind, best_x, best_y, best = REVERSE, x, y, gain
    return kind, best_x, best_y, best


@kernel
def _leads(dag: BoolArray, start: int, end: int, indirect: bool) -> bool:
    """Whether a directed path leads from start to end, beside the edge between them if `indirect`."""
    d = len(dag)
    seen = np.zeros(d, dtype=np.bool_)
    stack = np.empty(d, dtype=np.int64)
    stack[0], m = start, 1
    seen[start] = True
    while m > 0:
        m -= 1
        i = stack[m]
        for j in range(d):
            if dag[i, j] and not seen[j] and not (indirect and i == start and j == end):
                if j == end:
                    return True
                seen[j] = True
                stack[m] = j
                m += 1
    return False
