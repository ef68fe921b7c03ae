"""A plan that nearly keeps its limits is made to keep them: one change of one unit at a time, the cheapest first.

A change drops an action, adds one, or gives one for another. It is worth what it takes off the broken limits, and costs
what it loses at the prices of all limits. Where no change helps any more, the limits that are still broken count
double (the breakout of Morris 1993), so that others give way for them. What is left over is then handed out.
"""

from typing import NamedTuple

import numpy as np

from dorec.intervene.programme import SLACK, Programme
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel

ROUNDS = 80  # of repairing at most
FILLINGS = 20  # likewise of handing out what is left


class _Units(NamedTuple):
    """What changes of single units need to know, one row for every unit."""

    gain: FloatArray  # (n, m), by weight
    cost: FloatArray  # (n, m)
    allowed: BoolArray  # (n, m)
    slots: IntArray  # (n,)
    group: IntArray  # (n,)
    weight: FloatArray  # (n,)
    category: IntArray  # (m,)
    per_category: int
    rows: FloatArray  # (1 + m + n_groups, n_rows), so that the limits of one action stand together
    prices: FloatArray  # (n_rows,)


def repaired(programme: Programme, plan: AnyArray, prices: FloatArray) -> AnyArray | None:
    """A plan (n, most) near the given one that keeps every limit, filled up; None where none was found this way.

    Example:
        >>> from dorec.domain.intervention import Budget
        >>> from dorec.intervene.budget_programme import programme_of
        >>> programme = programme_of(np.array([[3.0], [2.0], [1.0]]), Budget(max_units=2), ["none", "mail"])
        >>> repaired(programme, np.zeros((3, 1), dtype=np.int32), np.array([2.0])).ravel().tolist()
        [0, 0, -1]
    """
    units, plan = _units_of(programme, prices), plan.copy()
    slack = SLACK * np.maximum(1.0, np.abs(programme.bounds)) / 2
    scale = np.abs(programme.rows[:, 1:]).max(axis=1, initial=0.0) + np.abs(programme.rows[:, 0]) * units.cost.mean()
    penalty = 1.0 / np.maximum(scale, 1e-12)
    lowest = np.inf
    for _ in range(ROUNDS):
        over = programme.rows @ programme.totals(plan).use - programme.bounds - slack
        missed = float((np.maximum(over, 0.0) / scale).sum())
        if missed == 0:
            return _filled(programme, units, plan, slack)
        changed = _round(units, plan, over, penalty, False)
        if not changed or missed >= lowest:
            penalty = np.where(over > 0, 2 * penalty, penalty)
        lowest = min(lowest, missed)
    return None


def _filled(programme: Programme, units: _Units, plan: AnyArray, slack: FloatArray) -> AnyArray:
    for _ in range(FILLINGS):
        over = programme.rows @ programme.totals(plan).use - programme.bounds - slack
        if not _round(units, plan, over, np.ones(len(over)), True):
            break
    return plan


def _round(units: _Units, plan: AnyArray, over: FloatArray, penalty: FloatArray, fill: bool) -> int:
    """Each unit's best change, in the order of their scores, as long as it still helps; how many were made."""
    score, change, mends = np.empty(len(plan)), np.empty((len(plan), 3), dtype=np.int64), np.empty(len(plan))
    _propose(units, plan, over, penalty, fill, score, change, mends)
    order = np.argsort(score, kind="stable")
    order = order[: np.searchsorted(score[order], np.inf)]
    return int(_make(units, plan, over, penalty, fill, order, change, mends))


def _units_of(programme: Programme, prices: FloatArray) -> _Units:
    shape = programme.gain.shape

    def full(values: AnyArray, *shape: int) -> AnyArray:
        return np.array(np.broadcast_to(values, shape), order="C")  # always a copy: one layout, compiled once

    allowed, weight = full(programme.eligible, *shape), full(programme.weight, len(programme.gain))
    return _Units(
        full(np.where(allowed, programme.gain, 0.0) * weight[:, None], *shape),
        full(programme.cost, *shape),
        allowed,
        full(programme.slots, shape[0]),
        full(programme.group, shape[0]),
        weight,
        full(programme.category, shape[1]),
        programme.per_category,
        full(programme.rows.T, *programme.rows.T.shape),
        full(prices, len(prices)),
    )


