"""A budget as a programme: gains of (unit, action), what a unit may get, and linear limits on what all units add up to.

Every limit is a row over the same totals: money, units by action, treated units by group. So one price a limit turns
into a price of money, of each action and of treating a unit of each group, and at these each unit is on its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from dorec.domain.errors import InputError, NotFinite
from dorec.domain.intervention import Audience, Budget
from dorec.intervene.best_response import Totals, respond_often, respond_once
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

SLACK = 1e-12  # of a limit, relative: sums of money in floating point


class Row(NamedTuple):
    """One limit: its name, its coefficients on the totals, and what they may come to."""

    name: str
    coefficients: FloatArray  # (1 + m + n_groups,)
    bound: float


@dataclass(frozen=True, eq=False)
class Programme:
    """Maximise gain subject to `rows @ use <= bounds`; arrays with one row hold for every unit.

    Example:
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


def programme_of(
    gain: AnyArray,
    budget: Budget,
    arms: Sequence[Any],
    audience: Audience | None = None,
    *,
    explore: float = 0.0,
) -> Programme:
    """The programme of a budget.

    Args:
        gain: (n, k - 1) of each arm against the first; float32 is kept.
        budget: what limits the plan.
        arms: (k,) labels, the reference first.
        audience: who may get what, at which cost, in which group.
        explore: probability that every eligible arm and the reference keep for exploration; the rest of a unit's
            probability is planned, under limits from which the expected use of exploration has been taken.

    Raises:
        InputError: labels, shapes or lengths don't fit together.
        NotFinite: a gain is missing where its arm may be given.
    """
    budget.check_arms(arms)
    audience = audience or Audience()
    n, m = gain.shape
    if audience.n is not None and audience.n != n:
        raise InputError(f"The audience has {audience.n:,} units, the effects have {n:,}; give one row for each unit.")
    allowed = _table(audience.eligible, m, "eligible", np.ones((1, m), dtype=np.bool_))
    cost = _table(audience.cost, m, "cost", np.array([[float(budget.cost.get(a, 0.0)) for a in arms[1:]]]))
    _refuse_missing(gain, allowed)
    labels, group = _groups(budget, audience)
    category = _category(budget, arms)
    rows = _rows(budget, arms, labels, np.bincount(group, minlength=len(labels)) if len(group) > 1 else np.array([n]))
    width = 1 + m + len(labels)
    programme = Programme(
        gain=gain,
        cost=cost,
        allowed=allowed,
        slots=_slots(budget, audience),
        group=group,
        weight=np.ones(1),
        category=category,
        per_category=m if budget.per_category is None else budget.per_category,
        names=tuple(row.name for row in rows),
        rows=np.array([row.coefficients for row in rows]).reshape(len(rows), width),
        bounds=np.array([row.bound for row in rows], dtype=np.float64),
    )
    return _with_exploration(programme, explore) if explore else programme


def _with_exploration(programme: Programme, explore: float) -> Programme:
    """Each unit keeps `explore` for each thing it may get; what that uses is taken off the limits beforehand."""
    if programme.most > 1:
        raise InputError("explore is for one action a unit; set per_unit=1.")
    allowed = programme.eligible
    n_choices = 1 + allowed.sum(axis=1)
    if not 0 <= explore * n_choices.max(initial=1) < 1:
        raise InputError(
            f"explore is {explore} and a unit has {n_choices.max()} choices; give at least 0 and below "
            f"{1 / n_choices.max():.3g}, so that something is left to plan."
        )
    share = np.broadcast_to(explore * allowed, programme.gain.shape)
    by_group = np.bincount(
        programme.each(programme.group), share.sum(axis=1), programme.rows.shape[1] - 1 - programme.m
    )
    use = np.concatenate([[float((share * programme.cost).sum())], share.sum(axis=0), by_group])
    return replace(
        programme,
        weight=1.0 - explore * n_choices,
        bounds=programme.bounds - programme.rows @ use,
        explore=explore,
        set_aside=use,
    )


