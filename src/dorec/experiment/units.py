"""From the rows of a table to the units that were randomised: totals per unit, and the arm of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dorec.domain.errors import ArmTooSmall, InputError, NotFinite, NotIndependent, OneArm
from dorec.domain.estimate import fingerprint
from dorec.domain.table import column, is_numeric, to_arrow
from dorec.domain.verdict import Verdict
from dorec.experiment.metrics import ROWS, Metric, Proportion, columns_of
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa

ROW = "row"
USUAL_UNIT = "user_id"  # the name by which events and users are joined everywhere


@dataclass(frozen=True, eq=False)
class Units:
    """Randomised units: their arm, and the total of each column over their rows."""

    names: tuple[str, ...]  # (c,) the columns, ROWS first
    totals: FloatArray  # (g, c)
    arm: IntArray  # (g,)
    arms: tuple[Any, ...]  # (k,), the control first
    sample: str
    verdicts: tuple[Verdict, ...]

    def of_arm(self, arm: int) -> FloatArray:
        """The totals of one arm's units."""
        return self.totals[self.arm == arm]


def read_units(table: Any, treatment: str, metrics: Sequence[Metric], control: Any, unit: str | None) -> Units:
    """The units of a table.

    Args:
        table: any frame.
        treatment: the column of arms.
        metrics: whose columns are read.
        control: the reference arm; the smallest level by default.
        unit: the column that was randomised. By default `user_id` where the table has it, else each row. "row" insists
            on rows, and is refused where users repeat.
    """
    arrow = to_arrow(table)
    key, told = _unit_column(arrow, unit)
    codes, arms = _arms(column(arrow, treatment), treatment, control)
    names = tuple(dict.fromkeys(c for m in metrics for c in columns_of(m)))
    columns = [_numbers(arrow, name) for name in names]
    for metric in metrics:
        if isinstance(metric, Proportion):
            _zero_or_one(columns[names.index(metric.column)], metric.column)
    rows = np.stack([np.ones(arrow.num_rows), *columns], axis=1)
    ids = None if key is None else column(arrow, key)
    sample = fingerprint(codes, rows, ids)
    if key is None or ids is None:
        return Units((ROWS, *names), rows, codes, arms, sample, told)
    totals, arm = _totals(rows, codes, ids, key, arms)
    return Units((ROWS, *names), totals, arm, arms, sample, told)


def _unit_column(arrow: "pa.Table", unit: str | None) -> tuple[str | None, tuple[Verdict, ...]]:
    asked_for_rows = unit == ROW and ROW not in arrow.column_names
    if unit is not None and not asked_for_rows:
        return unit, ()
    if USUAL_UNIT not in arrow.column_names:
        return None, ()
    distinct = len(arrow.column(USUAL_UNIT).unique())
    if distinct == arrow.num_rows:
        return None, ()
    told = f"{arrow.num_rows:,} rows come from {distinct:,} values of {USUAL_UNIT!r}"
    if asked_for_rows:
        raise NotIndependent(
            f"{told}, so rows are not independent and intervals that take them so are too narrow",
            remedy=f"leave unit out, or give unit={USUAL_UNIT!r}",
            evidence={"rows": arrow.num_rows, "units": distinct},
        )
    return USUAL_UNIT, (
        Verdict(
            check="independent units",
            status="passed",
            code="grouped_by_unit",
            statistic=float(distinct),
            meaning=f"{told}; they were taken as the randomised units.",
        ),
    )


def _totals(
    rows: FloatArray, codes: IntArray, ids: AnyArray, key: str, arms: tuple[Any, ...]
) -> tuple[FloatArray, IntArray]:
    nameless = np.flatnonzero(_missing(ids))
    if len(nameless):
        raise NotFinite(
            f"{key!r} is missing in {len(nameless):,} row(s), the first row {nameless[0]}: they would be one unit",
            remedy="give each its own id, or name another column that was randomised as unit; drop these rows only if "
            "they are missing alike in every arm",
            evidence={"column": key, "rows": nameless[:10].tolist()},
        )
    values = ids.astype(str) if ids.dtype == object else ids
    labels, group = np.unique(values, return_inverse=True)
    n = len(labels)
    lowest, highest = np.full(n, len(arms)), np.full(n, -1)
    np.minimum.at(lowest, group, codes)
    np.maximum.at(highest, group, codes)
    crossed = np.flatnonzero(lowest != highest)
    if len(crossed):
        first = crossed[0]
        raise InputError(
            f"{len(crossed):,} of {n:,} values of {key!r} are in more than one arm, the first {labels[first]!r} in "
            f"{arms[lowest[first]]!r} and {arms[highest[first]]!r}; drop them, or name the column that was randomised."
        )
    return np.stack([np.bincount(group, weights=c, minlength=n) for c in rows.T], axis=1), lowest


def _arms(values: AnyArray, name: str, control: Any) -> tuple[IntArray, tuple[Any, ...]]:
    missing = _missing(values)
    if missing.any():
        raise NotFinite(f"{name!r} is missing in {int(missing.sum()):,} row(s)", remedy="drop these rows")
    levels, codes = np.unique(values, return_inverse=True)
    arms = levels.tolist()
    if len(arms) < 2:
        raise OneArm(f"every row has the same {name!r}: {arms[:1]}", remedy="add the rows of the other arm")
    if len(arms) > 50:
        raise InputError(
            f"{name!r} has {len(arms):,} levels; an experiment has at most 50 arms. Is it the right column?"
        )
    if control is not None and control not in arms:
        raise InputError(f"control is {control!r}; the levels of {name!r} are {', '.join(map(repr, arms))}.")
    if control is not None:
        first = arms.index(control)
        order = [first, *(i for i in range(len(arms)) if i != first)]
        codes, arms = np.argsort(order)[codes], [arms[i] for i in order]
    smallest = int(np.bincount(codes).min())
    if smallest < 2:
        raise ArmTooSmall(f"an arm of {name!r} has {smallest} row(s)", remedy="drop the arm, or add rows")
    return codes.astype(np.int64), tuple(arms)


def _missing(values: AnyArray) -> BoolArray:
    if values.dtype.kind == "O":
        return np.array([v is None or v != v for v in values.tolist()], dtype=bool)
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)


def _numbers(arrow: "pa.Table", name: str) -> FloatArray:
    values = column(arrow, name)
    if not is_numeric(values):
        raise InputError(f"Column {name!r} holds {arrow.column(name).type}, not numbers; cast it first.")
    out = values.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(out))
    if len(bad):
        raise NotFinite(
            f"column {name!r} has {len(bad):,} value(s) that are missing or infinite, the first in row {bad[0]}",
            remedy="fill them where missing means 0, else drop the metric: dropping rows can undo the randomisation",
            evidence={"column": name, "rows": bad[:10].tolist()},
        )
    return out


def _zero_or_one(values: FloatArray, name: str) -> None:
    bad = np.flatnonzero((values != 0) & (values != 1))
    if len(bad):
        raise InputError(
            f"Proportion({name!r}) needs 0 and 1; row {bad[0]} has {values[bad[0]]:g}. Use Mean({name!r}) for numbers."
        )
