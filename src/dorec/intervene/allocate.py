"""Who gets what under a budget: the plan that gains most, by the method that fits its size."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from dorec.domain.errors import InputError, NoFeasiblePlan
from dorec.domain.intervention import Audience, Budget
from dorec.intervene.allocation import Allocation, Limit
from dorec.intervene.budget_programme import programme_of
from dorec.intervene.contradiction import refuse_contradiction
from dorec.intervene.exact import relaxed, whole
from dorec.intervene.lagrangian import solve
from dorec.intervene.multiple_choice_knapsack import knapsack
from dorec.intervene.programme import Programme
from dorec.numeric.arrays import AnyArray, FloatArray

Method = Literal["auto", "exact", "lagrangian"]
KNAPSACK = 1_000_000  # pairs of unit and arm up to which money or units alone are shared out by sorting
BOTH = 20_000  # likewise where both are limited, which takes sixty sorts
EXACT = 2_000  # pairs up to which whole numbers are searched without a core


def allocate(
    effects: AnyArray,
    budget: Budget,
    arms: Sequence[Any] = (0, 1),
    *,
    audience: Audience | None = None,
    std_errors: AnyArray | None = None,
    caution: float = 1.0,
    method: Method = "auto",
    explore: float = 0.0,
) -> Allocation:
    """The arms that bring most under a budget; without a minimum, a unit is treated only where that should help it.

    Money and units alone are shared out by sorting (`multiple_choice_knapsack`), small programmes go to HiGHS
    (`exact`), large ones are solved by the prices of their limits (`lagrangian`: a million units and 20 arms in
    seconds). Each answer carries an upper bound on every other plan. Gains of several arms for one unit add up.

    Args:
        effects: predicted effect of each arm against the first, (n,) or (n, k - 1); larger is better. float32 is kept
            as it is; a value may be missing where the arm is not eligible.
        budget: what limits the plan.
        arms: (k,) labels, the reference first; the budget names them.
        audience: who is eligible for what, costs by unit, groups, recent contacts.
        std_errors: of the effects, same shape; then units are chosen by effect - caution * std_error.
        caution: how many standard errors are taken off.
        method: "exact" or "lagrangian", or "auto" to choose by size.
        explore: probability that each eligible arm and the reference keep, to be drawn with `Exploring`; every limit
            then holds in expectation, the exploration counted.

    Raises:
        InputError, NotFinite: labels, shapes or values don't fit.
        NoFeasiblePlan: the minima can't be met within the other limits; says which, and what would mend it.

    Example:
        >>> plan = allocate(np.array([3.0, -1.0, 2.0, 5.0]), Budget(total=20.0, cost={"mail": 10.0}), ["none", "mail"])
        >>> plan.arm.tolist(), plan.expected_gain, plan.spent, plan.dual_price
        ([1, 0, 0, 1], 8.0, 20.0, 0.2)
        >>> effects = np.array([[3.0, 2.0], [4.0, 1.0], [2.0, 1.5]])
        >>> plan = allocate(effects, Budget(capacity={"mail": 1}), ["none", "mail", "call"])
        >>> plan.arm.tolist(), plan.expected_gain, plan.gap
        ([2, 1, 2], 7.5, 0.0)
    """
    if method not in ("auto", "exact", "lagrangian"):
        raise InputError(f"method is {method!r}; give 'auto', 'exact' or 'lagrangian'.")
    gain = _as_columns(effects, len(arms), "effects")
    chosen_by = gain
    if std_errors is not None:
        error = _as_columns(std_errors, len(arms), "std_errors")
        if error.shape != gain.shape or (error < 0).any():
            raise InputError(f"std_errors have shape {error.shape}; give {gain.shape} values of 0 or more.")
        chosen_by = gain - gain.dtype.type(caution) * error
    programme = programme_of(chosen_by, budget, arms, audience, explore=explore)
    by = method if method != "auto" else _method(programme, budget)
    choice, prices, bound = _solved(programme, by)
    return _allocation(programme, gain, tuple(arms), choice, prices, bound, by)


def _as_columns(values: AnyArray, k: int, what: str) -> AnyArray:
    out = np.asarray(values)
    out = out if out.dtype == np.float32 else out.astype(np.float64, copy=False)
    out = out[:, None] if out.ndim == 1 else out
    if out.ndim != 2 or out.shape[1] != k - 1:
        raise InputError(f"{what} have shape {np.shape(values)}; for {k} arms give (n, {k - 1}).")
    return np.ascontiguousarray(out)


def _method(programme: Programme, budget: Budget) -> str:
    pairs = programme.n * programme.m
    same_cost = len(programme.cost) == 1 and not programme.explore
    if budget.is_simple and same_cost and pairs <= (KNAPSACK if len(programme.names) < 2 else BOTH):
        return "knapsack"
    return "exact" if pairs <= EXACT else "lagrangian"


def _solved(programme: Programme, method: str) -> tuple[AnyArray, FloatArray, float]:
    """The plan (n, most), the prices (n_rows,) and the upper bound."""
    if method == "knapsack":
        choice, prices = _by_sorting(programme)
        return choice, prices, programme.dual(prices).value
    refuse_contradiction(programme)
    if method == "lagrangian":
        choice, dual = solve(programme)
        return choice, dual.prices, dual.bound
    _, prices, found = relaxed(programme)
    bound = programme.dual(prices).value
    if found is None or len(programme.broken(programme.totals(found).use)):
        found, proven = whole(programme)
        bound = min(bound, proven)
    if found is None:
        raise NoFeasiblePlan(
            "fractions of units could keep every limit, whole units can't",
            remedy=f"loosen one of {', '.join(programme.names)} a little",
        )
    return found, prices, bound


def _by_sorting(programme: Programme) -> tuple[AnyArray, FloatArray]:
    limits = dict(zip(programme.names, programme.bounds.tolist(), strict=True))
    gain = np.where(programme.allowed, programme.gain.astype(np.float64, copy=False), -np.inf)
    limit = int(limits.get("max_units", programme.n))
    arm, money, unit = knapsack(gain, programme.cost[0], limits.get("total", np.inf), limit)
    prices = {"total": money, "max_units": unit}
    return (arm - 1).astype(np.int32)[:, None], np.array([prices[name] for name in programme.names])


def _allocation(
    programme: Programme,
    gain: AnyArray,
    arms: tuple[Any, ...],
    choice: AnyArray,
    prices: FloatArray,
    bound: float,
    method: str,
) -> Allocation:
    planned, use = programme.totals(choice)
    left = programme.bounds - programme.rows @ use
    value = programme.gain_of(choice, programme.gain)
    bound += value - planned  # what exploring brings is the same for every plan
    by_name = dict(zip(programme.names, prices.tolist(), strict=True))
    other = np.array([name not in ("total", "max_units") for name in programme.names], dtype=bool)
    return Allocation(
        choice=choice,
        arms=arms,
        expected_gain=value if gain is programme.gain else programme.gain_of(choice, gain),
        spent=float((use if programme.set_aside is None else use + programme.set_aside)[0]),
        dual_price=by_name.get("total", 0.0),
        unit_price=by_name.get("max_units", 0.0),
        action_price=programme.prices_of(np.where(other, prices, 0.0))[1],
        n_treated=int((choice >= 0).any(axis=1).sum()),
        limits=tuple(map(Limit, programme.names, left.tolist(), prices.tolist())),
        objective=value,
        upper_bound=max(bound, value),
        method=method,
        explore=programme.explore,
    )