def _table(values: AnyArray | None, m: int, what: str, default: AnyArray) -> AnyArray:
    if values is None:
        return default
    out = np.asarray(values)
    out = out[:, None] if out.ndim == 1 else out
    if out.ndim != 2 or out.shape[1] != m:
        raise InputError(f"The audience's {what} has shape {np.shape(values)}; for {m + 1} arms give (n, {m}).")
    return np.ascontiguousarray(out, dtype=default.dtype)


def _refuse_missing(gain: AnyArray, allowed: BoolArray) -> None:
    finite = np.isfinite(gain)
    if not finite.all():
        bad = np.flatnonzero((~finite & allowed).any(axis=1))
        if len(bad):
            raise NotFinite(
                f"effects have {len(bad):,} row(s) with a missing or infinite value, the first {bad[0]}",
                remedy="repair these rows, or say in the audience that they are not eligible",
                evidence={"rows": bad[:10].tolist()},
            )


def _slots(budget: Budget, audience: Audience) -> IntArray:
    if budget.max_contacts is None:
        return np.array([budget.per_unit], dtype=np.int64)
    if audience.recent is None:
        raise InputError("The budget has max_contacts; give the audience's recent contacts, by `contacts` or by hand.")
    left = budget.max_contacts - np.asarray(audience.recent).astype(np.int64)
    return np.clip(left, 0, budget.per_unit)


def _groups(budget: Budget, audience: Audience) -> tuple[list[Any], IntArray]:
    if budget.max_gap is None:
        return [None], np.zeros(1, dtype=np.int64)
    if audience.group is None:
        raise InputError("The budget has max_gap; give the audience's group of each unit.")
    labels, codes = np.unique(np.asarray(audience.group), return_inverse=True)
    return labels.tolist(), codes.astype(np.int64)


def _category(budget: Budget, arms: Sequence[Any]) -> IntArray:
    """Codes (m,); an arm without a label is a category of its own."""
    if budget.per_category is None:
        return np.zeros(len(arms) - 1, dtype=np.int64)
    named = [("label", budget.category[a]) if a in budget.category else ("arm", a) for a in arms[1:]]
    place = {label: i for i, label in enumerate(dict.fromkeys(named))}
    return np.array([place[label] for label in named], dtype=np.int64)


def _rows(budget: Budget, arms: Sequence[Any], labels: Sequence[Any], sizes: IntArray) -> list[Row]:
    m, actions = len(arms) - 1, {arm: i for i, arm in enumerate(arms[1:])}

    def row(name: str, bound: float, money: float = 0.0, action: Any = 0.0, group: Any = 0.0) -> Row:
        parts = [np.broadcast_to(money, 1), np.broadcast_to(action, m), np.broadcast_to(group, len(labels))]
        return Row(name, np.concatenate(parts).astype(np.float64), float(bound))

    one = np.eye(m)
    rows = [row("total", budget.total, money=1.0)] if budget.total is not None and budget.total < np.inf else []
    if budget.max_units is not None:
        rows.append(row("max_units", budget.max_units, group=1.0))
    rows += [row(f"capacity of {arm!r}", most, action=one[actions[arm]]) for arm, most in budget.capacity.items()]
    rows += [
        row(f"minimum of {arm!r}", -least, action=-one[actions[arm]]) for arm, least in budget.minimum.items() if least
    ]
    for share in budget.exposure:
        inside = one[[actions[arm] for arm in share.arms]].sum(axis=0).clip(0, 1)
        if share.at_most < 1:
            rows.append(row(f"{share} at most {share.at_most:g}", 0.0, action=inside - share.at_most))
        if share.at_least > 0:
            rows.append(row(f"{share} at least {share.at_least:g}", 0.0, action=share.at_least - inside))
    if budget.max_gap is not None and len(labels) > 1:
        for i, label in enumerate(labels):
            apart = np.eye(len(labels))[i] / sizes[i] - 1.0 / sizes.sum()
            rows.append(row(f"treated share of group {label!r}, above", budget.max_gap, group=apart))
            rows.append(row(f"treated share of group {label!r}, below", budget.max_gap, group=-apart))
    return rows
