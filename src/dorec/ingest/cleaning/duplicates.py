"""The same event twice."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import ibis

from dorec.domain.errors import ConfigError
from dorec.ingest.cleaning.step import ALIVE, CODE, Facts, Step

if TYPE_CHECKING:
    import ibis.expr.types as ir

CONTENT = ("user_id", "item_id", "event", "timestamp", "value", "session_id", "position", "context")


@dataclass(frozen=True)
class Duplicates(Step):
    """Keeps the first of events that are the same.

    With `by="id"` two events are the same when their event_id is; with `content`, when everything else is, to the
    microsecond; `auto` goes by id where there is one and by content elsewhere. Without times, or with times that are
    whole days, equal content is no evidence (people do look twice), so such a log is left alone.

    Example:
        >>> import dorec
        >>> log = dorec.EventLog.from_table({"event_id": ["1", "1", "2"], "user_id": ["ann"] * 3})
        >>> Duplicates().apply(log.table).count().to_pyarrow().as_py()
        2
    """

    by: Literal["auto", "id", "content"] = "auto"

    name = "duplicates"
    reasons = ("repeats an earlier event",)

    def __post_init__(self) -> None:
        if self.by not in ("auto", "id", "content"):
            raise ConfigError(f"by is {self.by!r}; allowed: 'auto', 'id', 'content'.")

    @property
    def description(self) -> str:
        """The rule in words."""
        how = {"auto": "event_id, or the same content where there is none", "id": "event_id", "content": "content"}
        return f"keeps the first of events with the same {how[self.by]}"

    def skip(self, facts: Facts) -> str:
        """Why repeats can't be told from duplicates."""
        if self.by == "id" and not facts.with_id:
            return "events have no event_id"
        if self.by == "content" or not facts.with_id:
            if not facts.with_time:
                return "events have neither event_id nor time stamps, so repeats can't be told from duplicates"
            if facts.whole_days:
                return "time stamps are whole days, so repeats can't be told from duplicates"
        return ""

    def mark(self, events: "ir.Table") -> "ir.Table":
        """Code 1 for all but the first of each group of equal events."""
        has_id = events.event_id.notnull()
        if self.by == "id":
            keys, known = {"_k0": events.event_id}, has_id
        elif self.by == "content":
            keys, known = {f"_k{i}": events[c] for i, c in enumerate(CONTENT)}, events.timestamp.notnull()
        else:
            content = {f"_k{i}": ibis.ifelse(has_id, ibis.null(), events[c]) for i, c in enumerate(CONTENT, start=1)}
            keys, known = {"_k0": events.event_id, **content}, has_id | events.timestamp.notnull()
        keyed = events.mutate(_known=known, **keys)
        order = [keyed.timestamp, keyed.event_id]
        window = ibis.window(group_by=[keyed[ALIVE], keyed["_known"], *(keyed[k] for k in keys)], order_by=order)
        marked = keyed.mutate(_code=ibis.ifelse((ibis.row_number().over(window) > 0) & keyed["_known"], 1, 0))
        return marked.select(*events.columns, CODE)
