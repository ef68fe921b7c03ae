"""Who gets what under a budget: the multiple-choice knapsack by its linear relaxation.

Each unit gets one arm or none. Its arms form a chain of upgrades on the upper hull of (cost, gain); upgrades are bought
in the order of gain per cost (Sinha, Zoltners 1979, doi:10.1287/opre.27.3.503), which is optimal up to the one unit
where the budget runs out. A limit on the number of units adds a price per unit, found by bisection.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dorec.domain.errors import InputError, NotFinite
from dorec.domain.estimate import Estimate
from dorec.domain.intervention import Budget
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Allocation:
    """Which arm each unit gets, what that is expected to bring, and what one more unit of budget would.

    Example:
        >>> allocate(np.array([3.0, -1.0, 2.0]), Budget(max_units=1)).arm.tolist()
        [1, 0, 0]
    """

    arm: IntArray  # (n,) codes into `arms`; 0 is the reference: nothing is done
    arms: tuple[Any, ...]
    expected_gain: float  # sum of the predicted effects of the chosen arms
    spent: float
    dual_price: float  # gain that one more unit of money would bring; 0 where money is left
    unit_price: float  # gain that one more treated unit would bring; 0 where max_units does not bind
    n_treated: int


class _Upgrades(NamedTuple):
    unit: IntArray
    arm: IntArray
    cost: FloatArray
    gain: FloatArray


def allocate(
    effects: AnyArray,
    budget: Budget,
    arms: Sequence[Any] = (0, 1),
    *,
    std_errors: AnyArray | None = None,
    caution: float = 1.0,
) -> Allocation:
    """The arms that bring most under a budget; a unit is treated only where that is expected to help it.

    Args:
        effects: predicted effect of each arm against the first, (n,) or (n, k - 1); larger is better.
        budget: money in all, cost of each arm, most units treated.
        arms: (k,) labels, the reference first; the costs of the budget name them.
        std_errors: of the effects, same shape; then units are chosen by effect - caution * std_error.
        caution: how many standard errors are taken off.

    Returns:
        The allocation; its gain falls short of the best possible by less than the gain of one unit for each limit.

    Example:
        >>> plan = allocate(np.array([3.0, -1.0, 2.0, 5.0]), Budget(total=20.0, cost={"mail": 10.0}), ["none", "mail"])
        >>> plan.arm.tolist(), plan.expected_gain, plan.spent, plan.dual_price
        ([1, 0, 0, 1], 8.0, 20.0, 0.2)
    """
    gain = _as_columns(effects, len(arms), "effects")
    chosen_by = gain
    if std_errors is not None:
        error = _as_columns(std_errors, len(arms), "std_errors")
        if error.shape != gain.shape or (error < 0).any():
            raise InputError(f"std_errors have shape {error.shape}; give {gain.shape} values of 0 or more.")
        chosen_by = gain - caution * error
    cost = _costs(budget, arms)
    total = np.inf if budget.total is None else budget.total
    limit = len(gain) if budget.max_units is None else budget.max_units
    arm, money_price = _spend(chosen_by, cost, total)
    unit_price = 0.0
    if np.count_nonzero(arm) > limit:
        arm, money_price, unit_price = _spend_on_few(chosen_by, cost, total, limit)
    treated = arm > 0
    return Allocation(
        arm=arm,
        arms=tuple(arms),
        expected_gain=float(gain[treated, arm[treated] - 1].sum()),
        spent=float(cost[arm[treated] - 1].sum()),
        dual_price=money_price,
        unit_price=unit_price,
        n_treated=int(treated.sum()),
    )


def allocation_value(
    arm: AnyArray, scores: FloatArray, *, sample: str = "", cluster: AnyArray | None = None, name: str = "gain per unit"
) -> Estimate:
    """What an allocation is worth per unit, against doing nothing, from the orthogonal scores of the same units.

    The mean over units of the score of the chosen arm minus the score of the reference. It is free of optimism where
    the arms were chosen by effects that did not see the units' own outcomes, such as `unit_effects`.

    Args:
        arm: codes (n,), as `Allocation.arm`.
        scores: (n, k), as `EffectModel.scores`.

    Example:
        >>> value = allocation_value(np.array([1, 0]), np.array([[1.0, 3.0], [2.0, 2.5]]))
        >>> value.value
        1.0
    """
    arm, scores = np.asarray(arm), np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or arm.shape != scores.shape[:1]:
        raise InputError(f"arm has shape {arm.shape}, scores have {scores.shape}; give (n,) and (n, k).")
    if len(arm) and not (arm.min() >= 0 and arm.max() < scores.shape[1]):
        raise InputError(f"arm holds codes outside 0..{scores.shape[1] - 1}, the columns of scores.")
    gain = scores[np.arange(len(arm)), arm] - scores[:, 0]
    return Estimate.of_mean(gain, sample=sample, cluster=cluster, name=name, method="AIPW policy value")


def _as_columns(values: AnyArray, k: int, what: str) -> FloatArray:
    out = np.asarray(values, dtype=np.float64)
    out = out[:, None] if out.ndim == 1 else out
    if out.ndim != 2 or out.shape[1] != k - 1:
        raise InputError(f"{what} have shape {np.shape(values)}; for {k} arms give (n, {k - 1}).")
    bad = np.flatnonzero(~np.isfinite(out).all(axis=1))
    if len(bad):
        raise NotFinite(
            f"{what} have {len(bad):,} row(s) with a missing or infinite value, the first {bad[0]}",
            remedy="repair these rows",
        )
    return out


def _costs(budget: Budget, arms: Sequence[Any]) -> FloatArray:
    unknown = [arm for arm in budget.cost if arm not in arms]
    if unknown:
        raise InputError(
            f"The budget has a cost for {', '.join(map(repr, unknown))}; the arms are {', '.join(map(repr, arms))}."
        )
    if budget.cost.get(arms[0], 0.0):
        raise InputError(f"The reference arm {arms[0]!r} has a cost; give costs relative to it.")
    return np.array([float(budget.cost.get(arm, 0.0)) for arm in arms[1:]])


def _upgrades(gain: FloatArray, cost: FloatArray) -> tuple[_Upgrades, IntArray]:
    """Every step along each unit's upper hull of (cost, gain), and the free arm that each unit starts from."""
    n, m = gain.shape
    free = np.where(cost == 0, gain, -np.inf)
    best = free.argmax(axis=1) if m else np.zeros(n, dtype=np.int64)
    start = np.where(free[np.arange(n), best] > 0, best + 1, 0)
    now_gain = np.where(start > 0, free[np.arange(n), best], 0.0)
    now_cost = np.zeros(n)
    unit = np.arange(n)
    steps: list[_Upgrades] = []
    for _ in range(m):
        extra_cost = cost[None, :] - now_cost[unit, None]
        extra_gain = gain[unit] - now_gain[unit, None]
        rate = np.divide(
            extra_gain, extra_cost, out=np.full(extra_gain.shape, -np.inf), where=(extra_cost > 0) & (extra_gain > 0)
        )
        pick = rate.argmax(axis=1)
        rows = np.flatnonzero(rate[np.arange(len(unit)), pick] > 0)
        if not len(rows):
            break
        unit, pick = unit[rows], pick[rows]
        steps.append(_Upgrades(unit, pick + 1, extra_cost[rows, pick], extra_gain[rows, pick]))
        now_cost[unit], now_gain[unit] = cost[pick], gain[unit, pick]
    empty = np.empty(0, dtype=np.int64)
    if not steps:
        return _Upgrades(empty, empty, np.empty(0), np.empty(0)), start
    return _Upgrades(*(np.concatenate(parts) for parts in zip(*steps, strict=True))), start


