"""From a budget, and what is known of the units, to a programme: one row for each limit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from dorec.domain.errors import InputError, NotFinite
from dorec.domain.intervention import Audience, Budget
from dorec.intervene.programme import Programme
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray


class Row(NamedTuple):
    """One limit: its name, its coefficients on the totals, and what they may come to."""

    name: str
    coefficients: FloatArray  # (1 + m + n_groups,)
    bound: float


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
