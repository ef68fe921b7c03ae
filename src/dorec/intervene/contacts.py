"""How often each unit was contacted lately, counted from events: what a cap on contacts needs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.event_log import EventLog
from dorec.numeric.arrays import IntArray


def recent_contacts(
    events: EventLog,
    units: Sequence[Any],
    *,
    since: datetime,
    until: datetime | None = None,
    kinds: str | Sequence[str] = ("impression",),
) -> IntArray:
    """Events of some kinds of each unit in [since, until), (n,): `Audience.recent`. Counted where the events live.

    Args:
        events: the log; every event has a time.
        units: (n,) user ids, compared as text; users without events have 0.
        since: start of the window; a time without zone is UTC.
        until: its end, or None for none.
        kinds: what counts as a contact, one kind or several.

    Raises:
        InputError: an event has no time, a unit stands twice, the window ends before it starts, or no kind is named.

    Example:
        >>> rows = {"user_id": ["a", "a", "b"], "event": ["impression"] * 3,
        ...         "timestamp": [datetime(2024, 1, 1), datetime(2024, 1, 9), datetime(2024, 1, 2)]}
        >>> recent_contacts(EventLog.from_table(rows), ["a", "b", "c"], since=datetime(2024, 1, 2)).tolist()
        [1, 1, 0]
    """
    counts = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if not counts:
        raise InputError("kinds is empty, so that nothing would count as a contact; give one or more, as 'impression'.")
    start, end = _utc(since, "since"), None if until is None else _utc(until, "until")
    if end is not None and end <= start:
        raise InputError(f"The window ends at {end}, which is not after its start, {start}; give since < until.")
    names = [str(unit) for unit in np.asarray(units).ravel().tolist()]
    if len(set(names)) < len(names):
        raise InputError("A unit stands twice in units; name each unit once.")
    if events.n_events and not events.has_time:
        raise InputError("Some events have no timestamp, so a window can't be counted; set these rows aside first.")
    found = events.table.filter(events.table.event.isin(list(counts)), events.table.timestamp >= _moment(start))
    if end is not None:
        found = found.filter(found.timestamp < _moment(end))
    counted = found.group_by("user_id").agg(n=found.count()).to_pyarrow()
    by_unit = dict(zip(counted["user_id"].to_pylist(), counted["n"].to_pylist(), strict=True))
    return np.array([by_unit.get(name, 0) for name in names], dtype=np.int64)


def _utc(time: datetime, name: str) -> datetime:
    if not isinstance(time, datetime):
        raise InputError(f"{name} is {time!r}; give a datetime, as datetime(2024, 1, 2).")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _moment(time: datetime) -> Any:
    import ibis

    return ibis.timestamp(time.isoformat()).cast("timestamp('UTC')")
