"""Interrupted time series: level and slope of one series after an event, against what its past says."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from dorec.domain.errors import ColumnNotFound, ConfigError, ConstantColumn, InputError, NotFinite, TooFewUnits
from dorec.domain.estimate import Estimate, fingerprint
from dorec.domain.explanation import Figure
from dorec.domain.run import RunContext
from dorec.domain.table import column, is_numeric, to_arrow
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.serial_errors import SeriesFit, autoregressive_fit, long_run_fit

DEFAULT_CONTEXT = RunContext()
UNEVEN = 1.5  # longest step over the shortest (months have 1.11)
LONG = 1_000  # times from which intervals by the long-run covariance hold their level: with 400 they cover .91 to .94


@dataclass(frozen=True, kw_only=True, eq=False)
class InterruptedSeries:
    """One series, and from when it was interrupted.

    Example:
        >>> table = {"week": range(30), "orders": np.sin(np.arange(30.0))}
        >>> series = InterruptedSeries.from_table(table, time="week", outcome="orders", start=20)
        >>> series.start, len(series.outcome)
        (20, 30)
    """

    outcome: FloatArray  # (n,) in the order of time
    times: AnyArray  # (n,) evenly spaced
    start: int  # position of the first time after the interruption
    control: FloatArray | None = None  # (n,) of a series that was not interrupted
    outcome_name: str = "outcome"

    def __post_init__(self) -> None:
        n = len(self.outcome)
        for name, values in ((self.outcome_name, self.outcome), ("control", self.control)):
            if values is None:
                continue
            if np.shape(values) != (n,) or np.shape(self.times) != (n,):
                raise InputError(
                    f"{n} outcomes, times {np.shape(self.times)} and {name!r} {np.shape(values)} don't fit."
                )
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                raise NotFinite(
                    f"{name!r} is missing or infinite at {len(bad)} time(s), the first {self.times[bad[0]]!s}",
                    remedy="fill or drop these times; a gap in the middle of a series can't be dropped",
                    evidence={"rows": bad[:10].tolist()},
                )

    @classmethod
    def from_table(
        cls, table: Any, *, time: str, outcome: str, start: Any, control: str | None = None
    ) -> "InterruptedSeries":
        """A series from any frame, one row a time.

        Args:
            table: pandas, polars, pyarrow, DuckDB relation or dict of columns.
            time: a column of numbers or dates, evenly spaced, each once.
            outcome: a numeric column.
            start: the first time at which the outcome was under the interruption.
            control: a series in the same units that the interruption did not reach.

        Raises:
            ColumnNotFound, NotFinite, InputError: what is missing, uneven or repeated.
        """
        names = [time, outcome, *([control] if control else [])]
        arrow = to_arrow(table, names)
        moments = column(arrow, time)
        if moments.dtype == object:
            moments = moments.astype("datetime64[us]")
        order = np.argsort(moments, kind="stable")
        moments = moments[order]
        steps = np.diff(moments).astype(np.float64)
        if len(steps) and steps.min() <= 0:
            raise InputError(f"{time!r} has a time more than once ({moments[1:][steps <= 0][0]!s}); sum rows first.")
        if len(steps) and steps.max() > UNEVEN * steps.min():
            raise InputError(
                f"{time!r} is not evenly spaced: after {moments[:-1][int(steps.argmax())]!s} there is a gap; fill it."
            )
        after = moments >= np.asarray(start).astype(moments.dtype)
        values = []
        for name in names[1:]:
            found = column(arrow, name)
            if not is_numeric(found):
                raise ColumnNotFound(name, [], where="the numeric columns")
            values.append(found.astype(np.float64)[order])
        return cls(
            outcome=values[0],
            times=moments,
            start=int(after.argmax()) if after.any() else len(moments),
            control=values[1] if control else None,
            outcome_name=outcome,
        )


@dataclass(frozen=True, kw_only=True)
class InterruptedTimeSeries:
    """Segmented regression of one series (Wagner, Soumerai, Zhang, Ross-Degnan 2002,
    doi:10.1046/j.1365-2710.2002.00430.x): a change of level and of slope at a known time.

    The counterfactual is the line (and season) of the time before, drawn on; with a control series it is that line plus
    what the control did, so that what reached both is taken out. Nothing else may have changed at that time: that is an
    assumption no series can test.

    Args:
        errors: "ar1" fits autoregressive errors by restricted likelihood; "hac" takes least squares with Newey and
            West's covariance, which has an interval from 1,000 times on.
        season: times in a season (12 for months, 7 for days), or none; each has a level of its own.
        lags: of "hac".
        min_before: times before the interruption; with a season, two seasons or more.
        min_after: times after it.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> week = np.arange(80)
        >>> orders = 50 + 0.2 * week + 8.0 * (week >= 50) + rng.normal(size=80)
        >>> series = InterruptedSeries.from_table({"w": week, "y": orders}, time="w", outcome="y", start=50)
        >>> model = InterruptedTimeSeries().fit(series)
        >>> model.changes().name, abs(model.changes()["level change"].value - 8) < 2
        (('level change', 'slope change'), True)
    """

    errors: Literal["ar1", "hac"] = "ar1"
    season: int | None = None
    lags: int | None = None
    min_before: int = 12
    min_after: int = 6

    def __post_init__(self) -> None:
        if self.errors not in ("ar1", "hac"):
            raise ConfigError(f"errors is {self.errors!r}; allowed: 'ar1', 'hac'.")
        if self.season is not None and self.season < 2:
            raise ConfigError(f"season is {self.season}; give the times in one season, 2 or more, or none.")
        if self.min_before < 8 or self.min_after < 4:
            raise ConfigError(
                f"min_before is {self.min_before} and min_after {self.min_after}; give 8 and 4 or more: below, no line "
                "can be told from its errors."
            )

    def fit(self, series: InterruptedSeries, *, context: RunContext = DEFAULT_CONTEXT) -> "InterruptedSeriesModel":
        """The segmented regression.

        Raises:
            TooFewUnits: too few times before or after the interruption.
            ConstantColumn: the series does not vary.
        """
        del context
        n, start = len(series.outcome), series.start
        before = max(self.min_before, 2 * (self.season or 0))
        if start < before or n - start < self.min_after:
            raise TooFewUnits(
                f"the series has {start} time(s) before the interruption and {n - start} after it",
                remedy=f"give {before} before and {self.min_after} after, or shorter periods (weeks for months)",
                evidence={"before": start, "after": n - start, "least": [before, self.min_after]},
            )
        y = series.outcome - (0.0 if series.control is None else series.control)
        if np.ptp(y) == 0:
            raise ConstantColumn(f"{series.outcome_name!r} is {y[0]:g} at all times", remedy="check the column")
        X = segmented_design(n, start, self.season)
        fit = autoregressive_fit(X, y) if self.errors == "ar1" else long_run_fit(X, y, self.lags)
        return InterruptedSeriesModel(learner=self, series=series, design=X, fit_=fit)


@dataclass(frozen=True, kw_only=True, eq=False)
class InterruptedSeriesModel:
    """The series beside its counterfactual.

    Example:
        >>> y = np.arange(40.0) % 3 + 5.0 * (np.arange(40) >= 25)
        >>> series = InterruptedSeries(outcome=y, times=np.arange(40), start=25)
        >>> model = InterruptedTimeSeries(season=3).fit(series)
        >>> round(model.ate().value, 6), model.counterfactual.round(6).tolist()[25:28]
        (5.0, [1.0, 2.0, 0.0])
    """

    learner: InterruptedTimeSeries
    series: InterruptedSeries
    design: FloatArray = field(repr=False)  # (n, q)
    fit_: SeriesFit = field(repr=False)
    estimand: str = ""

    @property
    def autocorrelation(self) -> float:
        """Correlation of an error with the one before."""
        return self.fit_.autocorrelation

    @property
    def counterfactual(self) -> FloatArray:
        """What the series would have been without the interruption, (n,)."""
        kept = self.fit_.coefficients.copy()
        kept[2:4] = 0.0
        out = self.design @ kept
        return np.asarray(out if self.series.control is None else out + self.series.control)

    def changes(self) -> Estimate:
        """The change of the level at the interruption and of the slope by time, (2,)."""
        return self._of(np.eye(2), ("level change", "slope change"))

    def ate(self) -> Estimate:
        """The mean of the series after the interruption less its counterfactual's."""
        middle = (len(self.series.outcome) - self.series.start - 1) / 2
        return self._of(np.array([[1.0, middle]]), ("mean effect after the interruption",))[0]

    def effect_at(self, steps: int) -> Estimate:
        """The effect so many times after the first interrupted one, within the series.

        Raises:
            InputError: the series does not reach so far.
        """
        if not 0 <= steps < len(self.series.outcome) - self.series.start:
            raise InputError(f"steps is {steps}; give 0 to {len(self.series.outcome) - self.series.start - 1}.")
        return self._of(np.array([[1.0, float(steps)]]), (f"effect after {steps} time(s)",))[0]

    def figure(self) -> Figure:
        """The series and its counterfactual, as curves."""
        x = np.arange(len(self.series.outcome), dtype=np.float64).tolist()
        lines = (("observed", self.series.outcome), ("without the interruption", self.counterfactual))
        return Figure(
            kind="curve",
            title=f"{self.series.outcome_name}: interrupted at {self.series.times[self.series.start]!s}",
            data={"lines": [{"name": name, "x": x, "y": y.tolist()} for name, y in lines]},
            x_label=f"times since {self.series.times[0]!s}",
            y_label=self.series.outcome_name,
            caption=self._said(),
        )

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the counterfactual is, and whether the time before bends already, which no straight line follows."""
        start, fit = self.series.start, self.fit_
        y = self.series.outcome - (0.0 if self.series.control is None else self.series.control)
        u = np.arange(start) - (start - 1) / 2
        season = self.design[:start, 4:]
        bent = np.column_stack([np.ones(start), u, u**2, season[:, season.std(axis=0) > 0]])
        t = 0.0
        if start - bent.shape[1] >= 4:
            before = autoregressive_fit(bent, y[:start])
            t = float(before.coefficients[2] / max(float(np.sqrt(before.covariance[2, 2])), 1e-300))
        curved = abs(t) > 4.0
        return (
            Verdict(
                check="counterfactual",
                status="passed",
                meaning=self._said(),
                statistic=fit.autocorrelation,
                evidence={"before": start, "after": len(y) - start, "autocorrelation": fit.autocorrelation},
            ),
            Verdict(
                check="straight before the interruption",
                status="warning" if curved else "passed",
                code="bent_before" if curved else "",
                statistic=t,
                meaning="the series bends before the interruption, so that a line drawn on is no counterfactual"
                if curved
                else "a line follows the time before",
                remedy="Give a control series, a season, or a shorter time before." if curved else "",
            ),
        )

    def _said(self) -> str:
        season = f", with a season of {self.learner.season} times" if self.learner.season else ""
        control = "" if self.series.control is None else ", moved as the control series moved"
        return (
            f"the counterfactual is the line of the {self.series.start} times before, drawn on{season}{control}; "
            "nothing else may have changed at that time"
        )

    def _of(self, weights: FloatArray, names: tuple[str, ...]) -> Estimate:
        short = self.learner.errors == "hac" and len(self.series.outcome) < LONG
        exact = float(np.abs(self.fit_.covariance[2:4, 2:4]).max()) <= 1e-24 * float(np.ptp(self.series.outcome)) ** 2
        return Estimate(
            weights @ self.fit_.coefficients[2:4],
            self.fit_.influence[:, 2:4] @ weights.T * (0.0 if exact else 1.0),
            name=names,
            method=f"interrupted time series, {self.learner.errors}",
            estimand=self.estimand or "the series less its own line from before, drawn on",
            sample=fingerprint(self.series.times, self.series.outcome, self.series.control),
            dof=self.fit_.dof,
            no_interval=f"Newey and West's errors are too small in a series of fewer than {LONG} times"
            if short
            else "",
            verdicts=self.verdicts,
        )


def segmented_design(n: int, start: int, season: int | None) -> FloatArray:
    """Level, slope, their changes, and the seasons after the first, (n, 4 + season - 1).

    >>> segmented_design(4, 2, None).tolist()
    [[1.0, -2.0, 0.0, 0.0], [1.0, -1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]]
    """
    since = np.arange(n, dtype=np.float64) - start
    after = (since >= 0).astype(np.float64)
    columns = [np.ones(n), since, after, np.maximum(since, 0.0)]
    if season:
        columns += [(np.arange(n) % season == s).astype(np.float64) for s in range(1, season)]
    return np.stack(columns, axis=1)
