"""From a long table of units and times to rows in order, and which of them follow each other."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.discover.columns import numeric_columns
from dorec.domain.errors import InputError, NotFinite
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Panel:
    """The rows of a long table, sorted by unit and time."""

    names: tuple[str, ...]
    values: FloatArray  # (n, d), finite
    unit: IntArray  # (n,), codes from 0, in the order of the labels
    moment: IntArray  # (n,), codes of the different times, from 0
    follows: BoolArray  # (n,), whether the row is one step after the row before it, of the same unit
    n_gaps: int  # places inside a unit where a row is more, or less, than one step after the one before


def read_panel(table: Any, unit: str | None, time: str | None) -> Panel:
    """The panel in a table: one row for each unit and time; every other column is a variable.

    One step of time is the commonest difference between neighbouring rows of a unit.

    Args:
        table: any frame.
        unit: the column that says whose row it is; None for a single series.
        time: a column of whole numbers or dates; None where the rows stand in order, one step apart.

    Raises:
        InputError: time is neither numbers nor dates, a unit has two rows of one time, or columns are text.
        NotFinite: a unit, a time or a value is missing.
        ColumnNotFound, TooFewUnits, ConstantColumn: as they say.

    Example:
        >>> rows = {"user": ["a"] * 6 + ["b"] * 6, "day": [1, 2, 3, 5, 6, 7] * 2, "x": range(12), "y": [0, 1] * 6}
        >>> panel = read_panel(rows, "user", "day")
        >>> panel.names, panel.n_gaps, panel.follows.astype(int).tolist()
        (('x', 'y'), 2, [0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1])
    """
    arrow = to_arrow(table)
    n = arrow.num_rows
    labels = np.zeros(n, dtype=np.int64) if unit is None else _labels(column(arrow, unit), unit)
    when = np.arange(n) if time is None else _times(column(arrow, time), time)
    names, values = numeric_columns(
        arrow.select([name for name in arrow.column_names if name not in (unit, time)]), "LagPC", "0/1 columns"
    )
    order = np.lexsort((when, labels))
    labels, when, values = labels[order], when[order], values[order]
    same = np.zeros(n, dtype=bool)
    same[1:] = labels[1:] == labels[:-1]
    apart = np.diff(when, prepend=when[:1])
    if (same & (apart == 0)).any():
        twice = int((same & (apart == 0)).sum())
        advice = "sum them, or name the column of the units as unit=" if unit is None else "sum or drop them"
        raise InputError(f"{twice:,} rows have the {time} of another row of the same unit; {advice}.")
    follows = same & (apart == _step(apart[same]))
    return Panel(names, values, labels, np.unique(when, return_inverse=True)[1], follows, int((same & ~follows).sum()))


def _labels(values: AnyArray, name: str) -> IntArray:
    _refuse_gaps(values, name)
    return np.unique(values.astype(str) if values.dtype == object else values, return_inverse=True)[1].astype(np.int64)


def _times(values: AnyArray, name: str) -> IntArray:
    _refuse_gaps(values, name)
    if values.dtype.kind == "M" or values.dtype.kind in "iu":
        return values.astype(np.int64)
    if values.dtype.kind == "f" and (values == np.round(values)).all():
        return values.astype(np.int64)
    if values.dtype == object and all(hasattr(v, "toordinal") for v in values.tolist()):
        return values.astype("datetime64[us]").astype(np.int64)
    raise InputError(
        f"Column {name!r} is of type {values.dtype}; time has to be whole numbers or dates. "
        "Parse text as dates, and number periods of different lengths (as months) 0, 1, 2, ..."
    )


def _refuse_gaps(values: AnyArray, name: str) -> None:
    if values.dtype == object:
        missing = np.array([v is None or v != v for v in values.tolist()], dtype=bool)
    elif values.dtype.kind in "mM":
        missing = np.isnat(values)
    else:
        missing = ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
    if missing.any():
        raise NotFinite(
            f"{int(missing.sum()):,} rows have no {name}", remedy="drop these rows", evidence={"columns": [name]}
        )


def _step(apart: IntArray) -> int:
    """The commonest difference, the smallest of them where several are equally common."""
    if not len(apart):
        return 1
    step, times = np.unique(apart, return_counts=True)
    return int(step[times.argmax()])
