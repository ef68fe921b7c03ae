"""Events cut into sessions: a new one starts after a pause."""

from typing import TYPE_CHECKING

import ibis

from dorec.domain.errors import InputError
from dorec.numeric.clock import seconds

if TYPE_CHECKING:
    import ibis.expr.types as ir


def sessionise(events: "ir.Table", gap_minutes: float = 30) -> "ir.Table":
    """The events with a session_id: the source's own where there is one, else `user#1`, `user#2`, ...

    A session ends after a pause of more than `gap_minutes` (Google Analytics' 30 by default). Only the past decides, so
    a session id never depends on later events. Events without a time stamp keep a null session.

    Raises:
        InputError: `gap_minutes` is not positive.

    Example:
        >>> from datetime import datetime
        >>> from dorec import EventLog
        >>> times = [datetime(2024, 1, 1, 10, 0), datetime(2024, 1, 1, 10, 20), datetime(2024, 1, 1, 11, 0)]
        >>> log = EventLog.from_table({"user_id": ["ann"] * 3, "timestamp": times})
        >>> sessionise(log.table).order_by("timestamp").session_id.to_pyarrow().to_pylist()
        ['ann#1', 'ann#1', 'ann#2']
    """
    if not gap_minutes > 0:
        raise InputError(f"gap_minutes is {gap_minutes}; give a positive number of minutes, as in 30.")
    gap = ibis.interval(milliseconds=round(gap_minutes * 60_000))
    own = events.session_id.notnull() | events.timestamp.isnull()
    keyed = events.mutate(_own=own)
    in_order = ibis.window(group_by=[keyed["_own"], keyed.user_id], order_by=keyed.timestamp)
    before = keyed.timestamp.lag().over(in_order)
    marked = keyed.mutate(_starts=ibis.ifelse(before.isnull() | (keyed.timestamp > before + gap), 1, 0))
    # events at the same instant share a session whatever their order: RANGE counts ties together
    so_far = ibis.window(
        group_by=[marked["_own"], marked.user_id], order_by=marked.timestamp, range=(None, ibis.interval(seconds=0))
    )
    numbered = marked.mutate(_number=marked["_starts"].sum().over(so_far))
    made = numbered.user_id + "#" + numbered["_number"].cast("string")
    named = numbered.mutate(session_id=ibis.ifelse(numbered["_own"], numbered.session_id, made))
    return named.select(*events.columns)


def session_table(events: "ir.Table", gap_minutes: float = 30) -> "ir.Table":
    """One row a session: user_id, session_id, start, end, duration_seconds, events, items, purchases, value.

    Example:
        >>> from datetime import datetime
        >>> from dorec import EventLog
        >>> times = [datetime(2024, 1, 1, 10, 0), datetime(2024, 1, 1, 10, 20), datetime(2024, 1, 1, 11, 0)]
        >>> log = EventLog.from_table({"user_id": ["ann"] * 3, "item_id": ["x", "y", "x"], "timestamp": times})
        >>> table = session_table(log.table).order_by("start").to_pyarrow()
        >>> table["duration_seconds"].to_pylist(), table["items"].to_pylist()
        ([1200, 0], [2, 1])
    """
    cut = sessionise(events, gap_minutes)
    cut = cut.filter(cut.session_id.notnull())
    bought = (cut.event == "purchase").fill_null(False)
    table = cut.group_by("user_id", "session_id").agg(
        start=cut.timestamp.min(),
        end=cut.timestamp.max(),
        events=cut.count(),
        items=cut.item_id.nunique(),
        purchases=bought.cast("int64").sum(),
        value=cut.value.sum().fill_null(0.0),
    )
    table = table.mutate(duration_seconds=seconds(table.end) - seconds(table.start))
    order = ("user_id", "session_id", "start", "end", "duration_seconds", "events", "items", "purchases", "value")
    return table.select(*order)
