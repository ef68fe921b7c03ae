"""How often each unit was contacted lately, counted from events: what a cap on contacts needs."""

from collections.abc import Sequence
from datetime import datetime
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
    kinds: Sequence[str] = ("impression",),
) -> IntArray:
    """Events of some kinds of each unit in [since, until), (n,): `Audience.recent`. Counted where the events live.

    Args:
        events: the log; every event has a time.
        units: (n,) user ids, compared as text; users without events have 0.
        since: start of the window; a time without zone is UTC.
        until: its end, or None for none.
        kinds: what counts as a contact.

    Raises:
        InputError: an event has no time, or a unit stands twice.

    Example:
        >>> rows = {"user_id": ["a", "a", "b"], "event": ["impression"] * 3,
        ...         "timestamp": [datetime(2024, 1, 1), datetime(2024, 1, 9), datetime(2024, 1, 2)]}
        >>> recent_contacts(EventLog.from_table(rows), ["a", "b", "c"], since=datetime(2024, 1, 2)).tolist()
        [1, 1, 0]
    """
    names = [str(unit) for unit in np.asarray(units).tolist()]
    if len(set(names)) < len(names):
        raise InputError("A unit stands twice in units; name each unit once.")
    if events.n_events and not events.has_time:
        raise InputError("Some events have no timestamp, so a window can't be counted; set these rows aside first.")
    found = events.table.filter(events.table.event.isin(list(kinds)), events.table.timestamp >= _utc(since))
    if until is not None:
        found = found.filter(found.timestamp < _utc(until))
    counted = found.group_by("user_id").agg(n=found.count()).to_pyarrow()
    by_unit = dict(zip(counted["user_id"].to_pylist(), counted["n"].to_pylist(), strict=True))
    return np.array([by_unit.get(name, 0) for name in names], dtype=np.int64)


def _utc(time: datetime) -> Any:
    from datetime import UTC

    import ibis

    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return ibis.timestamp(aware.isoformat()).cast("timestamp('UTC')")
