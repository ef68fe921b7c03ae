"""Who gets what for money alone: the multiple-choice knapsack by its linear relaxation.

Each unit's arms form a chain of upgrades on the upper hull of (cost, gain); upgrades are bought in the order of gain
per cost (Sinha, Zoltners 1979, doi:10.1287/opre.27.3.503), which is optimal up to the one unit where the budget runs
out. A limit on the number of units adds a price per unit, found by bisection.
"""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray


class _Upgrades(NamedTuple):
    unit: IntArray
    arm: IntArray
    cost: FloatArray
    gain: FloatArray


def knapsack(gain: FloatArray, cost: FloatArray, total: float, limit: int) -> tuple[IntArray, float, float]:
    """The arm of each unit (n,), 0 for none, and the prices of money and of treating a unit.

    Args:
        gain: (n, m); -inf where an arm must not be given.
        cost: (m,).
        total: money in all.
        limit: units that may get anything.

    Example:
        >>> arm, money, unit = knapsack(np.array([[3.0], [1.0], [2.0]]), np.array([1.0]), total=2.0, limit=3)
        >>> arm.tolist(), money, unit
        ([1, 0, 1], 1.0, 0.0)
    """
    arm, money_price = _spend(gain, cost, total)
    if np.count_nonzero(arm) > limit:
        return _spend_on_few(gain, cost, total, limit)
    return arm, money_price, 0.0


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
