"""A budget as a programme: gains of (unit, action), what a unit may get, and linear limits on what all units add up to.

Every limit is a row over the same totals: money, units by action, treated units by group. So one price a limit turns
into a price of money, of each action and of treating a unit of each group, and at these each unit is on its own.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dorec.intervene.best_response import Totals, respond_often, respond_once
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

SLACK = 1e-12  # of a limit, relative: sums of money in floating point


@dataclass(frozen=True, eq=False)
class Programme:
    """Maximise gain subject to `rows @ use <= bounds`; arrays with one row hold for every unit.

    Example:
        >>> from dorec.domain.intervention import Budget
        >>> from dorec.intervene.budget_programme import programme_of
        >>> programme = programme_of(np.array([[3.0], [2.0]]), Budget(max_units=1), ["none", "mail"])
        >>> programme.names, programme.bounds.tolist(), programme.dual(np.array([2.0])).value
        (('max_units',), [1.0], 3.0)
    """

    gain: AnyArray  # (n, m), float32 or float64; NaN is allowed where not allowed
    cost: FloatArray  # (1 or n, m)
    allowed: BoolArray  # (1 or n, m)
    slots: IntArray  # (1 or n,) actions that a unit may get
    group: IntArray  # (1 or n,) codes
    weight: FloatArray  # (1 or n,) how much a unit counts, in gain and in every total
    category: IntArray  # (m,) codes
    per_category: int
    names: tuple[str, ...]
    rows: FloatArray  # (n_rows, 1 + m + n_groups)
    bounds: FloatArray  # (n_rows,)
    explore: float = 0.0  # probability that each action keeps beside the plan; its use is taken off the bounds
    set_aside: FloatArray | None = None  # (1 + m + n_groups,) the use of exploring, None for none

    @property
    def n(self) -> int:
        """Number of units."""
        return int(self.gain.shape[0])

    @property
    def m(self) -> int:
        """Number of actions, the reference not counted."""
        return int(self.gain.shape[1])

    @property
    def most(self) -> int:
        """Most actions that any unit may get."""
        return int(min(self.slots.max(initial=0), self.m))

    def prices_of(self, prices: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """The price of money, of each action (m,), of treating a unit of each group, from prices (n_rows,)."""
        together = prices @ self.rows
        return float(together[0]), together[1 : 1 + self.m], together[1 + self.m :]

    def dual(self, prices: FloatArray, choice: AnyArray | None = None, margin: FloatArray | None = None) -> Totals:
        """An upper bound on the gain of every plan that keeps the limits (weak duality), from prices (n_rows,) >= 0.

        Its `use` is what the units would take at these prices, so `bounds - rows @ use` is a subgradient. `choice`
        (n, most) and `margin` (n,) are filled where they are given.
        """
        money, action_price, unit_price = self.prices_of(prices)
        use = np.zeros(self.rows.shape[1])
        choice = np.empty((0, 1), dtype=np.int32) if choice is None else choice
        margin = np.empty(0) if margin is None else margin
        units = (self.gain, self.cost, self.allowed, self.slots, self.group, self.weight)
        at = (money, action_price, unit_price, use, choice, margin)
        if self.most <= 1:
            value = respond_once(*units, *at)
        else:
            value = respond_often(*units, *at, self.category, self.per_category)
        return Totals(value + float(prices @ self.bounds), use)

    @property
    def eligible(self) -> BoolArray:
        """Which action which unit may get, (1 or n, m)."""
        return np.asarray(self.allowed & (self.slots > 0)[:, None])

    def gain_of(self, choice: AnyArray, gain: AnyArray) -> float:
        """What a plan (n, most) brings by gains (n, m) of any kind, with what exploring beside it brings."""
        weight = self.each(self.weight)
        value = self.explore * float(np.where(self.eligible, gain, 0.0).sum(dtype=np.float64)) if self.explore else 0.0
        for column in choice.T:
            units = np.flatnonzero(column >= 0)
            value += float((weight[units] * gain[units, column[units]]).sum())
        return value

    def totals(self, choice: AnyArray) -> Totals:
        """The gain of a plan (n, most) and what it uses, exploring not counted."""
        use = np.zeros(self.rows.shape[1])
        weight, group = self.each(self.weight), self.each(self.group)
        value = 0.0
        for column in choice.T:
            units = np.flatnonzero(column >= 0)
            action = column[units]
            value += float((weight[units] * self.gain[units, action]).sum())
            use[0] += float((weight[units] * self.cost[units if len(self.cost) > 1 else 0, action]).sum())
            use[1 : 1 + self.m] += np.bincount(action, weight[units], minlength=self.m)
        treated = (choice >= 0).any(axis=1)
        use[1 + self.m :] = np.bincount(group[treated], weight[treated], minlength=len(use) - 1 - self.m)
        return Totals(value, use)

    def broken(self, use: FloatArray) -> IntArray:
        """Positions of the limits that `use` exceeds by more than rounding of sums."""
        over = self.rows @ use - self.bounds
        return np.flatnonzero(over > SLACK * np.maximum(1.0, np.abs(self.bounds)))

    def take(self, units: IntArray, bounds: FloatArray) -> "Programme":
        """The programme of some units, with limits of its own."""
        parts: dict[str, Any] = {
            name: value if len(value) == 1 else value[units]
            for name in ("gain", "cost", "allowed", "slots", "group", "weight")
            for value in [getattr(self, name)]
        }
        return replace(self, **parts, bounds=bounds)

    def without_gain(self) -> "Programme":
        """The programme where nothing is won: whether its limits can be kept at all."""
        return replace(self, gain=np.zeros(self.gain.shape, dtype=np.float32))

    def each(self, values: AnyArray) -> AnyArray:
        """A field with one value a unit, (n,), also where one value holds for all."""
        return np.broadcast_to(values, (self.n,)) if len(values) == 1 else values
