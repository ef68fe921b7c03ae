"""Values far from what is usual for their event type."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import ibis

from dorec.domain.errors import ConfigError
from dorec.ingest.cleaning.step import ALIVE, CODE, SALES, Facts, Step
from dorec.numeric.normalise import MAD_TO_SD

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Outliers(Step):
    """Flags (or drops) values more than `mad` robust deviations from the median of their event type.

    The deviation is the median absolute deviation times 1.4826, so that `mad` counts standard deviations of a normal
    sample but does not move with the outliers themselves. A type of event without spread has no outliers. Sales are
    left alone unless `revenue` is set: the largest order is the most real money there is.

    Example:
        >>> import dorec
        >>> log = dorec.EventLog.from_table({"user_id": list("abcde"), "event": ["view"] * 5,
        ...                                  "value": [1.0, 2.0, 3.0, 2.0, 900.0]})
        >>> Outliers(how="drop").apply(log.table).count().to_pyarrow().as_py()
        4
    """

    mad: float = 8.0
    how: Literal["flag", "drop"] = "flag"
    revenue: bool = False

    name = "outliers"
    rescans = True
    reasons = ("value is an outlier of its event type",)
    notes = ("value is an outlier of its event type (kept, marked in outlier)",)
    extra = ("outlier",)

    def __post_init__(self) -> None:
        if not self.mad > 0:
            raise ConfigError(f"mad is {self.mad}; give a positive number of robust deviations, as in 8.")
        if self.how not in ("flag", "drop"):
            raise ConfigError(f"how is {self.how!r}; allowed: 'flag', 'drop'.")

    @property
    def description(self) -> str:
        """The rule in words."""
        what = "every event type" if self.revenue else "every event type but sales"
        verb = "drops" if self.how == "drop" else "marks"
        return f"{verb} values more than {self.mad:g} robust deviations from the median, in {what}"

    def skip(self, facts: Facts) -> str:
        """Nothing to look at without values."""
        return "" if facts.with_value else "events have no value"

    def mark(self, events: "ir.Table") -> "ir.Table":
        """Code 1 or -1 for outliers."""
        looked_at = events[ALIVE] & events.value.notnull() & ~events.value.isnan() & ~events.value.isinf()
        if not self.revenue:
            looked_at = looked_at & ~events.event.isin(SALES)
        known = events.filter(looked_at).select("event", "value")
        middle = known.group_by(_middle_event=known.event).agg(_median=known.value.median())
        near = known.inner_join(middle, known.event == middle["_middle_event"])
        near = near.mutate(_away=(near.value - near["_median"]).abs())
        spread = near.group_by(_event=near.event).agg(_median=near["_median"].max(), _mad=near["_away"].median())
        joined = events.left_join(spread, events.event == spread["_event"])
        limit = joined["_mad"] * (MAD_TO_SD * self.mad)
        far = ((joined["_mad"] > 0) & ((joined.value - joined["_median"]).abs() > limit)).fill_null(False)
        code = ibis.ifelse(far, 1 if self.how == "drop" else -1, 0)
        marked = joined.mutate(_code=code, outlier=far)
        extra = ["outlier"] if self.how == "flag" else []
        return marked.select(*dict.fromkeys([*events.columns, *extra, CODE]))
