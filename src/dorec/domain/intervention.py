"""What could be done, what it costs, and what limits it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from dorec.domain.errors import InputError, did_you_mean
from dorec.domain.plain_numbers import as_numbers, is_number, is_whole
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

Kind = Literal["do", "shift", "policy"]


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """Set a variable (`do`), shift it, or draw it from a policy; at a cost per unit.

    Example:
        >>> str(Intervention(target="discount", kind="do", value=0.1, cost=0.5))
        'do(discount = 0.1)'
    """

    target: str
    kind: Kind = "do"
    value: Any = None
    cost: float = 0.0

    def __post_init__(self) -> None:
        if not (is_number(self.cost) and 0 <= self.cost < np.inf):
            raise InputError(f"The cost of {self.target!r} is {self.cost!r}; give a number of 0 or more.")
        if self.kind not in get_args(Kind):
            raise InputError(f"The kind of {self.target!r} is {self.kind!r}; give 'do', 'shift' or 'policy'.")

    def __str__(self) -> str:
        if self.kind == "policy":
            return f"do({self.target} ~ {self.value})"
        return f"do({self.target} {'=' if self.kind == 'do' else '+='} {self.value})"


@dataclass(frozen=True, kw_only=True)
class ExposureShare:
    """Which share of all actions given may, or must, be one of a group of arms.

    Example:
        >>> str(ExposureShare(arms=("tea", "milk"), at_least=0.2))
        "share of 'tea', 'milk'"
    """

    arms: tuple[Any, ...]
    at_least: float = 0.0
    at_most: float = 1.0

    def __post_init__(self) -> None:
        if not self.arms or not isinstance(self.arms, list | tuple):
            raise InputError(f"An exposure share is of {self.arms!r}; give a tuple of at least one arm.")
        if not (is_number(self.at_least) and is_number(self.at_most) and 0 <= self.at_least <= self.at_most <= 1):
            raise InputError(
                f"The {self} is to be at least {self.at_least} and at most {self.at_most}; "
                "give 0 <= at_least <= at_most <= 1."
            )

    def __str__(self) -> str:
        return f"share of {', '.join(map(repr, self.arms))}"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What may be done: money, units, and how often each action; everything that is left out has no limit.

    Args:
        total: money in all.
        max_units: how many units may get anything.
        cost: arm -> cost of giving it to one unit; missing arms are free. An `Audience` may hold costs by unit.
        per_unit: how many different actions one unit may get.
        capacity: arm -> how many units may get it.
        minimum: arm -> how many units must get it, even where that is expected to harm.
        max_gap: how far the treated share of each group of units may be from the treated share of all; the groups
            are those of the `Audience`. Two groups then differ by twice that at most.
        exposure: shares of all actions given that groups of arms may or must have.
        category: arm -> label, for `per_category`.
        per_category: how many actions of one category one unit may get.
        max_contacts: how many actions one unit may get, counted with those it got recently (`Audience.recent`).

    Example:
        >>> Budget(total=100.0, cost={"mail": 2.0}, capacity={"mail": 30}).is_simple
        False
        >>> Budget(per_unit=0)
        Traceback (most recent call last):
        ...
        dorec.domain.errors.InputError: per_unit is 0; give a whole number of 1 or more.
    """

    total: float | None = None
    max_units: int | None = None
    cost: Mapping[Any, float] = field(default_factory=dict)
    per_unit: int = 1
    capacity: Mapping[Any, int] = field(default_factory=dict)
    minimum: Mapping[Any, int] = field(default_factory=dict)
    max_gap: float | None = None
    exposure: Sequence[ExposureShare] = ()
    category: Mapping[Any, Any] = field(default_factory=dict)
    per_category: int | None = None
    max_contacts: int | None = None

    def __post_init__(self) -> None:
        if self.total is not None and not (is_number(self.total) and self.total >= 0):
            raise InputError(f"The budget is {self.total!r}; give a number of 0 or more, or None for no limit.")
        for name in ("cost", "capacity", "minimum", "category"):
            if not isinstance(getattr(self, name), Mapping):
                raise InputError(f"{name} is {getattr(self, name)!r}; give one for each arm, as {{'mail': 2}}.")
        if not all(isinstance(share, ExposureShare) for share in self.exposure):
            raise InputError(f"exposure is {self.exposure!r}; give a list of ExposureShare(arms=..., at_most=...).")
        _whole("max_units", self.max_units, 0)
        _whole("per_unit", self.per_unit, 1)
        _whole("per_category", self.per_category, 1)
        _whole("max_contacts", self.max_contacts, 0)
        for arm, cost in self.cost.items():
            if not (is_number(cost) and 0 <= cost < np.inf):
                raise InputError(f"The cost of arm {arm!r} is {cost!r}; give a number of 0 or more.")
        for name in ("capacity", "minimum"):
            for arm, count in getattr(self, name).items():
                _whole(f"The {name} of arm {arm!r}", count, 0)
        for arm, least in self.minimum.items():
            if least > self.capacity.get(arm, np.inf):
                raise InputError(
                    f"Arm {arm!r} has a minimum of {least:,} and a capacity of {self.capacity[arm]:,}; "
                    f"lower the minimum or raise the capacity."
                )
        if self.max_gap is not None and not (is_number(self.max_gap) and 0 <= self.max_gap <= 1):
            raise InputError(f"max_gap is {self.max_gap!r}; give a difference of shares from 0 to 1, or None.")
        if self.per_category is not None and not self.category:
            raise InputError("per_category is given but no category; give the label of each arm.")

    @property
    def is_simple(self) -> bool:
        """Whether `total` and `max_units` are the only limits, and a unit gets one action at most."""
        asked = (self.capacity, self.minimum, self.exposure, self.max_gap is not None, self.max_contacts is not None)
        return self.per_unit == 1 and not any(asked)

    def check_arms(self, arms: Sequence[Any]) -> None:
        """Refuse arms that don't exist, and limits on the reference, which is doing nothing."""
        named = {name: list(getattr(self, name)) for name in ("cost", "capacity", "minimum", "category")}
        named["exposure"] = [arm for share in self.exposure for arm in share.arms]
        for name, which in named.items():
            unknown = [arm for arm in which if arm not in arms]
            if unknown:
                raise InputError(
                    f"The budget has a {name} for {', '.join(map(repr, unknown))}; the arms are "
                    f"{', '.join(map(repr, arms))}.{did_you_mean(str(unknown[0]), map(str, arms))}"
                )
            if arms[0] in which and not (name == "cost" and self.cost[arms[0]] == 0):
                hint = "costs relative to it" if name == "cost" else "it to arms that do something"
                raise InputError(f"The reference arm {arms[0]!r} has a {name}; give {hint}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class Audience:
    """What is known of the units beforehand: who may get what, at which cost, in which group, and what they got lately.

    Example:
        >>> Audience(group=np.array(["old", "new", "new"])).n
        3
    """

    eligible: BoolArray | None = None  # (n, k - 1), or (n,) for two arms: False where an arm must not be given
    cost: FloatArray | None = None  # (n, k - 1), or (n,) for two arms: takes the place of the budget's
    group: AnyArray | None = None  # (n,) labels
    recent: IntArray | None = None  # (n,) actions that the unit got in the last window

    def __post_init__(self) -> None:
        single = [name for name in self._given() if not np.ndim(getattr(self, name))]
        if single:
            raise InputError(f"The audience's {single[0]} is one value; give one for each unit.")
        lengths = {name: len(np.asarray(getattr(self, name))) for name in self._given()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"The audience's fields have different lengths: {lengths}; give one row for each unit.")
        if self.eligible is not None and np.asarray(self.eligible).dtype != np.bool_:
            raise InputError(f"eligible holds {np.asarray(self.eligible).dtype}; give booleans.")
        if self.cost is not None:
            cost = as_numbers(self.cost, "The audience's cost")
            bad = np.flatnonzero(~((cost >= 0) & np.isfinite(cost)).reshape(len(cost), -1).all(axis=1))
            if len(bad):
                raise InputError(
                    f"cost has a negative, missing or infinite value, the first in row {bad[0]}; give 0 or more."
                )
        if self.recent is not None:
            recent = as_numbers(self.recent, "The audience's recent")
            if recent.ndim != 1 or not ((recent >= 0) & (recent == np.floor(recent)) & np.isfinite(recent)).all():
                raise InputError(
                    "recent has a negative count, or one that is no whole number; give how many actions each unit got, "
                    "(n,), 0 or more."
                )

    def _given(self) -> list[str]:
        return [name for name in ("eligible", "cost", "group", "recent") if getattr(self, name) is not None]

    @property
    def n(self) -> int | None:
        """Number of units, or None where nothing is known of them."""
        given = self._given()
        return len(getattr(self, given[0])) if given else None


def _whole(what: str, value: Any, least: int) -> None:
    if value is not None and not is_whole(value, least):
        raise InputError(f"{what} is {value!r}; give a whole number of {least} or more.")
