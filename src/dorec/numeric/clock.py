"""Whole parts of time stamps as ibis expressions: the same integers, in UTC, on every engine.

Ibis sets the session of every engine to UTC when it connects.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def seconds(time: "ibis.expr.types.TimestampValue") -> "ibis.expr.types.IntegerValue":
    """Whole seconds since 1970, rounded down.

    >>> import ibis
    >>> int(seconds(ibis.timestamp("1970-01-01 00:01:40.9")).to_pyarrow().as_py())
    100
    """
    # DuckDB answers with fractions although ibis types it as an integer: cast before any arithmetic
    return time.epoch_seconds().cast("float64").floor().cast("int64")


def part(time: "ibis.expr.types.TimestampValue", length: int) -> "ibis.expr.types.IntegerValue":
    """The number of whole minutes, hours or days (`length` in seconds) since 1970.

    >>> import ibis
    >>> int(part(ibis.timestamp("1970-01-02 05:00:00"), DAY).to_pyarrow().as_py())
    1
    """
    return (seconds(time).cast("float64") / length).floor().cast("int64")


def hour_of_day(time: "ibis.expr.types.TimestampValue") -> "ibis.expr.types.IntegerValue":
    """The hour in UTC, 0 to 23.

    >>> import ibis
    >>> int(hour_of_day(ibis.timestamp("1969-12-31 23:59:59")).to_pyarrow().as_py())
    23
    """
    return ((part(time, HOUR) % 24) + 24) % 24


def day_of_week(time: "ibis.expr.types.TimestampValue") -> "ibis.expr.types.IntegerValue":
    """The day in UTC, 0 for Monday to 6 for Sunday.

    >>> import ibis
    >>> int(day_of_week(ibis.timestamp("2024-02-29 12:00:00")).to_pyarrow().as_py())  # a Thursday
    3
    """
    return ((part(time, DAY) + 3) % 7 + 7) % 7
