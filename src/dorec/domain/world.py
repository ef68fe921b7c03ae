"""A generator whose truth can be asked."""

from typing import Any, Protocol, runtime_checkable

from dorec.domain.event_log import EventLog
from dorec.domain.study import Study
from dorec.numeric.arrays import AnyArray


@runtime_checkable
class World(Protocol):
    """Simulated users and items. What a method claims about its log can be held against what is true in it."""

    seed: int

    def events(self) -> EventLog:
        """The log that the world's own policy wrote."""
        ...

    def study(self) -> Study:
        """Units, treatment and outcome of the world's question."""
        ...

    def true_ate(self) -> float:
        """The average effect of the treatment on the outcome."""
        ...

    def true_effect(self, users: AnyArray, items: AnyArray) -> AnyArray:
        """The effect of showing items to users, pair by pair."""
        ...

    def true_value(self, policy: Any) -> float:
        """The expected reward of a policy."""
        ...