def _spend(gain: FloatArray, cost: FloatArray, total: float) -> tuple[IntArray, float]:
    """Buy upgrades in the order of gain per cost; the arms, and the price of money at which the budget ran out."""
    upgrades, arm = _upgrades(gain, cost)
    rate = upgrades.gain / upgrades.cost
    order = np.argsort(-rate, kind="stable")
    paid = np.cumsum(upgrades.cost[order])
    n_bought = int(np.searchsorted(paid, total * (1 + 1e-12), side="right"))
    bought = order[:n_bought]
    last = np.zeros(len(arm), dtype=np.int64)  # 1 + the position of each unit's last upgrade; later steps stand later
    np.maximum.at(last, upgrades.unit[bought], bought + 1)
    arm = np.where(last > 0, upgrades.arm[last - 1], arm).astype(np.int64) if len(order) else arm.astype(np.int64)
    if n_bought == len(order):
        return arm, 0.0
    price = float(rate[order[n_bought]])
    left = total - (paid[n_bought - 1] if n_bought else 0.0)
    return _fill(arm, upgrades, order[n_bought:], left), price


def _fill(arm: IntArray, upgrades: _Upgrades, rest: IntArray, left: float) -> IntArray:
    """Spend what is left on upgrades that still fit, best first, unless an earlier one of the unit was passed over."""
    fits = upgrades.cost[rest] <= left
    cheapest = float(upgrades.cost[rest].min())
    passed: set[int] = set()
    for i, fit in zip(rest.tolist(), fits.tolist(), strict=True):
        if left < cheapest:
            break
        unit = int(upgrades.unit[i])
        if not fit or upgrades.cost[i] > left or unit in passed:
            passed.add(unit)
            continue
        arm[unit] = upgrades.arm[i]
        left -= float(upgrades.cost[i])
    return arm


