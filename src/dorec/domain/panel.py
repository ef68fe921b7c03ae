"""Units that are seen at several times, and when their treatment began."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from dorec.domain.errors import InputError, NotFinite, TooFewUnits
from dorec.domain.estimate import fingerprint
from dorec.domain.table import column, is_numeric, to_arrow
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False, kw_only=True)
class Panel:
    """A balanced panel: every unit at every time, and from which time on each was treated.

    Make one with `Panel.from_table`.

    Example:
        >>> rows = {"shop": ["a", "a", "b", "b"], "week": [1, 2, 1, 2], "sales": [3.0, 5.0, 2.0, 2.5]}
        >>> panel = Panel.from_table(rows | {"promo": [2, 2, None, None]},
        ...                          unit="shop", time="week", outcome="sales", treated_from="promo")
        >>> panel.outcome.tolist(), panel.starts.tolist(), panel.n_never
        ([[3.0, 5.0], [2.0, 2.5]], [1, 2], 1)
    """

    outcome: FloatArray  # (n, t)
    units: AnyArray  # (n,) ids, sorted
    times: AnyArray  # (t,), ascending
    starts: IntArray  # (n,) position in `times` of the first treated one; t where it lies after the panel or never
    covariates: FloatArray  # (n, p), as they were at the first time
    covariate_names: tuple[str, ...] = ()
    cluster: AnyArray | None = None  # (n,)
    outcome_name: str = "outcome"
    sample: str = ""  # names the units, so that estimates on the same panel can be paired

    def __post_init__(self) -> None:
        if not self.sample:
            name = fingerprint(self.units, self.starts, self.outcome, self.covariates)
            object.__setattr__(self, "sample", name)

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        unit: str,
        time: str,
        outcome: str,
        treated_from: str | None = None,
        treated: str | None = None,
        covariates: Sequence[str] = (),
        cluster: str | None = None,
    ) -> "Panel":
        """A panel from a long table, one row for each unit and time.

        Args:
            table: pandas, polars, pyarrow, DuckDB relation or dict of columns.
            time: numbers or dates; neighbouring different times are one period apart.
            treated_from: first treated time of the row's unit, missing where it is never treated.
            treated: in its place, whether the unit is treated in this row (0 or 1).
            covariates: numeric columns, taken as they are at the first time.
            cluster: groups of units that are not independent, one for each unit.

        Raises:
            InputError: a unit has two rows of one time or lacks a time, changes its start or its cluster, or loses its
                treatment again.
            NotFinite: an id, a time, an outcome or a covariate is missing or infinite.
            TooFewUnits: one time or one unit.
            ColumnNotFound: with the nearest name.
        """
        if (treated_from is None) == (treated is None):
            raise InputError("Name either treated_from= (the first treated time) or treated= (0 or 1 in each row).")
        start = treated_from or str(treated)
        names = [unit, time, outcome, start, *covariates, *([cluster] if cluster else [])]
        arrow = to_arrow(table, list(dict.fromkeys(names)))
        units, who = _ids(column(arrow, unit), unit)
        times, when = np.unique(_moments(column(arrow, time), time), return_inverse=True)
        _check_balance(units, times, who, when, (unit, time))
        order = np.lexsort((when, who))
        shape = (len(units), len(times))
        began = column(arrow, start)[order].reshape(shape)
        starts = _from_flags(began, units, start) if treated else _from_times(began, units, times, start)
        return cls(
            outcome=_finite(arrow, outcome)[order].reshape(shape),
            units=units,
            times=times,
            starts=starts,
            covariates=_first_values(arrow, covariates, order, shape),
            covariate_names=tuple(covariates),
            cluster=_clusters(arrow, cluster, order, shape, units) if cluster else None,
            outcome_name=outcome,
        )

    @property
    def n(self) -> int:
        """Number of units."""
        return len(self.outcome)

    @property
    def n_times(self) -> int:
        """Number of times."""
        return self.outcome.shape[1]

    @cached_property
    def n_never(self) -> int:
        """Units that are not treated within the panel."""
        return int((self.starts == self.n_times).sum())

    @cached_property
    def group_sizes(self) -> dict[Any, int]:
        """Units by their first treated time, those that are not treated within the panel left out."""
        size = np.bincount(self.starts, minlength=self.n_times + 1)
        return {self.times[g].item(): int(size[g]) for g in range(self.n_times) if size[g]}


def _missing(values: AnyArray) -> BoolArray:
    if values.dtype == object:
        return np.array([v is None or v != v for v in values], dtype=bool)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)


def _refuse_missing(values: AnyArray, name: str) -> None:
    gap = _missing(values)
    if gap.any():
        raise NotFinite(
            f"{name!r} is missing in {int(gap.sum()):,} row(s), the first in row {int(gap.argmax())}",
            remedy="repair these rows, or drop their units",
            evidence={"column": name, "rows": np.flatnonzero(gap)[:10].tolist()},
        )


def _ids(values: AnyArray, name: str) -> tuple[AnyArray, IntArray]:
    _refuse_missing(values, name)
    labels, codes = np.unique(values.astype(str) if values.dtype == object else values, return_inverse=True)
    return labels, codes.astype(np.int64)


def _moments(values: AnyArray, name: str, missing: bool = False) -> AnyArray:
    """Numbers or dates as an array that sorts."""
    if not missing:
        _refuse_missing(values, name)
    if values.dtype == object:
        known = [v for v in values.tolist() if v is not None and v == v]
        if all(hasattr(v, "toordinal") for v in known):
            return values.astype("datetime64[us]")
        raise InputError(f"Column {name!r} holds text; give numbers or dates, which have an order.")
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]")
    if values.dtype.kind not in "iufb":
        raise InputError(f"Column {name!r} holds {values.dtype}; give numbers or dates, which have an order.")
    return values


def _finite(arrow: "pa.Table", name: str) -> FloatArray:
    values = column(arrow, name)
    if not is_numeric(values):
        raise InputError(f"Column {name!r} holds {values.dtype}, not numbers; cast it first.")
    out = values.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(out))
    if len(bad):
        raise NotFinite(
            f"column {name!r} has {len(bad):,} missing or infinite value(s), the first in row {bad[0]}",
            remedy="repair these rows, or drop their units",
            evidence={"column": name, "rows": bad[:10].tolist()},
        )
    return out


def _check_balance(units: AnyArray, times: AnyArray, who: IntArray, when: IntArray, names: tuple[str, str]) -> None:
    if len(times) < 2 or len(units) < 2:
        raise TooFewUnits(
            f"the panel has {len(units):,} unit(s) and {len(times):,} time(s)",
            remedy="give two or more of both, some times from before the treatment",
        )
    count = np.bincount(who * len(times) + when, minlength=len(units) * len(times)).reshape(len(units), len(times))
    if (count > 1).any():
        i, j = np.argwhere(count > 1)[0]
        raise InputError(
            f"{int((count > 1).sum()):,} pairs of {names[0]} and {names[1]} have more than one row, the first "
            f"{units[i]!s} at {times[j]!s}; sum them or drop the copies."
        )
    if (count == 0).any():
        i, j = np.argwhere(count == 0)[0]
        raise InputError(
            f"The panel is not balanced: {int((count == 0).any(axis=1).sum()):,} of {len(units):,} units lack a time, "
            f"the first {units[i]!s} at {times[j]!s}; fill these rows, or drop the units or times."
        )


def _from_times(began: AnyArray, units: AnyArray, times: AnyArray, name: str) -> IntArray:
    """Positions of the first treated time, from the time itself in every row of a unit, (n, t)."""
    values = _moments(began.ravel(), name, missing=True).reshape(began.shape)
    gap = _missing(values.ravel()).reshape(values.shape)
    first = values[:, :1]
    changes = ((values != first) & ~(gap & gap[:, :1])).any(axis=1)
    if changes.any():
        raise InputError(
            f"{int(changes.sum()):,} unit(s) have more than one value of {name!r}, the first "
            f"{units[changes.argmax()]!s}; give the first treated time in every row of a unit, "
            "missing where it is never treated."
        )
    starts = np.full(len(units), len(times), dtype=np.int64)
    known = ~gap[:, 0]
    if known.any() and (values.dtype.kind == "M") != (times.dtype.kind == "M"):
        raise InputError(f"{name!r} and the time are not of one kind; give both as numbers or both as dates.")
    starts[known] = np.searchsorted(times, first[known, 0])
    return starts


def _from_flags(flags: AnyArray, units: AnyArray, name: str) -> IntArray:
    """Positions of the first treated time, from 0 or 1 at each time, (n, t)."""
    _refuse_missing(flags.ravel(), name)
    if not np.isin(flags, (0, 1)).all():
        raise InputError(f"Column {name!r} holds more than 0 and 1; name the first treated time with treated_from=.")
    on = flags.astype(bool)
    back = (on[:, :-1] & ~on[:, 1:]).any(axis=1)
    if back.any():
        raise InputError(
            f"{int(back.sum()):,} unit(s) lose their treatment again, the first {units[back.argmax()]!s}; a panel has "
            "one start for each unit: cut it before the treatment ends, or ask about the start of the first one."
        )
    return np.where(on.any(axis=1), on.argmax(axis=1), on.shape[1]).astype(np.int64)


def _first_values(arrow: "pa.Table", names: Sequence[str], order: IntArray, shape: tuple[int, int]) -> FloatArray:
    columns = [_finite(arrow, name)[order].reshape(shape)[:, 0] for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((shape[0], 0))


def _clusters(arrow: "pa.Table", name: str, order: IntArray, shape: tuple[int, int], units: AnyArray) -> AnyArray:
    labels, codes = _ids(column(arrow, name), name)
    wide = codes[order].reshape(shape)
    moved = (wide != wide[:, :1]).any(axis=1)
    if moved.any():
        raise InputError(
            f"{int(moved.sum()):,} unit(s) change their {name!r}, the first {units[moved.argmax()]!s}; give each one."
        )
    return np.asarray(labels[wide[:, 0]])
