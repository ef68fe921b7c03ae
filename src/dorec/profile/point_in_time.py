"""Features as they were known at a moment: the join that lets no future in."""

from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.errors import InputError
from dorec.domain.event_log import EventLog
from dorec.domain.table import to_arrow
from dorec.numeric.arrays import IntArray
from dorec.profile.features import aggregates, derive, feature_spec, prepared


def features_as_of(
    log: EventLog, moments: Any, *, user: str = "user_id", at: str = "at", before_days: float | None = None
) -> pa.Table:
    """For each row of `moments`, in its order, the user's features from events strictly before that moment.

    The columns are those of `user_features`. A user without an earlier event has counts of 0 and nulls elsewhere; an
    event at the very moment does not count. The work is one join of distinct moments with the same user's events:
    moments x events of a user, streamed by the engine.

    Args:
        log: the events; those without a time stamp are never in the past of anything.
        moments: a table with a user id and an instant (times without a zone are UTC; dates are their midnight).
        user: the column of `moments` with the user's id.
        at: the column of `moments` with the instant.
        before_days: only events of this many days before the moment count; all by default.

    Raises:
        ColumnNotFound: a column is not in `moments`.
        InputError: a moment is missing, the log has no time stamps, or `before_days` is not positive.

    Example:
        >>> from datetime import datetime
        >>> days = [datetime(2024, 1, d) for d in (1, 3, 4)]
        >>> log = EventLog.from_table({"user_id": ["ann"] * 2, "timestamp": days[:2]})
        >>> moments = {"user_id": ["ann"] * 2, "at": days[1:]}
        >>> features_as_of(log, moments).select(["events", "recency_days"]).to_pylist()
        [{'events': 1, 'recency_days': 2.0}, {'events': 2, 'recency_days': 1.0}]
    """
    if before_days is not None and not before_days > 0:
        raise InputError(f"before_days is {before_days}; give a positive number of days, or None for all the past.")
    spec = feature_spec(log)
    if not spec.time:
        raise InputError("The events have no time stamps, so nothing is known as of a moment.")
    keys = as_moments(moments, user, at)
    distinct, place = _distinct(keys)
    asked = ibis.memtable(distinct)
    events = prepared(log.table.rename(_event_user="user_id"))
    past = [asked["_user"] == events["_event_user"], events.timestamp < asked["_at"]]
    if before_days is not None:
        past.append(events.timestamp >= asked["_at"] - ibis.interval(milliseconds=round(before_days * 86_400_000)))
    joined = asked.inner_join(events, past)
    raw = joined.group_by("_moment").agg(**aggregates(joined, spec, "item_id")).to_pyarrow()
    row_of = np.full(distinct.num_rows, -1, dtype=np.int64)
    row_of[raw.column("_moment").to_numpy()] = np.arange(raw.num_rows)
    until = pc.cast(keys.column("_at"), pa.int64()).to_numpy() / 1e6
    named = keys.rename_columns(["user_id", "at"])
    return derive(raw, spec, named, row_of[place], until, "items")


def as_moments(moments: Any, user: str, at: str) -> pa.Table:
    """The moments as a table of _user (string) and _at (UTC), checked."""
    table = to_arrow(moments, [user, at])
    users, times = table.column(user).cast(pa.string()), table.column(at)
    if not pa.types.is_temporal(times.type):
        raise InputError(f"Column {at!r} of moments holds {times.type}, not times; cast it to a timestamp first.")
    if users.null_count or times.null_count:
        raise InputError(f"{users.null_count:,} user(s) and {times.null_count:,} time(s) of moments are missing.")
    return pa.table({"_user": users, "_at": to_utc(times)})


def to_utc(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Dates and timestamps as UTC microseconds; those without a zone are taken to be UTC."""
    return (
        times.cast(pa.timestamp("us", tz="UTC"))
        if getattr(times.type, "tz", None)
        else times.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    )


def _distinct(keys: pa.Table) -> tuple[pa.Table, IntArray]:
    """Distinct moments with a number each, and the number of each row."""
    users = keys.column("_user").combine_chunks().dictionary_encode()
    codes = users.indices.to_numpy().astype(np.int64)
    times = pc.cast(keys.column("_at"), pa.int64()).to_numpy()
    if not len(codes):
        place = np.empty(0, dtype=np.int64)
        first = place
    else:
        _, first, place = np.unique(np.stack([codes, times], axis=1), axis=0, return_index=True, return_inverse=True)
    distinct = keys.take(pa.array(first)).append_column("_moment", pa.array(np.arange(len(first), dtype=np.int64)))
    return distinct, place.reshape(-1).astype(np.int64)
