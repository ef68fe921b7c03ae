"""What a cleaning step is: it marks events with a code, and the marks are counted and applied in one pass."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import ibis

from dorec.domain.event_log import FUNNEL

if TYPE_CHECKING:
    import ibis.expr.types as ir

CODE = "_code"  # 0 untouched; k > 0 dropped for the k-th reason; -k kept for the k-th note
ALIVE = "_alive"  # whether earlier steps kept the event
BROWSING = FUNNEL[1:-1]  # done by hand and free of charge: view, click, favourite, cart
CANCELS = ("cancel", "cancellation", "refund", "return")
SALES = ("purchase", "interaction")  # whose negative value is money given back


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What one scan says about a log before it is cleaned: counts by which steps see whether they apply."""

    events: int
    with_time: int  # events with a time stamp
    with_id: int
    with_value: int
    browsing: int  # views, clicks, favourites, carts
    cancellations: int
    whole_minutes: bool  # no time stamp has seconds
    whole_days: bool  # no time stamp has a time of day


class Step(ABC):
    """One named rule. `mark` says what becomes of each event; `apply` does it.

    Example:
        >>> import dorec
        >>> from dorec.ingest.cleaning import Duplicates
        >>> step: Step = Duplicates(by="id")
        >>> log = dorec.EventLog.from_table({"event_id": ["1", "1"], "user_id": ["ann", "ann"]})
        >>> step.mark(log.table.mutate(_alive=True))["_code"].sum().to_pyarrow().as_py()
        1
    """

    name: ClassVar[str]
    reasons: ClassVar[tuple[str, ...]]  # of dropping, by code
    notes: ClassVar[tuple[str, ...]] = ()  # of keeping, changed or reported
    rescans: ClassVar[bool] = False  # whether `mark` reads the events more than once
    extra: ClassVar[tuple[str, ...]] = ()  # columns that the step may add

    @property
    @abstractmethod
    def description(self) -> str:
        """The rule in words, with its parameters."""

    @abstractmethod
    def mark(self, events: "ir.Table") -> "ir.Table":
        """The same events with a column `_code`; events that `_alive` rules out don't count for the others."""

    def skip(self, facts: Facts) -> str:
        """Why the step does not apply to such a log, or nothing."""
        del facts
        return ""

    def apply(self, events: "ir.Table") -> "ir.Table":
        """The events that the step keeps, with its changes."""
        marked = self.mark(events.mutate(_alive=ibis.literal(True)))
        extra = [name for name in self.extra if name in marked.columns]
        kept = marked.filter(marked[CODE].fill_null(0) <= 0)
        return kept.select(*dict.fromkeys([*events.columns, *extra]))

    def parameters(self) -> dict[str, Any]:
        """The fields of the step as plain data."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]


def is_cancellation(events: "ir.Table") -> "ir.BooleanValue":
    """Whether an event takes a purchase back: by its type, or by a sale's negative value."""
    negative_sale = events.event.isin(SALES) & (events.value < 0)
    return events.event.isin(CANCELS) | negative_sale.fill_null(False)


def first_that_holds(*conditions: "ir.BooleanValue") -> "ir.IntegerValue":
    """1 for events of the first condition, 2 for the second where the first does not hold, ...; 0 for none."""
    branches = [(condition.fill_null(False), code) for code, condition in enumerate(conditions, start=1)]
    return ibis.cases(*branches, else_=0).cast("int8")
