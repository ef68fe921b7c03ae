"""A programme solved by HiGHS: the linear relaxation with its dual prices, then whole numbers.

The relaxation's unit polytopes have whole corners (a cardinality within categories is a matroid), so its optimum equals
the best Lagrangian bound; only the limits across units can leave fractions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import NoFeasiblePlan
from dorec.intervene.programme import Programme
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

INFEASIBLE = 2  # status of scipy's linprog and milp


@dataclass(frozen=True, eq=False)
class _Matrix:
    unit: IntArray  # (n_pairs,) of each variable that is an action
    action: IntArray  # (n_pairs,)
    n_units: int  # variables after those: whether the unit is treated; 0 where one action a unit says it
    gain: FloatArray  # (n_pairs,)
    rows: Any  # sparse (n_rows, n_variables): limits of the programme
    unit_rows: Any  # sparse: what a unit may get
    unit_bounds: FloatArray


def relaxed(programme: Programme) -> tuple[float, FloatArray, AnyArray | None]:
    """The optimum of the linear relaxation, the dual prices (n_rows,), and the plan (n, most) if it is whole.

    Raises:
        NoFeasiblePlan: even fractions of units can't keep the limits.
    """
    from scipy import optimize, sparse  # loaded on use: it takes half a second

    matrix = _matrix(programme, implied=True)  # with these HiGHS gives smaller prices where several are right
    if not matrix.rows.shape[1]:
        return 0.0, np.zeros(len(programme.bounds)), _empty(programme)
    linprog: Any = optimize.linprog  # its stubs don't know sparse matrices
    answer = linprog(
        _objective(matrix),
        A_ub=sparse.vstack([matrix.rows, matrix.unit_rows], format="csr"),
        b_ub=np.concatenate([programme.bounds, matrix.unit_bounds]),
        bounds=(0, 1),
        method="highs",
    )
    if answer.status == INFEASIBLE:
        raise NoFeasiblePlan("the limits contradict each other")
    if answer.x is None:
        raise RuntimeError(f"HiGHS stopped without an answer: {answer.message}")
    prices = np.maximum(-answer.ineqlin.marginals[: len(programme.bounds)], 0.0)
    whole = np.abs(answer.x - np.round(answer.x)).max(initial=0.0) < 1e-7
    return float(-answer.fun), prices, _plan(programme, matrix, answer.x) if whole else None


def whole(
    programme: Programme, *, gap: float = 1e-9, nodes: int = 2**31 - 1, seconds: float = np.inf
) -> tuple[AnyArray | None, float]:
    """The best plan (n, most) in whole numbers and a bound on the best; no plan where none was found.

    Args:
        programme: as it is.
        gap: relative, at which the search stops.
        nodes: of the search at most.
        seconds: likewise; what was found by then stands.
    """
    matrix = _matrix(programme, implied=False)  # without, its search is several times faster
    bounds, first = programme.bounds, np.inf
    for attempt in range(5):
        x, bound = _milp(matrix, bounds, {"mip_rel_gap": gap, "node_limit": nodes, "time_limit": seconds})
        first = bound if attempt == 0 else first
        if x is None:
            return None, first
        plan = _plan(programme, matrix, x)
        over = programme.rows @ programme.totals(plan).use - programme.bounds
        if not len(programme.broken(programme.totals(plan).use)):
            return plan, first
        bounds = bounds - 2 * np.maximum(over, 0.0)  # the solver oversteps limits by its tolerance: draw them in
    return None, first


def _milp(matrix: _Matrix, bounds: FloatArray, options: Any) -> tuple[FloatArray | None, float]:
    from scipy import optimize, sparse

    rows = sparse.vstack([matrix.rows, matrix.unit_rows], format="csr")
    if not rows.shape[1]:
        return (np.empty(0), 0.0) if (bounds >= 0).all() else (None, -np.inf)
    answer: Any = optimize.milp(
        _objective(matrix),
        integrality=np.ones(rows.shape[1]),
        bounds=optimize.Bounds(0, 1),
        constraints=optimize.LinearConstraint(rows, -np.inf, np.concatenate([bounds, matrix.unit_bounds])),
        options=options,
    )
    bound = answer.mip_dual_bound
    if answer.status == INFEASIBLE:
        return None, -np.inf
    return answer.x, np.inf if bound is None or not np.isfinite(bound) else float(-bound)


def _objective(matrix: _Matrix) -> FloatArray:
    return np.concatenate([-matrix.gain, np.zeros(matrix.n_units)])


def _empty(programme: Programme) -> AnyArray:
    return np.full((programme.n, max(programme.most, 1)), -1, dtype=np.int32)


def _plan(programme: Programme, matrix: _Matrix, x: FloatArray) -> AnyArray:
    plan = _empty(programme)
    taken = np.flatnonzero(x[: len(matrix.unit)] > 0.5)
    unit = matrix.unit[taken]  # pairs are sorted by unit
    place = np.arange(len(unit)) - np.searchsorted(unit, unit)
    plan[unit, place] = matrix.action[taken]
    return plan


def _matrix(programme: Programme, *, implied: bool) -> _Matrix:
    from scipy import sparse

    slots = programme.each(programme.slots)
    unit, action = np.nonzero(np.broadcast_to(programme.allowed, programme.gain.shape) & (slots > 0)[:, None])
    n, m, n_pairs = programme.n, programme.m, len(unit)
    weight = programme.each(programme.weight)
    group = programme.each(programme.group)
    often = programme.most > 1
    cost = programme.cost[unit if len(programme.cost) > 1 else 0, action]
    money, by_action, by_group = programme.rows[:, 0], programme.rows[:, 1 : 1 + m], programme.rows[:, 1 + m :]
    on_pairs = money[:, None] * cost + by_action[:, action]
    if not often:
        on_pairs = on_pairs + by_group[:, group[unit]]
    rows = sparse.csr_matrix(on_pairs * weight[unit])
    member = sparse.csr_matrix((np.ones(n_pairs), (unit, np.arange(n_pairs))), shape=(n, n_pairs))
    gain = programme.gain[unit, action].astype(np.float64) * weight[unit]
    if not often:
        return _Matrix(unit, action, 0, gain, rows, member, np.ones(n))
    rows = sparse.hstack([rows, sparse.csr_matrix(by_group[:, group] * weight)])
    unit_rows = _several(programme, member, unit, action, implied=implied)
    return _Matrix(unit, action, n, gain, rows, unit_rows, np.zeros(unit_rows.shape[0]))


def _several(programme: Programme, member: Any, unit: IntArray, action: IntArray, *, implied: bool) -> Any:
    """Treated (z) where any action is given, and only then; at most `slots`, at most `per_category` of a category.

    Without `implied`, rows that others make idle are left out: most often there are as many as pairs.
    """
    from scipy import sparse

    n, n_pairs = programme.n, len(unit)
    z = sparse.identity(n, format="csr")
    blocks = [sparse.hstack([member, -sparse.diags(programme.each(programme.slots).astype(float))])]
    if implied or (programme.rows[:, 1 + programme.m :] < 0).any():  # no limit asks for treated units otherwise
        blocks.append(sparse.hstack([-member, z]))
    apart = programme.per_category < programme.m
    for code in range(programme.category.max(initial=0) + 1 if apart else 0):
        inside = member @ sparse.diags((programme.category[action] == code).astype(float))
        blocks.append(sparse.hstack([inside, -float(programme.per_category) * z]))
    if implied or not (apart and programme.per_category == 1):
        pairs = sparse.identity(n_pairs, format="csr")
        of_pair = sparse.csr_matrix((np.ones(n_pairs), (np.arange(n_pairs), unit)), shape=(n_pairs, n))
        blocks.append(sparse.hstack([pairs, -of_pair]))  # given only where treated
    return sparse.vstack(blocks, format="csr")
