"""A causal question."""

from dataclasses import dataclass
from typing import Any, Literal

from dorec.domain.errors import InputError

Population = Literal["all", "treated", "control", "overlap"]


@dataclass(frozen=True)
class CausalQuery:
    """What `do(treatments)` does to `outcomes`, for whom, compared with what.

    Example:
        >>> str(CausalQuery(treatments=["campaign"], outcomes=["sales"]))
        'P(sales | do(campaign))'
    """

    treatments: tuple[str, ...]
    outcomes: tuple[str, ...]
    conditions: tuple[str, ...] = ()
    contrast: tuple[Any, Any] | None = None  # (reference, treated) levels; None: every arm with the first
    population: Population = "all"
    modifiers: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("treatments", "outcomes", "conditions", "modifiers", "mediators"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        if not self.treatments or not self.outcomes:
            raise InputError("A causal query needs at least one treatment and one outcome.")
        roles = [*self.treatments, *self.outcomes, *self.conditions]
        twice = sorted({r for r in roles if roles.count(r) > 1})
        if twice:
            raise InputError(f"{', '.join(twice)} stand in more than one role of the query; give each one role.")

    def __str__(self) -> str:
        given = ", ".join([f"do({t})" for t in self.treatments] + list(self.conditions))
        return f"P({', '.join(self.outcomes)} | {given})"
