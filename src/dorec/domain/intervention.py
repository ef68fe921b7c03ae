"""What could be done, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dorec.domain.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """Set a variable (`do`), shift it, or draw it from a policy; at a cost per unit.

    Example:
        >>> str(Intervention(target="discount", kind="do", value=0.1, cost=0.5))
        'do(discount = 0.1)'
    """

    target: str
    kind: Literal["do", "shift", "policy"] = "do"
    value: Any = None
    cost: float = 0.0

    def __post_init__(self) -> None:
        if not self.cost >= 0:
            raise InputError(f"The cost of {self.target!r} is {self.cost}; give a number of 0 or more.")

    def __str__(self) -> str:
        if self.kind == "policy":
            return f"do({self.target} ~ {self.value})"
        return f"do({self.target} {'=' if self.kind == 'do' else '+='} {self.value})"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What may be spent: money in all, money per unit treated by arm, and how many units at most."""

    total: float | None = None
    max_units: int | None = None
    cost: Mapping[Any, float] = field(default_factory=dict)  # arm -> cost of treating one unit; missing arms are free

    def __post_init__(self) -> None:
        if self.total is not None and not self.total >= 0:
            raise InputError(f"The budget is {self.total}; give a number of 0 or more, or None for no limit.")
        if self.max_units is not None and self.max_units < 0:
            raise InputError(f"max_units is {self.max_units}; give 0 or more, or None for no limit.")
        for arm, cost in self.cost.items():
            if not cost >= 0:
                raise InputError(f"The cost of arm {arm!r} is {cost}; give a number of 0 or more.")
