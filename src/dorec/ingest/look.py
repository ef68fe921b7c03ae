"""What the values of a column look like, from a sample."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.ingest.findings import Findings
from dorec.ingest.scalars import GAPS, NUMBER, decoded, one_chunk, to_text, truth

UNITS = {"unix_s": 1.0, "unix_ms": 1e3, "unix_us": 1e6}
SINCE, UNTIL = datetime(1995, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp()
MOSTLY = 0.9  # of the distinct values: a few broken cells do not change what a column is
ISO_LIKE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"
ZONED = r"(Z|z|UTC|[+-]\d{2}:?\d{2})$"
FORMATS = ("%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y", "%d/%m/%Y",
           "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y%m%d")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Look:
    """One column of a sample."""

    name: str
    kind: str  # unix_s, unix_ms, unix_us, time, iso, datetime, integer, number, boolean, text, empty
    rows: int
    missing: int
    distinct: int
    values: tuple[str, ...]  # distinct values, at most 60, when there are so few
    low: float = float("nan")
    high: float = float("nan")
    time_format: str | None = None
    also: tuple[str, ...] = ()  # other formats of time that fit as well
    zoned: bool = False
    clean: bool = True  # no value of the sample is of another kind

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers."""
        return self.kind in {"integer", "number", "boolean", "unix_s", "unix_ms", "unix_us"}

    @property
    def is_time(self) -> bool:
        """Whether the values are instants."""
        return self.kind in {"unix_s", "unix_ms", "unix_us", "time", "iso", "datetime"}

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.rows > 1 and self.distinct == self.rows and not self.missing


def look(name: str, column: pa.ChunkedArray) -> Look:
    """The kind of a column and the figures that roles are chosen by.

    >>> look("ts", pa.chunked_array([["1511544070", "1511561733"]])).kind
    'unix_s'
    """
    column = decoded(column)
    rows = len(column)
    if pa.types.is_temporal(column.type):
        return _temporal(name, column)
    text = to_text(column, name, Findings(rows))
    if not pa.types.is_string(column.type) and not pa.types.is_binary(column.type):
        gap = truth(pc.is_null(text))
    else:
        text = one_chunk(pc.utf8_trim_whitespace(text))
        gap = truth(pc.is_null(text)) | truth(pc.is_in(text, value_set=GAPS))
    given = text.filter(pa.array(~gap))
    distinct = given.unique()
    facts: dict[str, Any] = {
        "name": name, "rows": rows, "missing": int(gap.sum()), "distinct": len(distinct),
        "values": tuple(distinct.to_pylist()) if len(distinct) <= 60 else (),
    }  # fmt: skip
    if not len(given):
        return Look(kind="empty", **facts)
    numbers = truth(pc.match_substring_regex(distinct, NUMBER))
    if numbers.mean() >= MOSTLY:
        return _number({**facts, "clean": bool(numbers.all())}, distinct.filter(pa.array(numbers)))
    times = truth(pc.match_substring_regex(distinct, ISO_LIKE))
    if times.mean() >= MOSTLY:
        zoned = truth(pc.match_substring_regex(distinct.filter(pa.array(times)), ZONED))
        return Look(kind="iso", zoned=bool(zoned.all()), clean=bool(times.all()), **facts)
    fitting = _formats(distinct)
    if fitting:
        return Look(kind="datetime", time_format=fitting[0], also=tuple(fitting[1:]), **facts)
    boolean = {v.lower() for v in facts["values"]} <= {"true", "false", "yes", "no", "t", "f"}
    return Look(kind="boolean" if facts["values"] and boolean else "text", **facts)


def _temporal(name: str, column: pa.ChunkedArray) -> Look:
    zoned = pa.types.is_timestamp(column.type) and column.type.tz is not None
    instant = pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
    distinct = pc.count_distinct(column).as_py()
    return Look(
        name=name, kind="time" if instant else "text", rows=len(column), missing=column.null_count,
        distinct=distinct, values=(), zoned=zoned,
    )  # fmt: skip


def _number(facts: dict[str, Any], distinct: pa.Array) -> Look:
    numbers = np.array([float(v) for v in distinct.to_pylist()])
    whole = bool((numbers == np.floor(numbers)).all())
    low, high = float(numbers.min()), float(numbers.max())
    typical = np.median(numbers)  # one clock that was wrong does not hide the others
    if set(facts["values"]) <= {"0", "1", "0.0", "1.0"} and facts["values"]:
        return Look(kind="boolean", low=low, high=high, **facts)
    for unit, scale in UNITS.items():
        if SINCE <= typical / scale < UNTIL and (np.abs(numbers / scale - typical / scale) < UNTIL).all() and low >= 0:
            return Look(kind=unit, low=low, high=high, **facts)
    return Look(kind="integer" if whole else "number", low=low, high=high, **facts)


def _formats(distinct: pa.Array) -> list[str]:
    def parsed(form: str) -> pa.Array:
        return pc.strptime(distinct, format=form, unit="s", error_is_null=True)

    return [form for form in FORMATS if not truth(pc.is_null(parsed(form))).any()]
