"""Views and clicks that were left at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from dorec.domain.errors import ConfigError
from dorec.ingest.cleaning.step import ALIVE, CODE, Facts, Step, first_that_holds

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class AccidentalClicks(Step):
    """Drops views and clicks with a dwell time below `min_dwell_seconds`.

    The dwell time runs to the next event of the same user and session; the last event of a session has none and is
    kept. Another kind of event on the same item (a cart, a purchase, the view that a click leads to) is what the click
    was for, so such clicks are kept too.

    Example:
        >>> import dorec
        >>> from datetime import datetime
        >>> log = dorec.EventLog.from_table({"user_id": ["a"] * 2, "item_id": ["x", "y"], "event": ["view"] * 2,
        ...     "timestamp": [datetime(2024, 1, 1, 10, 0, 0), datetime(2024, 1, 1, 10, 0, 0, 400_000)]})
        >>> AccidentalClicks().apply(log.table).item_id.to_pyarrow().to_pylist()
        ['y']
    """

    min_dwell_seconds: float = 1.0

    name = "accidental clicks"
    reasons = ("left at once",)

    def __post_init__(self) -> None:
        if not self.min_dwell_seconds > 0:
            raise ConfigError(f"min_dwell_seconds is {self.min_dwell_seconds}; give a positive number of seconds.")

    @property
    def description(self) -> str:
        """The rule in words."""
        return f"drops views and clicks that were left within {self.min_dwell_seconds:g} s for something else"

    def skip(self, facts: Facts) -> str:
        """Dwell times need times of day to the second."""
        if not facts.browsing:
            return "there are no views or clicks"
        if not facts.with_time:
            return "events have no time stamps"
        return "time stamps are whole minutes, so dwell times are unknown" if facts.whole_minutes else ""

    def mark(self, events: "ir.Table") -> "ir.Table":
        """Code 1 for a view or click that was left too soon."""
        timed = events.timestamp.notnull()
        window = ibis.window(
            group_by=[events[ALIVE], timed, events.user_id, events.session_id],
            order_by=[events.timestamp, events.event_id, events.item_id, events.event],
        )
        led = events.mutate(
            _next_time=events.timestamp.lead().over(window),
            _next_item=events.item_id.lead().over(window),
            _next_event=events.event.lead().over(window),
        )
        wait = ibis.interval(milliseconds=max(1, round(self.min_dwell_seconds * 1000)))
        soon = led["_next_time"] < led.timestamp + wait
        followed = ((led["_next_item"] == led.item_id) & (led["_next_event"] != led.event)).fill_null(False)
        code = first_that_holds(led.event.isin(("view", "click")) & soon & ~followed)
        return led.mutate(_code=code).select(*events.columns, CODE)
