"""From rows of (user, event, timestamp) to realisations of a point process, each watched for a time of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from dorec.domain.errors import InputError, NotFinite, TooFewUnits
from dorec.domain.event_log import EventLog
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

TimeUnit = Literal["second", "minute", "hour", "day"]
SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
MIN_EVENTS = 10
Window = tuple[Any, Any]


@dataclass(frozen=True, eq=False)
class EventStreams:
    """The events of each unit in order of time, counted from the start of its window."""

    names: tuple[str, ...]  # event types, sorted
    first: IntArray  # (u + 1,), where the events of each unit start
    time: FloatArray  # (n,)
    kind: IntArray  # (n,), positions in names
    end: FloatArray  # (u,), length of each window
    n_ties: int  # events at the very time of another of the same unit


def read_streams(
    table: Any, unit: str, event: str, time: str, time_unit: TimeUnit, windows: Any = None
) -> EventStreams:
    """The streams in a table with one row an event, in any order.

    Args:
        table: any frame, or an `EventLog`.
        unit, event, time: columns; time holds timestamps or numbers.
        time_unit: of timestamps; numbers are taken as they are.
        windows: when units were watched: None for all from the first event of the table to its last, a pair
            (start, end) for all, or a mapping from each unit to its pair. Units without events may stand in it.

    Raises:
        NotFinite: a unit, an event or a time is missing.
        InputError: a window ends before it starts, an event is outside of its window, or a unit has none.
        TooFewUnits: there are fewer than 10 events.

    Example:
        >>> rows = {"user_id": ["b", "a"] * 6, "event": ["view"] * 12, "timestamp": range(12)}
        >>> streams = read_streams(rows, "user_id", "event", "timestamp", "hour")
        >>> streams.first.tolist(), streams.time[:3].tolist(), streams.end.tolist()
        ([0, 6, 12], [1.0, 3.0, 5.0], [11.0, 11.0])
    """
    arrow = to_arrow(table.table if isinstance(table, EventLog) else table, [unit, event, time])
    if arrow.num_rows < MIN_EVENTS:
        raise TooFewUnits(f"{arrow.num_rows} events are too few", remedy=f"give at least {MIN_EVENTS}")
    for name in (unit, event, time):
        _refuse_missing(arrow, name)
    when = _seconds_or_numbers(column(arrow, time), time) / _scale(column(arrow, time), time_unit)
    names, kind = np.unique(_text(column(arrow, event)), return_inverse=True)
    seen, code = np.unique(_text(column(arrow, unit)), return_inverse=True)
    labels, start, end = _windows(windows, seen.tolist(), when, time_unit)
    code = np.searchsorted(labels, seen)[code]
    order = np.lexsort((kind, when, code))
    code, when, kind = code[order], when[order], kind[order].astype(np.int64)
    outside = (when < start[code]) | (when > end[code])
    if outside.any():
        who = labels[code[outside.argmax()]]
        raise InputError(
            f"{int(outside.sum()):,} events are outside of their unit's window, as of {who}; "
            "widen the windows or drop these events."
        )
    ties = (np.diff(when) == 0) & (np.diff(code) == 0)
    first = np.searchsorted(code, np.arange(len(labels) + 1))
    return EventStreams(tuple(names.tolist()), first, when - start[code], kind, end - start, int(ties.sum()))


def _windows(
    windows: Any, labels: list[str], when: FloatArray, time_unit: TimeUnit
) -> tuple[Any, FloatArray, FloatArray]:
    """All units, sorted, and when the watching of each started and ended."""
    if windows is None:
        start, end = np.full(len(labels), when.min()), np.full(len(labels), when.max())
    elif isinstance(windows, Mapping):
        given = {str(label): window for label, window in windows.items()}
        lost = [label for label in labels if label not in given]
        if lost:
            raise InputError(f"{len(lost):,} units have events but no window, as {lost[0]}; give each a (start, end).")
        labels = sorted(given)
        start, end = (_moments([given[label][side] for label in labels], time_unit) for side in (0, 1))
    else:
        start, end = (np.full(len(labels), _moments([windows[side]], time_unit)[0]) for side in (0, 1))
    if not (end > start).all():
        k = int((~(end > start)).argmax())
        raise InputError(
            f"The window of {labels[k]} is {end[k] - start[k]:g} long; give an end that is later than the start."
        )
    return np.array(labels), start, end


def _moments(values: list[Any], time_unit: TimeUnit) -> FloatArray:
    array: AnyArray = pa.array(values).to_numpy(zero_copy_only=False)
    return _seconds_or_numbers(array, "windows") / _scale(array, time_unit)


def _scale(values: AnyArray, time_unit: TimeUnit) -> float:
    return SECONDS[time_unit] if values.dtype.kind == "M" else 1.0


def _seconds_or_numbers(values: AnyArray, name: str) -> FloatArray:
    if values.dtype.kind == "M":
        return values.astype("datetime64[ns]").astype(np.int64) / 1e9
    if values.dtype.kind in "iuf":
        return values.astype(np.float64)
    raise InputError(f"{name} is of type {values.dtype}; give timestamps or numbers. Parse text as timestamps first.")


def _text(values: AnyArray) -> AnyArray:
    return values.astype(str)


def _refuse_missing(arrow: pa.Table, name: str) -> None:
    values = arrow.column(name)
    missing = values.null_count
    if pa.types.is_floating(values.type):
        missing = int((~np.isfinite(values.to_numpy())).sum())
    if missing:
        raise NotFinite(f"{missing:,} rows have no {name}", remedy="drop these rows", evidence={"columns": [name]})
