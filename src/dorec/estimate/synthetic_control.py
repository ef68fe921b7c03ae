"""Synthetic control and synthetic difference in differences: a weighted mean of untreated units as the comparison."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from dorec.domain.errors import ConfigError, InputError, NoInterval, NotFinite, OneArm, TooFewUnits
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.explanation import Figure
from dorec.domain.panel import Panel
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import BoolArray, FloatArray
from dorec.numeric.simplex import simplex_weights

DEFAULT_CONTEXT = RunContext()


class Synthetic(NamedTuple):
    """One treated mean against its synthetic comparison."""

    unit_weights: FloatArray  # (controls,)
    time_weights: FloatArray  # (times before,), zeros for the plain synthetic control
    gap: FloatArray  # (t,) treated less synthetic
    effect: float


@dataclass(frozen=True, kw_only=True)
class SyntheticControl:
    """The mean effect on the treated, against a weighted mean of units that are never treated.

    "synthetic_control" matches the outcome before the treatment (Abadie, Diamond, Hainmueller 2010,
    doi:10.1198/jasa.2009.ap08746; the outcomes are the predictors). "synthetic_did" lets levels differ, spreads the
    weights and weighs times too (Arkhangelsky, Athey, Hirshberg, Imbens, Wager 2021, doi:10.1257/aer.20190159).

    Args:
        method: "synthetic_control" or "synthetic_did".

    Example:
        >>> rng = np.random.default_rng(0)
        >>> shop, week = np.repeat(np.arange(25), 20), np.tile(np.arange(20), 25)
        >>> trend = rng.normal(size=(25, 2)) @ np.cumsum(rng.normal(size=(2, 20)), axis=1)
        >>> sales = trend.ravel() + 3.0 * ((shop == 0) & (week >= 15)) + 0.1 * rng.normal(size=500)
        >>> table = {"shop": shop, "week": week, "sales": sales, "start": np.where(shop == 0, 15.0, np.nan)}
        >>> panel = Panel.from_table(table, unit="shop", time="week", outcome="sales", treated_from="start")
        >>> model = SyntheticControl(method="synthetic_did").fit(panel)
        >>> round(model.ate().value), round(model.p_value, 2)
        (3, 0.04)
    """

    method: Literal["synthetic_control", "synthetic_did"] = "synthetic_control"

    def __post_init__(self) -> None:
        if self.method not in ("synthetic_control", "synthetic_did"):
            raise ConfigError(f"method is {self.method!r}; allowed: 'synthetic_control', 'synthetic_did'.")

    def fit(self, panel: Panel, *, context: RunContext = DEFAULT_CONTEXT) -> "SyntheticControlModel":
        """The weights, and the same analysis of every untreated unit as a placebo.

        Raises:
            OneArm: no unit is treated, or none never is.
            TooFewUnits: fewer than 2 untreated units, or than 3 times before the treatment.
            InputError: treatments start at several times.
            NotFinite: the panel holds values that are missing or infinite.
        """
        if not np.isfinite(panel.outcome).all():
            raise NotFinite("the outcome of the panel holds missing or infinite values", remedy="repair the table")
        treated = panel.starts < panel.n_times
        if not treated.any() or treated.all():
            raise OneArm(
                f"{int(treated.sum()):,} of {panel.n:,} units are treated within the panel",
                remedy="give treated units and units that are never treated",
                evidence={"treated": int(treated.sum()), "never": panel.n_never},
            )
        if len(panel.group_sizes) > 1:
            raise InputError(
                f"Treatments start at {len(panel.group_sizes)} times; take one group, or DifferenceInDifferences."
            )
        before = int(panel.starts[treated][0])
        if before < 3 or panel.n_never < 2:
            raise TooFewUnits(
                f"{before} time(s) before the treatment and {panel.n_never} untreated unit(s)",
                remedy="give 3 times or more before it, and 2 untreated units or more",
                evidence={"times_before": before, "never": panel.n_never},
            )
        controls = panel.outcome[~treated]
        found = self._against(panel.outcome[treated].mean(axis=0), controls, before, int(treated.sum()))
        n = len(controls)
        placebos = tuple(
            self._against(controls[i], np.delete(controls, i, axis=0), before, 1)
            for i in context.track(range(n), "placebos", n)
        )
        return SyntheticControlModel(
            learner=self, panel=panel, treated=treated, before=before, found=found, placebos=placebos
        )

    def _against(self, one: FloatArray, others: FloatArray, before: int, n_treated: int) -> Synthetic:
        A, b = others[:, :before].T, one[:before]
        after = len(one) - before
        if self.method == "synthetic_control":
            weights = simplex_weights(A, b)
            gap = one - weights @ others
            return Synthetic(weights, np.zeros(before), gap, float(gap[before:].mean()))
        noise = float(np.diff(others[:, :before], axis=1).std(ddof=1))
        ridge = before * np.sqrt(n_treated * after) * noise**2
        weights = simplex_weights(A, b, ridge=ridge, intercept=True)
        times = simplex_weights(
            others[:, :before],
            others[:, before:].mean(axis=1),
            ridge=len(others) * (1e-6 * noise) ** 2,
            intercept=True,
        )
        gap = one - weights @ others
        gap = gap - times @ gap[:before]
        return Synthetic(weights, times, gap, float(gap[before:].mean()))


@dataclass(frozen=True, kw_only=True, eq=False)
class SyntheticControlModel:
    """The treated beside their synthetic comparison, and each untreated unit beside its own.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> unit, time = np.repeat(np.arange(30), 12), np.tile(np.arange(12), 30)
        >>> y = rng.normal(size=360) + 9.0 * ((unit == 3) & (time >= 8))
        >>> table = {"unit": unit, "time": time, "y": y, "start": np.where(unit == 3, 8.0, np.nan)}
        >>> panel = Panel.from_table(table, unit="unit", time="time", outcome="y", treated_from="start")
        >>> model = SyntheticControl().fit(panel)
        >>> lower, upper = model.interval(0.95)
        >>> bool(lower < 9 < upper), model.gap_figure().kind
        (True, 'curve')
    """

    learner: SyntheticControl
    panel: Panel
    treated: BoolArray  # (n,)
    before: int  # times before the treatment
    found: Synthetic
    placebos: tuple[Synthetic, ...]  # of each untreated unit
    estimand: str = field(default="")

    def ate(self) -> Estimate:
        """Mean effect on the treated over the times since the start; a value without a standard error."""
        return Estimate(
            self.found.effect,
            name="effect on the treated",
            method=self.learner.method,
            estimand=self.estimand,
            sample=self.panel.sample,
            no_interval="one treated mean has no sampling error; ask `interval` for what placebos allow",
            verdicts=self.verdicts,
        )

    @property
    def unit_weights(self) -> dict[str, float]:
        """Weight of each untreated unit that counts, the largest first."""
        names = self.panel.units[~self.treated]
        order = np.argsort(-self.found.unit_weights, kind="stable")
        return {str(names[i]): float(self.found.unit_weights[i]) for i in order if self.found.unit_weights[i] > 1e-9}

    @cached_property
    def p_value(self) -> float:
        """Share of units, the treated among them, with as large a gap after relative to the one before.

        Exact where the treated unit could have been any of them (Abadie, Diamond, Hainmueller 2010).
        """
        mine = self._ratio(self.found)
        return (1 + sum(self._ratio(p) >= mine for p in self.placebos)) / (1 + len(self.placebos))

    def interval(self, level: float = 0.95) -> Interval:
        """Effects that the placebos do not reject: holds where one unit is treated, and could have been any other.

        Raises:
            NoInterval: several units are treated together, or too few placebos for the level.
        """
        if not 0 < level < 1:
            raise InputError(f"level is {level}; give a probability between 0 and 1, as in 0.95.")
        needed = int(np.ceil(level * (len(self.placebos) + 1) - 1e-9))
        if self.treated.sum() > 1 or needed > len(self.placebos):
            raise NoInterval(
                f"{int(self.treated.sum())} treated unit(s) and {len(self.placebos)} placebos have no interval of "
                f"level {level:g}",
                remedy="take a lower level, give more untreated units, or DifferenceInDifferences for many treated",
                evidence={"treated": int(self.treated.sum()), "placebos": len(self.placebos)},
            )
        width = float(np.sort(np.abs([p.effect for p in self.placebos]))[needed - 1])
        return Interval(self.found.effect - width, self.found.effect + width)

    def gap_figure(self) -> Figure:
        """Treated less synthetic at each time, as a curve."""
        times = np.arange(self.panel.n_times, dtype=np.float64)
        return Figure(
            kind="curve",
            title=f"{self.panel.outcome_name}: treated less synthetic",
            data={"lines": [{"name": "gap", "x": times.tolist(), "y": self.found.gap.tolist()}]},
            x_label=f"periods since {self.panel.times[0]}",
            y_label="gap",
            caption=f"The treatment starts at {self.panel.times[self.before]}.",
        )

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Whether the synthetic unit follows the treated one before the treatment."""
        gap = self.found.gap[: self.before] - (
            self.found.gap[: self.before].mean() if self.learner.method == "synthetic_did" else 0.0
        )
        miss = float(np.sqrt((gap**2).mean()))
        spread = float(self.panel.outcome[~self.treated, : self.before].std(axis=0).mean()) or 1.0
        good = miss <= 0.25 * spread
        return (
            Verdict(
                check="fit before the treatment",
                status="passed" if good else "warning",
                code="" if good else "poor_fit_before",
                statistic=miss / spread,
                meaning=f"before the treatment the synthetic unit misses by {miss:.3g}, {miss / spread:.0%} of the "
                "spread between untreated units",
                remedy="" if good else "Take 'synthetic_did', or more untreated units like the treated ones.",
            ),
        )

    def _ratio(self, one: Synthetic) -> float:
        before, after = one.gap[: self.before], one.gap[self.before :]
        before = before - (before.mean() if self.learner.method == "synthetic_did" else 0.0)
        return float(np.sqrt((after**2).mean()) / max(np.sqrt((before**2).mean()), 1e-12))