def _spend_on_few(gain: FloatArray, cost: FloatArray, total: float, limit: int) -> tuple[IntArray, float, float]:
    """As `_spend`, with at most `limit` units: a price per treated unit is raised until few enough are worth it."""
    if total >= float(cost.max(initial=0.0)) * limit:  # money can't run out: the best arm of the best units
        return _best_units(gain, limit)
    low, high = 0.0, float(max(gain.max(initial=0.0), 0.0)) * (1 + 1e-9) + 1e-300
    arm, price = np.zeros(len(gain), dtype=np.int64), 0.0
    for _ in range(60):
        middle = (low + high) / 2
        tried, tried_price = _spend(gain - middle, cost, total)
        if np.count_nonzero(tried) > limit:
            low = middle
        else:
            high, arm, price = middle, tried, tried_price
    left = total - float(cost[arm[arm > 0] - 1].sum())
    return _add_units(arm, gain, cost, left, limit), price, high


def _best_units(gain: FloatArray, limit: int) -> tuple[IntArray, float, float]:
    best = gain.argmax(axis=1)
    value = gain[np.arange(len(gain)), best]
    order = np.argsort(-value, kind="stable")
    arm = np.zeros(len(gain), dtype=np.int64)
    arm[order[:limit]] = best[order[:limit]] + 1
    return arm, 0.0, float(value[order[limit]])


def _add_units(arm: IntArray, gain: FloatArray, cost: FloatArray, left: float, limit: int) -> IntArray:
    """Give untreated units the best arm that money still buys, largest gain first, up to the limit."""
    affordable = np.where(cost[None, :] <= left, gain, -np.inf)
    best = affordable.max(axis=1, initial=-np.inf)
    open_units = np.flatnonzero((arm == 0) & (best > 0))
    free = limit - np.count_nonzero(arm)
    for unit in open_units[np.argsort(-best[open_units], kind="stable")].tolist():
        if free <= 0:
            break
        within = np.where(cost <= left, gain[unit], -np.inf)
        if within.max() <= 0:
            continue
        arm[unit] = int(within.argmax()) + 1
        left -= float(cost[within.argmax()])
        free -= 1
    return arm
