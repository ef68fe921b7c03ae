"""A programme of millions of units by its few prices: cutting planes on the dual, then whole numbers from a small core.

At given prices each unit's best response is its own (`best_response`), and what the units would gain is a convex,
piecewise linear function of the prices. Its minimum is found by cutting planes in a box that follows the best prices
(Marsten, Hogan, Blankenship 1975, doi:10.1287/opre.23.3.389), first on a sample of the units. The cuts that carry the
minimum say which mix of responses keeps the limits (Dantzig, Wolfe 1960); units are spread over that mix, and the few
whose choice is closest are decided together in whole numbers (the core of Balas, Zemel 1980,
doi:10.1287/opre.28.5.1130).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import NoFeasiblePlan
from dorec.intervene.exact import whole
from dorec.intervene.programme import Programme
from dorec.intervene.repair import repaired
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.rng import generator

SAMPLE = 20_000  # units on which prices are found first
STEPS = 300  # of the cutting planes at most
TOLERANCE = 1e-7  # of the dual, relative
GOLDEN = 0.6180339887498949  # multiples of it fill [0, 1) evenly
CORE = 150  # units decided together at first
CORE_GAP = 1e-5  # of the core's own gain, at which its search stops
NODES = 200  # of that search at most
LARGEST_CORE = 60_000  # pairs of unit and action
FINE = 1e-4  # share of the bound; a plan that falls short by less is not searched again
REPAIR = 20_000_000  # pairs of unit and action that are repaired together at most


@dataclass(frozen=True, eq=False)
class Dual:
    """The best prices found, the bound that they prove, and the mix of prices whose responses keep the limits."""

    prices: FloatArray  # (n_rows,)
    bound: float
    mix: tuple[tuple[float, FloatArray], ...]  # share, prices


def solve(programme: Programme) -> tuple[AnyArray, Dual]:
    """A plan (n, most) that keeps every limit, and the dual solution that says how much better another could be.

    Raises:
        NoFeasiblePlan: no plan in whole numbers was found.
    """
    dual = best_prices(programme)
    return _whole_plan(programme, _responses(programme, dual), dual), dual


def best_prices(programme: Programme, highest: FloatArray | None = None) -> Dual:
    """Prices (n_rows,) that make the dual bound least, none above `highest`; on a sample of many units first."""
    planes = _Planes(programme, highest)
    start = np.zeros(len(programme.bounds))
    if programme.n > 2 * SAMPLE:
        units = np.sort(generator(0, "allocation sample").choice(programme.n, SAMPLE, replace=False))
        few = _Planes(programme.take(units, programme.bounds * (SAMPLE / programme.n)), highest)
        start = few.descend(start, few.unit).prices
        return planes.descend(start, 0.03 * (start + 0.1 * planes.unit))
    return planes.descend(start, planes.unit)


class _Planes:
    """Cutting planes of one dual; prices are measured in units of a typical gain over a typical use."""

    def __init__(self, programme: Programme, highest: FloatArray | None) -> None:
        self.programme = programme
        n_rows = len(programme.bounds)
        self.highest = np.full(n_rows, np.inf) if highest is None else highest
        some = programme.gain[:: max(1, programme.n // SAMPLE)].astype(np.float64)
        some = np.abs(some[np.isfinite(some)])
        self.gain = (float(some.mean()) if some.size else 0.0) or 1.0
        by_group = np.abs(programme.rows[:, 1 + programme.m :]).max(axis=1, initial=0.0)
        mean_cost = programme.cost.mean(axis=0)
        per_action = np.abs(programme.rows[:, :1] * mean_cost + programme.rows[:, 1 : 1 + programme.m])
        self.unit = self.gain / np.maximum(per_action.max(axis=1, initial=0.0) + by_group, 1e-9)
        self.at: list[FloatArray] = []
        self.values: list[float] = []
        self.slopes: list[FloatArray] = []

    def cut(self, prices: FloatArray) -> float:
        """The dual at these prices, remembered as a plane below the whole of it."""
        value, use = self.programme.dual(prices)
        self.at.append(prices)
        self.values.append(value)
        self.slopes.append(self.programme.bounds - self.programme.rows @ use)
        return value

    def descend(self, centre: FloatArray, radius: FloatArray) -> Dual:
        """The least dual, from a centre, in a box that moves with the best prices and fits itself to the planes."""
        lowest = self.cut(centre)
        mix: tuple[tuple[float, FloatArray], ...] = ((1.0, centre),)
        for _ in range(STEPS if len(centre) else 0):
            scale = max(abs(lowest), self.gain * max(1.0, -self.programme.bounds.min()) * 1e-3)
            step, promised, mix, at_edge = self._least(centre, radius, lowest, scale)
            if promised < TOLERANCE:
                if not at_edge or (radius > 10 * self.unit).all():
                    break
                radius = 4 * radius
                continue
            tried = np.clip(centre + step, 0.0, self.highest)
            kept = (lowest - self.cut(tried)) / (promised * scale)
            if kept > 0:
                centre, lowest = tried, self.values[-1]
            radius = radius * (2.0 if kept > 0.5 else 0.5 if kept < -1 else 0.8 if kept < 0.1 else 1.0)
        return Dual(centre, lowest, mix)

    def _least(
        self, centre: FloatArray, radius: FloatArray, lowest: float, scale: float
    ) -> tuple[FloatArray, float, tuple[tuple[float, FloatArray], ...], bool]:
        """The lowest point of the planes in the box: step, promised relative fall, planes that carry it, at an edge."""
        from scipy import optimize

        slopes = np.array(self.slopes)
        heights = np.array(self.values) + (slopes * (centre - np.array(self.at))).sum(axis=1) - lowest
        low, high = -np.minimum(centre, radius) / self.unit, np.minimum(self.highest - centre, radius) / self.unit
        answer: Any = optimize.linprog(
            np.append(np.zeros(len(centre)), 1.0),
            A_ub=np.column_stack([slopes * self.unit / scale, -np.ones(len(heights))]),
            b_ub=-heights / scale,
            bounds=[*zip(low, high, strict=True), (None, None)],
            method="highs-ds",
        )
        if answer.x is None:  # numerically stuck: what was found so far stands, and its gap is told
            return np.zeros(len(centre)), 0.0, ((1.0, centre),), False
        step = answer.x[:-1]
        room = radius / self.unit * (1 - 1e-9)
        share = np.maximum(-answer.ineqlin.marginals, 0.0)
        carry = np.flatnonzero(share > 1e-9)
        mix = tuple((float(share[j] / share[carry].sum()), self.at[j]) for j in carry) or ((1.0, centre),)
        return step * self.unit, float(-answer.x[-1]), mix, bool((np.abs(step) >= room).any())


def _responses(programme: Programme, dual: Dual) -> AnyArray:
    """The plan (n, most) that spreads the units evenly over the mix of prices, each giving its best response."""
    plan = np.full((programme.n, max(programme.most, 1)), -1, dtype=np.int32)
    upto = np.cumsum([share for share, _ in dual.mix])
    place = np.minimum(np.searchsorted(upto, (np.arange(programme.n) * GOLDEN) % 1.0, side="right"), len(upto) - 1)
    for j, (_, prices) in enumerate(dual.mix):
        units = np.flatnonzero(place == j)
        chosen = np.empty((len(units), plan.shape[1]), dtype=np.int32)
        part = programme.take(units, programme.bounds) if len(dual.mix) > 1 else programme
        if len(units):
            part.dual(prices, chosen)
            plan[units] = chosen
    return plan


def _whole_plan(programme: Programme, plan: AnyArray, dual: Dual) -> AnyArray:
    """A plan that keeps every limit: the best of what is mended one unit at a time and of what a core decides."""
    margin = np.empty(programme.n)
    programme.dual(dual.prices, np.empty_like(plan), margin)
    closeness = np.lexsort((generator(0, "allocation core").random(programme.n), margin))
    size = min(programme.n, CORE + 10 * len(programme.bounds))
    best = _decided(programme, plan, closeness[:size])
    if best is None or (size < programme.n and _short(programme, best, dual) > FINE):
        mended = _mended(programme, plan, dual, closeness)
        again = None if mended is None else _decided(programme, mended, closeness[:size])
        best = _better(programme, _better(programme, best, mended), again)
    while best is None:
        if size == programme.n or size * programme.m > LARGEST_CORE:
            raise NoFeasiblePlan(
                f"fractions of units can keep every limit, but no plan in whole units was found: neither by changing "
                f"one unit at a time nor with {size:,} units decided together",
                remedy="loosen the limits a little, or try method='exact'",
            )
        size = min(programme.n, 2 * size)
        best = _decided(programme, plan, closeness[:size])
    return best


def _mended(programme: Programme, plan: AnyArray, dual: Dual, closeness: IntArray) -> AnyArray | None:
    """The plan repaired among the units with the closest choice, more of them where these are not enough."""
    for size in dict.fromkeys(min(size, programme.n, REPAIR // programme.m) for size in (2_000, 20_000, programme.n)):
        among = np.sort(closeness[:size])
        found = repaired(_part(programme, plan, among), plan[among], dual.prices)
        whole_plan = _kept(programme, plan, among, found)
        if whole_plan is not None:
            return whole_plan
    return None


def _decided(programme: Programme, plan: AnyArray, core: IntArray) -> AnyArray | None:
    """The plan with the units of the core decided together in whole numbers; None where no limits-keeping was found."""
    core = np.sort(core)
    gap = max(CORE_GAP, TOLERANCE * programme.n / len(core))
    found, _ = whole(_part(programme, plan, core), gap=gap, nodes=NODES)
    return _kept(programme, plan, core, found)


def _part(programme: Programme, plan: AnyArray, units: IntArray) -> Programme:
    """The programme of some units, with the limits that the plan of the others leaves."""
    part = programme.take(units, programme.bounds)
    others = programme.totals(plan).use - part.totals(plan[units]).use
    return programme.take(units, programme.bounds - programme.rows @ others)


def _kept(programme: Programme, plan: AnyArray, units: IntArray, found: AnyArray | None) -> AnyArray | None:
    """The plan with what was found for some units, where it keeps every limit."""
    if found is None:
        return None
    tried = plan.copy()
    tried[units] = found
    return None if len(programme.broken(programme.totals(tried).use)) else tried


def _better(programme: Programme, one: AnyArray | None, other: AnyArray | None) -> AnyArray | None:
    if one is None or other is None:
        return other if one is None else one
    return one if programme.totals(one).value >= programme.totals(other).value else other


def _short(programme: Programme, plan: AnyArray, dual: Dual) -> float:
    """By which share of the bound a plan falls short of it."""
    return (dual.bound - programme.totals(plan).value) / (abs(dual.bound) or 1.0)
