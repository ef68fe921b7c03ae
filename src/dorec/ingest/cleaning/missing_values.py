"""Values that are not there."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import ibis

from dorec.domain.errors import ColumnNotFound, ConfigError
from dorec.domain.event_log import EVENT_COLUMNS
from dorec.ingest.cleaning.step import ALIVE, CODE, Step, first_that_holds

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class MissingValues(Step):
    """Drops events without a value in `columns`, or fills `value` with the median of its event type and marks it.

    Null, empty text and NaN are missing. `columns` is by default user_id for `drop` (an event of nobody; items, times
    and values may be absent for good reasons) and value for `impute`, which adds the column `value_imputed`. Events of
    a type that never has a value are left without one.

    Example:
        >>> import dorec
        >>> log = dorec.EventLog.from_table({"user_id": ["a", "b", "c"], "value": [1.0, 3.0, None]})
        >>> MissingValues(how="impute").apply(log.table).select("value", "value_imputed").to_pyarrow().to_pylist()[-1]
        {'value': 2.0, 'value_imputed': True}
    """

    how: Literal["drop", "impute"] = "drop"
    columns: tuple[str, ...] = ()

    name = "missing values"
    rescans = True
    reasons = tuple(f"{column} is missing" for column in EVENT_COLUMNS)
    notes = ("value filled with the median of its event type",)
    extra = ("value_imputed",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        for column in self.columns:
            if column not in EVENT_COLUMNS:
                raise ColumnNotFound(column, EVENT_COLUMNS, where="the event schema")
        if self.how not in ("drop", "impute"):
            raise ConfigError(f"how is {self.how!r}; allowed: 'drop', 'impute'.")
        if self.how == "impute" and self.columns not in ((), ("value",)):
            raise ConfigError("Only the column value can be imputed; use how='drop' for the others.")

    @property
    def description(self) -> str:
        """The rule in words."""
        if self.how == "impute":
            return "fills a missing value with the median of its event type and marks it in value_imputed"
        return f"drops events without {', '.join(self.columns or ('user_id',))}"

    def mark(self, events: "ir.Table") -> "ir.Table":
        """Code by the first column that is missing, or -1 for a value that was filled."""
        if self.how == "impute":
            return self._impute(events)
        wanted = self.columns or ("user_id",)
        never = ibis.literal(False)
        gaps = [_missing(events[c]) if c in wanted else never for c in EVENT_COLUMNS]
        return events.mutate(_code=first_that_holds(*gaps))

    def _impute(self, events: "ir.Table") -> "ir.Table":
        known = events.filter(events[ALIVE] & ~_missing(events.value))
        typical = known.group_by(_event=known.event).agg(_typical=known.value.median())
        joined = events.left_join(typical, events.event == typical["_event"])
        filled = joined[ALIVE] & _missing(joined.value) & joined["_typical"].notnull()
        value = ibis.ifelse(filled, joined["_typical"], joined.value)
        marked = joined.mutate(_code=ibis.ifelse(filled, -1, 0), value_imputed=filled, value=value)
        return marked.select(*dict.fromkeys([*events.columns, "value_imputed", CODE]))


def _missing(column: "ir.Column") -> "ir.BooleanValue":
    if column.type().is_string():
        return column.isnull() | (column.strip() == "")
    if column.type().is_floating():
        return column.isnull() | column.isnan().fill_null(False)
    return column.isnull()
