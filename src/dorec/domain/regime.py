"""Under which regime data came about: what was randomised, who was selected, in which population."""

from collections.abc import Iterable
from dataclasses import dataclass

from dorec.domain.errors import InputError


@dataclass(frozen=True)
class Regime:
    """How one data source came about; without arguments, the population as it was observed.

    Attributes:
        do: nodes that were randomised (a surrogate experiment). Their columns hold what was drawn.
        selected: nodes of the graph that say who entered the data; each unit of the data has the value 1 there.
        domain: the name of another population.
        differs: nodes whose mechanism is another one in that population (S-nodes point to them).
        measured: the nodes that were measured; None stands for all.

    Example:
        >>> str(Regime(do="z")), str(Regime(selected="bought")), str(Regime())
        ('do(z)', 'bought=1', 'observed')
    """

    do: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()
    domain: str = ""
    differs: tuple[str, ...] = ()
    measured: tuple[str, ...] | None = None

    def __init__(
        self,
        do: str | Iterable[str] = (),
        *,
        selected: str | Iterable[str] = (),
        domain: str = "",
        differs: str | Iterable[str] = (),
        measured: str | Iterable[str] | None = None,
    ) -> None:
        object.__setattr__(self, "do", _names(do))
        object.__setattr__(self, "selected", _names(selected))
        object.__setattr__(self, "domain", domain)
        object.__setattr__(self, "differs", _names(differs))
        object.__setattr__(self, "measured", None if measured is None else _names(measured))
        if self.differs and not domain:
            raise InputError(
                f"{', '.join(self.differs)} differ from the population, so it is another one: name `domain`."
            )
        both = sorted(set(self.do) & set(self.selected))
        if both:
            raise InputError(f"{', '.join(both)} cannot be randomised and select the units at once; give one role.")

    def __str__(self) -> str:
        parts = [f"do({', '.join(self.do)})"] if self.do else []
        parts += [f"{name}=1" for name in self.selected] + ([f"in {self.domain}"] if self.domain else [])
        return ", ".join(parts) or "observed"


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({names} if isinstance(names, str) else set(names)))


OBSERVED = Regime()  # the population as it was observed
