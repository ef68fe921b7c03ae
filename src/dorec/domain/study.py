"""A table with roles: what effects are estimated from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dorec.domain.errors import (
    ArmTooSmall,
    BadPropensity,
    ColumnNotFound,
    InputError,
    MeasuredAfterTreatment,
    NotFinite,
    OneArm,
    TooFewUnits,
)
from dorec.domain.estimate import fingerprint
from dorec.domain.table import column, is_numeric, to_arrow
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa

Missing = Literal["refuse", "indicator", "drop"]
MAX_LEVELS = 30  # of a categorical covariate; rarer ones share the level "other"


@dataclass(frozen=True, eq=False, kw_only=True)
class Study:
    """Units with an outcome, a treatment and covariates from before the treatment.

    Make one with `Study.from_table`. The first arm is the reference that the others are compared with: the level
    named `control`, else the smallest. A treatment by amount has a `dose` in the place of arms.

    Example:
        >>> table = {"t": ["email", "none"] * 6, "y": range(12), "age": range(20, 32)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["age"], control="none")
        >>> study.n, study.arms, study.arm_counts
        (12, ('none', 'email'), {'none': 6, 'email': 6})
    """

    outcome: FloatArray  # (n,)
    treatment: IntArray  # (n,), a position in `arms`
    covariates: FloatArray  # (n, p)
    arms: tuple[Any, ...]  # (k,), the reference first
    covariate_names: tuple[str, ...]  # (p,)
    outcome_name: str = "outcome"
    treatment_name: str = "treatment"
    sample: str = ""  # names the units, so that estimates on the same study can be paired
    unit: AnyArray | None = None  # (n,) ids; folds are hashed from them
    cluster: AnyArray | None = None  # (n,)
    time: AnyArray | None = None  # (n,)
    weight: FloatArray | None = None  # (n,)
    propensity: FloatArray | None = None  # (n, k), known by design
    instruments: FloatArray | None = None  # (n, q)
    instrument_names: tuple[str, ...] = ()  # (q,)
    dose: FloatArray | None = None  # (n,), of a continuous treatment: then `arms` is empty and `treatment` all 0
    source_of: Mapping[str, str] = field(default_factory=dict)  # covariate -> column that it was made from

    def __post_init__(self) -> None:
        if not self.sample:
            what = self.treatment if self.dose is None else self.dose
            name = fingerprint(self.unit, what, self.outcome, self.covariates)
            object.__setattr__(self, "sample", name)

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        outcome: str,
        treatment: str,
        covariates: Sequence[str] = (),
        control: Any = None,
        unit: str | None = None,
        cluster: str | None = None,
        time: str | None = None,
        weight: str | None = None,
        propensity: str | Sequence[str] | None = None,
        instruments: Sequence[str] = (),
        measured_at: Mapping[str, str] | None = None,
        missing: Missing = "refuse",
        continuous: bool = False,
    ) -> "Study":
        """A study from any frame.

        Args:
            table: pandas, polars, pyarrow, DuckDB relation or dict of columns, one row a unit.
            outcome: a numeric column.
            treatment: a column with 2 or more levels.
            covariates: columns measured before the treatment; text becomes indicator columns.
            control: the reference level of the treatment.
            propensity: known by design: one column with the probability of the treatment that was taken, or one column
                for each arm in the order of `arms`.
            time: when each unit was treated (or could have been).
            measured_at: covariate -> column with the time at which it was measured; none may be later than `time`.
            continuous: the treatment is an amount (a price, a number of years), not a set of arms.
            missing: what a missing covariate does: `refuse`, `indicator` (median and a marker column) or `drop`.

        Raises:
            ColumnNotFound, NotFinite, OneArm, ArmTooSmall, BadPropensity, MeasuredAfterTreatment: with the column and
                the remedy.
        """
        roles = [outcome, treatment, *covariates, *instruments]
        twice = sorted({name for name in roles if roles.count(name) > 1})
        if twice:
            raise InputError(f"{', '.join(twice)} stand in more than one role of the study; give each column one role.")
        known = [propensity] if isinstance(propensity, str) else list(propensity or [])
        clocks = dict(measured_at or {})
        others = [name for name in (unit, cluster, time, weight, *clocks.values()) if name]
        arrow = to_arrow(table, list(dict.fromkeys([*roles, *known, *others])))
        if missing == "drop":
            arrow = _without_gaps(arrow)
        if arrow.num_rows < 2:
            raise TooFewUnits(f"the study has {arrow.num_rows} unit(s)", remedy="add rows")
        _check_clocks(arrow, covariates, time, clocks)
        y = _finite(column(arrow, outcome), outcome)
        dose = _dose(column(arrow, treatment), treatment, control) if continuous else None
        codes, arms = np.zeros(arrow.num_rows, dtype=np.int64), tuple[Any, ...]()
        if dose is None:
            codes, arms = _arms(column(arrow, treatment), treatment, control)
        x, names, source = _design([(name, column(arrow, name)) for name in covariates], arrow.num_rows, missing)
        z = [_finite(column(arrow, name), name) for name in instruments]
        return cls(
            outcome=y,
            treatment=codes,
            covariates=x,
            arms=arms,
            covariate_names=names,
            outcome_name=outcome,
            treatment_name=treatment,
            unit=_ids(column(arrow, unit), unit) if unit else None,
            cluster=_ids(column(arrow, cluster), cluster) if cluster else None,
            time=column(arrow, time) if time else None,
            weight=_finite(column(arrow, weight), weight) if weight else None,
            propensity=_propensity([column(arrow, p) for p in known], codes, arms) if known else None,
            instruments=np.stack(z, axis=1) if z else None,
            instrument_names=tuple(instruments),
            dose=dose,
            source_of=source,
        )

    @property
    def n(self) -> int:
        """Number of units."""
        return len(self.outcome)

    @cached_property
    def arm_counts(self) -> dict[Any, int]:
        """Units in each arm."""
        return dict(zip(self.arms, np.bincount(self.treatment, minlength=len(self.arms)).tolist(), strict=True))

    def take(self, rows: AnyArray) -> "Study":
        """The study on some of its rows (positions or a mask), as a sample of its own."""
        per_unit = (
            "outcome",
            "treatment",
            "covariates",
            "unit",
            "cluster",
            "time",
            "weight",
            "propensity",
            "instruments",
            "dose",
        )
        taken: dict[str, Any] = {name: None if (v := getattr(self, name)) is None else v[rows] for name in per_unit}
        return replace(self, sample="", **taken)

    def with_columns(self, **fields: Any) -> "Study":
        """The study with other columns: `study.with_columns(treatment=shuffled)`. The units stay the same."""
        return replace(self, **fields)

    def check_arms(self, min_per_arm: int = 2) -> None:
        """Refuse a study with one arm, or with an arm of fewer than `min_per_arm` units."""
        if self.dose is not None:
            raise InputError(
                f"The treatment {self.treatment_name!r} is an amount, which this estimator can't compare by arms; "
                "cut it into levels, or take one for doses: DoubleML, TwoStageLeastSquares."
            )
        counts = {str(arm): count for arm, count in self.arm_counts.items()}
        told = ", ".join(f"{arm}: {count:,}" for arm, count in counts.items())
        filled = [count for count in counts.values() if count]
        if len(filled) < 2:
            raise OneArm(
                f"every one of {self.n:,} units has the same {self.treatment_name} ({told})",
                remedy="add units that were not treated, or ask about another treatment",
                evidence={"arms": counts},
            )
        if min(filled) < min_per_arm:
            raise ArmTooSmall(
                f"an arm of {self.treatment_name} has fewer than {min_per_arm} units ({told})",
                remedy="merge or drop the small arm, use fewer folds, or collect more units",
                evidence={"arms": counts, "min_per_arm": min_per_arm},
            )


def _without_gaps(arrow: "pa.Table") -> "pa.Table":
    """Rows without a null or a NaN; frames differ in which of the two they use."""
    import pyarrow as pa
    import pyarrow.compute as pc

    arrow = arrow.drop_null()
    for name in arrow.column_names:
        if pa.types.is_floating(arrow.schema.field(name).type):
            arrow = arrow.filter(pc.invert(pc.is_nan(arrow.column(name))))
    return arrow


def _check_clocks(arrow: "pa.Table", covariates: Sequence[str], time: str | None, clocks: Mapping[str, str]) -> None:
    for name, clock in clocks.items():
        if name not in covariates:
            raise ColumnNotFound(name, covariates, where="the covariates of the study")
        if time is None:
            raise InputError("measured_at needs the time of the treatment; name its column with time=.")
        late = np.flatnonzero(column(arrow, clock) > column(arrow, time))
        if len(late):
            raise MeasuredAfterTreatment(
                f"covariate {name!r} was measured after the treatment in {len(late):,} row(s), first in row {late[0]}",
                remedy=f"use the last value of {name!r} from before the treatment, or leave it out",
                evidence={"column": name, "rows": late[:10].tolist()},
            )


def _finite(values: AnyArray, name: str) -> FloatArray:
    if not is_numeric(values):
        raise InputError(f"Column {name!r} holds {values.dtype}, not numbers; cast it first.")
    out = values.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(out))
    if len(bad):
        raise NotFinite(
            f"column {name!r} has {len(bad):,} value(s) that are missing or infinite, the first in row {bad[0]}",
            remedy="drop or repair these rows (missing='drop' drops rows with a missing value)",
            evidence={"column": name, "rows": bad[:10].tolist()},
        )
    return out


def _missing(values: AnyArray) -> BoolArray:
    if values.dtype == object:
        return np.array([v is None or v != v for v in values], dtype=bool)
    if np.issubdtype(values.dtype, np.floating):
        return np.asarray(np.isnan(values))
    return np.zeros(len(values), dtype=bool)


def _ids(values: AnyArray, name: str) -> AnyArray:
    missing = _missing(values)
    if missing.any():
        raise NotFinite(
            f"the id {name!r} is missing in {int(missing.sum()):,} row(s), the first in row {int(missing.argmax())}",
            remedy="drop these rows, or give each an id of its own",
            evidence={"column": name, "rows": np.flatnonzero(missing)[:10].tolist()},
        )
    return values


def _arms(values: AnyArray, name: str, control: Any) -> tuple[IntArray, tuple[Any, ...]]:
    missing = _missing(values)
    if missing.any():
        raise NotFinite(
            f"treatment {name!r} is missing in {int(missing.sum()):,} row(s), the first in row {int(missing.argmax())}",
            remedy="drop these rows, or give 'not treated' a level of its own",
            evidence={"column": name, "rows": np.flatnonzero(missing)[:10].tolist()},
        )
    levels, codes = np.unique(values, return_inverse=True)
    arms = levels.tolist()
    if np.issubdtype(values.dtype, np.floating) and len(arms) > 20:
        raise InputError(
            f"Treatment {name!r} has {len(arms):,} levels and is continuous; bin it into arms first, or give "
            "continuous=True and take an estimator for doses."
        )
    if control is not None:
        if control not in arms:
            raise InputError(f"control is {control!r}; the levels of {name!r} are {', '.join(map(repr, arms))}.")
        first = arms.index(control)
        order = [first, *(i for i in range(len(arms)) if i != first)]
        codes = np.argsort(order)[codes]
        arms = [arms[i] for i in order]
    return codes.astype(np.int64), tuple(arms)


def _dose(values: AnyArray, name: str, control: Any) -> FloatArray:
    if control is not None:
        raise InputError(f"control is {control!r}, but {name!r} is continuous and has no arms; leave control out.")
    dose = _finite(values, name)
    if np.ptp(dose) == 0:
        raise OneArm(
            f"every one of {len(dose):,} units has the same {name} ({dose[0]:g})",
            remedy="add units with another amount, or ask about another treatment",
            evidence={"dose": float(dose[0])},
        )
    return dose


def _design(
    columns: Sequence[tuple[str, AnyArray]], n: int, missing: Missing
) -> tuple[FloatArray, tuple[str, ...], dict[str, str]]:
    """Covariates as one float matrix, its column names, and the column each was made from."""
    parts: list[FloatArray] = []
    names: list[str] = []
    source: dict[str, str] = {}
    for name, values in columns:
        made = _numeric(name, values, missing) if is_numeric(values) else _indicators(name, values, missing)
        for label, column_values in made:
            parts.append(column_values)
            names.append(label)
            source[label] = name
    return (np.stack(parts, axis=1) if parts else np.empty((n, 0))), tuple(names), source


def _numeric(name: str, values: AnyArray, missing: Missing) -> list[tuple[str, FloatArray]]:
    x = values.astype(np.float64)
    infinite = np.flatnonzero(np.isinf(x))
    if len(infinite):
        raise NotFinite(f"covariate {name!r} is infinite in row {infinite[0]}", remedy="repair or drop the row")
    gap = np.isnan(x)
    if not gap.any():
        return [(name, x)]
    _refuse_missing(name, int(gap.sum()), int(gap.argmax()), missing)
    filled = np.where(gap, np.nanmedian(x) if not gap.all() else 0.0, x)
    return [(name, filled), (f"{name} is missing", gap.astype(np.float64))]


def _indicators(name: str, values: AnyArray, missing: Missing) -> list[tuple[str, FloatArray]]:
    gap = _missing(values)
    if gap.any():
        _refuse_missing(name, int(gap.sum()), int(gap.argmax()), missing)
    text = np.where(gap, "missing", values.astype(str)).astype(str)
    levels, counts = np.unique(text, return_counts=True)
    if len(levels) > MAX_LEVELS:
        text = np.where(np.isin(text, levels[np.argsort(-counts, kind="stable")[: MAX_LEVELS - 1]]), text, "other")
        levels = np.unique(text)
    return [(f"{name}={level}", (text == level).astype(np.float64)) for level in levels[1:]]


def _refuse_missing(name: str, count: int, first: int, missing: Missing) -> None:
    if missing == "refuse":
        raise NotFinite(
            f"covariate {name!r} is missing in {count:,} row(s), the first in row {first}",
            remedy="give missing='indicator' to fill it and mark the gap, or missing='drop'",
            evidence={"column": name, "rows_missing": count},
        )


def _propensity(columns: Sequence[AnyArray], codes: IntArray, arms: tuple[Any, ...]) -> FloatArray:
    p = np.stack([c.astype(np.float64) for c in columns], axis=1)
    if p.shape[1] == 1:
        if len(arms) != 2:
            raise BadPropensity(
                f"one propensity column was given for {len(arms)} arms",
                remedy="give one column for each arm, in the order of the arms",
            )
        taken = p[:, 0]
        p = np.where((codes == 1)[:, None], np.stack([1 - taken, taken], 1), np.stack([taken, 1 - taken], 1))
    if p.shape[1] != len(arms):
        raise BadPropensity(f"{p.shape[1]} propensity columns for {len(arms)} arms", remedy="give one for each arm")
    bad = ~np.isfinite(p).all(axis=1) | (p <= 0).any(axis=1) | (np.abs(p.sum(axis=1) - 1) > 1e-6)
    if bad.any():
        row = int(bad.argmax())
        raise BadPropensity(
            f"{int(bad.sum()):,} row(s) have propensities outside (0, 1) or not summing to one, the first row {row}: "
            f"{p[row].tolist()}",
            remedy="repair these rows, or drop the propensity column and let it be estimated",
            evidence={"rows": np.flatnonzero(bad)[:10].tolist()},
        )
    return p