@kernel
def _effect(
    units: _Units,
    u: int,
    gone: IntArray,
    to: int,
    treated: int,
    over: FloatArray,
    penalty: FloatArray,
    delta: FloatArray,
) -> tuple[float, float, float]:
    """What giving `to` (-1 for none) for `gone` does: to the broken limits, to the gain, to what is paid at prices.

    `treated` is 1 where the unit was not treated before, -1 where it is not after; `delta` (n_rows,) is filled.
    """
    after = units.gain.shape[1] + 1 + units.group[u]
    money, gain = 0.0, 0.0
    if to >= 0:
        money += units.cost[u, to]
        gain += units.gain[u, to]
    for a in gone:
        money -= units.cost[u, a]
        gain -= units.gain[u, a]
    missed, price = 0.0, 0.0
    for i in range(len(over)):
        d = units.rows[0, i] * money + treated * units.rows[after, i]
        if to >= 0:
            d += units.rows[1 + to, i]
        for a in gone:
            d -= units.rows[1 + a, i]
        d *= units.weight[u]
        delta[i] = d
        missed += penalty[i] * (max(over[i] + d, 0.0) - max(over[i], 0.0))
        price += units.prices[i] * d
    return missed, gain, price


@kernel
def _fits(units: _Units, u: int, own: IntArray, first: int, stop: int, to: int) -> bool:
    """Whether the unit may get `to` in the place of own[first:stop]."""
    if not units.allowed[u, to] or len(own) - (stop - first) >= units.slots[u]:
        return False
    alike = 0
    for i in range(len(own)):
        if own[i] == to:
            return False
        alike += units.category[own[i]] == units.category[to] and not first <= i < stop
    return alike < units.per_category


@kernel
def _propose(
    units: _Units,
    plan: AnyArray,
    over: FloatArray,
    penalty: FloatArray,
    fill: bool,
    score: FloatArray,
    change: IntArray,
    mends: FloatArray,
) -> None:
    """The best change of each unit: `score` (inf for none), `change` (places gone from, to, action), what it mends."""
    n, m = units.gain.shape
    delta = np.empty(len(over))
    for u in range(n):
        score[u] = np.inf
        size = _size(plan[u])
        own = plan[u, :size]
        # each action for another or none, then one more, then all for one or none
        for which in range(size + 1 + (size > 1)):
            first, stop = (which, min(which + 1, size)) if which <= size else (0, size)
            for to in range(-1, m):
                if (to < 0 and first == stop) or (to >= 0 and not _fits(units, u, own, first, stop, to)):
                    continue
                treated = int(size - (stop - first) + (to >= 0) > 0) - int(size > 0)
                missed, gain, price = _effect(units, u, own[first:stop], to, treated, over, penalty, delta)
                if fill:
                    found = price - gain if missed <= 0 and gain > 0 else np.inf
                else:
                    found = (price - gain) / -missed if missed < -1e-12 else np.inf
                if found < score[u]:
                    score[u], mends[u] = found, missed
                    change[u, 0], change[u, 1], change[u, 2] = first, stop, to


@kernel
def _size(own: AnyArray) -> int:
    size = 0
    while size < len(own) and own[size] >= 0:
        size += 1
    return size


@kernel
def _make(
    units: _Units,
    plan: AnyArray,
    over: FloatArray,
    penalty: FloatArray,
    fill: bool,
    order: IntArray,
    change: IntArray,
    mends: FloatArray,
) -> int:
    """Make the proposed changes that still do half of what they promised; `plan` and `over` are changed."""
    made = 0
    delta = np.empty(len(over))
    for u in order:
        if not fill and over.max() <= 0:
            break
        first, stop, to = change[u]
        size = _size(plan[u])
        treated = int(size - (stop - first) + (to >= 0) > 0) - int(size > 0)
        missed, _, _ = _effect(units, u, plan[u, first:stop], to, treated, over, penalty, delta)
        if missed > (0.0 if fill else mends[u] / 2):
            continue
        over += delta
        if to >= 0:
            plan[u, first] = to
            first += 1
        for i in range(first, size):  # actions stand at the front
            after = i + stop - first
            plan[u, i] = plan[u, after] if after < size else -1
        made += 1
    return made
