"""Difference in differences: two periods or many, one start of treatment or several."""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from dorec.domain.errors import ConfigError, NotFinite, OneArm, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.domain.panel import Panel
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import few_clusters_dof
from dorec.estimate.group_time import Cell, average_cells, doubly_robust_did
from dorec.numeric.arrays import BoolArray, FloatArray

DEFAULT_CONTEXT = RunContext()
SMALL_GROUP = 200  # units on a side of a comparison below which Student's t takes the place of the normal


@dataclass(frozen=True, kw_only=True)
class DifferenceInDifferences:
    """Effects on the treated by group and time (Callaway, Sant'Anna 2021, doi:10.1016/j.jeconom.2020.12.001).

    A group is the units whose treatment starts at one time. Its change since the last time before it is compared with
    that of units not treated yet, so that no unit treated earlier serves as comparison. With covariates the trends
    need to be parallel only given these (doubly robust: Sant'Anna, Zhao 2020, doi:10.1016/j.jeconom.2020.06.003).

    Args:
        comparison: "not_yet" compares with all units not treated by then, "never" with those that never are.
        anticipation: periods before the start in which the treatment may already act.

    Example:
        >>> shop, week = np.repeat(np.arange(60), 2), np.tile([1, 2], 60)
        >>> noise = np.random.default_rng(0).normal(size=120)
        >>> table = {"shop": shop, "week": week, "sales": shop + week + 2.0 * ((shop < 30) & (week == 2)) + 0.1 * noise,
        ...          "start": np.where(shop < 30, 2.0, np.nan)}
        >>> panel = Panel.from_table(table, unit="shop", time="week", outcome="sales", treated_from="start")
        >>> effect = DifferenceInDifferences().fit(panel).ate()
        >>> round(effect.value, 1), effect.std_error < 0.1
        (2.0, True)
    """

    comparison: Literal["not_yet", "never"] = "not_yet"
    anticipation: int = 0

    def __post_init__(self) -> None:
        if self.comparison not in ("not_yet", "never"):
            raise ConfigError(f"comparison is {self.comparison!r}; allowed: 'not_yet', 'never'.")
        if self.anticipation < 0:
            raise ConfigError(f"anticipation is {self.anticipation}; give 0 or more periods.")

    def fit(self, panel: Panel, *, context: RunContext = DEFAULT_CONTEXT) -> "PanelEffects":
        """The effect on every group at every time.

        Raises:
            OneArm: no unit is treated, all start at once, or none is left to compare with.
            TooFewUnits: no group has a time before its treatment, or a comparison has too few units.
            NoOverlap: covariates tell a group from its comparison units.
            NotFinite: the panel holds values that are missing or infinite.
        """
        for name, values in (("outcome", panel.outcome), ("covariates", panel.covariates)):
            if not np.isfinite(values).all():
                raise NotFinite(f"the {name} of the panel hold missing or infinite values", remedy="repair the table")
        groups = self._groups(panel)
        cells, no_comparison = [], 0
        for g in context.track(groups, "groups", len(groups)):
            base = g - 1 - self.anticipation
            for t in range(panel.n_times):
                if t == base:
                    continue
                others = self._others(panel, g, max(t, base))
                if others.any():
                    cells.append(_cell(panel, g, t, base, others))
                else:
                    no_comparison += 1
        if not any(cell.time >= cell.group for cell in cells):
            raise OneArm(
                "no unit is left untreated after any start, so there is nothing to compare with",
                remedy="add units that are never treated, or treated later",
                evidence={"groups": {str(k): v for k, v in panel.group_sizes.items()}},
            )
        return PanelEffects(learner=self, panel=panel, cells=tuple(cells), no_comparison=no_comparison, context=context)

    def _groups(self, panel: Panel) -> list[int]:
        sizes = {str(k): v for k, v in panel.group_sizes.items()}
        if not sizes:
            raise OneArm("no unit is treated within the panel", remedy="add treated units", evidence={"groups": sizes})
        if self.comparison == "never" and not panel.n_never:
            raise OneArm(
                f"every one of {panel.n:,} units is treated at some time",
                remedy="compare with units that are treated later: comparison='not_yet'",
                evidence={"groups": sizes},
            )
        if len(sizes) == 1 and not panel.n_never:
            raise OneArm(
                f"every one of {panel.n:,} units starts at {next(iter(sizes))}",
                remedy="add units that are never treated, or treated later",
                evidence={"groups": sizes},
            )
        groups = [int(g) for g in np.unique(panel.starts) if self.anticipation < g < panel.n_times]
        if not groups:
            raise TooFewUnits(
                f"no treated unit is seen for {self.anticipation + 1} period(s) or more before its treatment",
                remedy="add times from before the treatment",
                evidence={"groups": sizes},
            )
        return groups

    def _others(self, panel: Panel, g: int, last: int) -> BoolArray:
        if self.comparison == "never":
            return np.asarray(panel.starts == panel.n_times)
        return np.asarray((panel.starts > last + self.anticipation) & (panel.starts != g))


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelEffects:
    """Effects of a panel on its treated units, by group and time.

    Every estimate is of the treated, has one influence for each unit of the panel, and can be asked for a band that
    holds at all its times at once: `model.event_study().interval(joint=True)`.

    Example:
        >>> unit, time = np.repeat(np.arange(90), 4), np.tile(np.arange(4), 90)
        >>> start = np.array([2.0, 3.0, np.nan])[unit % 3]
        >>> y = unit / 9 + time + 1.0 * (time >= start) + 0.1 * np.random.default_rng(0).normal(size=360)
        >>> table = {"unit": unit, "time": time, "y": y, "start": start}
        >>> panel = Panel.from_table(table, unit="unit", time="time", outcome="y", treated_from="start")
        >>> model = DifferenceInDifferences().fit(panel)
        >>> model.group_time().name[:3], model.event_study().name
        (('2, 0', '2, 2', '2, 3'), ('-3', '-2', '0', '1'))
        >>> model.event_study().value.round(1)[2:].tolist()
        [1.0, 1.0]
    """

    learner: DifferenceInDifferences
    panel: Panel
    cells: tuple[Cell, ...]
    no_comparison: int  # group-times without a unit to compare with
    context: RunContext = field(repr=False)
    estimand: str = ""

    def group_time(self) -> Estimate:
        """Effect on each group at each time, named "group, time"; before the start they are placebos."""
        names = tuple(f"{self._label(c.group)}, {self._label(c.time)}" for c in self.cells)
        values = np.array([c.value for c in self.cells])
        return self._estimate(values, np.stack([c.influence for c in self.cells], axis=1), names)

    def event_study(self) -> Estimate:
        """Effect by periods since the start, named by it; negative ones are placebos, the base period is left out."""
        since = sorted({c.time - c.group for c in self.cells})
        within = [[k for k, c in enumerate(self.cells) if c.time - c.group == e] for e in since]
        return self._averages(within, tuple(str(e) for e in since))

    def by_group(self) -> Estimate:
        """Mean effect since the start on each group, named by its first treated time."""
        groups = sorted({c.group for c in self._after})
        within = [[k for k, c in enumerate(self.cells) if c.group == g and c.time >= g] for g in groups]
        return self._averages(within, tuple(self._label(g) for g in groups))

    def by_time(self) -> Estimate:
        """Mean effect at each time on the groups treated by then."""
        times = sorted({c.time for c in self._after})
        within = [[k for k, c in enumerate(self.cells) if c.time == t and c.time >= c.group] for t in times]
        return self._averages(within, tuple(self._label(t) for t in times))

    def ate(self) -> Estimate:
        """Average effect on treated units, each counted once with its mean effect since its start."""
        after: dict[int, int] = defaultdict(int)
        for cell in self._after:
            after[cell.group] += 1
        within = [k for k, c in enumerate(self.cells) if c.time >= c.group]
        factors = [1.0 / after[self.cells[k].group] for k in within]
        value, influence = average_cells(list(self.cells), self.panel.starts, [within], [factors])
        found = self._estimate(value, influence, ("effect on the treated",))
        return Estimate(
            found.value[0],
            influence[:, 0],
            name="effect on the treated",
            method=found.method,
            estimand=self.estimand,
            sample=self.panel.sample,
            cluster=self.panel.cluster,
            dof=found.dof,
            verdicts=self.verdicts,
        )

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Whether trends were parallel before the treatment, and which units could not be used."""
        return tuple(verdict for verdict in (self._placebo(), self._left_out()) if verdict is not None)

    @property
    def _after(self) -> list[Cell]:
        return [c for c in self.cells if c.time >= c.group]

    def _label(self, position: int) -> str:
        return str(self.panel.times[position])

    def _averages(self, within: list[list[int]], names: tuple[str, ...]) -> Estimate:
        ones = [[1.0] * len(members) for members in within]
        return self._estimate(*average_cells(list(self.cells), self.panel.starts, within, ones), names)

    def _estimate(self, values: FloatArray, influence: FloatArray, names: tuple[str, ...]) -> Estimate:
        return Estimate(
            values,
            influence,
            name=names,
            method="DifferenceInDifferences",
            estimand=self.estimand,
            sample=self.panel.sample,
            cluster=self.panel.cluster,
            dof=self._dof(),
        )

    def _dof(self) -> float | None:
        if self.panel.cluster is not None:
            return few_clusters_dof(self.panel.cluster)
        used = sum(int((self.panel.starts == g).sum()) for g in {c.group for c in self.cells})
        least = min(used, min(c.n_comparison for c in self._after))
        return least - 1.0 if least < SMALL_GROUP else None

    def _placebo(self) -> Verdict | None:
        """Joint test of the event study's leads; its level holds because it looks at the largest of them."""
        study = self.event_study()
        leads = [k for k, name in enumerate(study.name) if int(name) < -self.learner.anticipation]
        leads = [k for k in leads if np.any(np.abs(np.asarray(study.influence)[:, k]) > 1e-12)]
        if not leads:
            return None
        before = Estimate.concat([study[k] for k in leads])
        p = float(before.adjusted_p_values().min())
        worst = int(np.abs(before.value / before.std_error).argmax())
        lower, upper = before.interval(joint=True)
        held = p >= 0.05
        found = f"before the treatment, groups and comparison units {'moved alike' if held else 'moved apart'}"
        return Verdict(
            check="parallel trends before",
            status="passed" if held else "failed",
            code="" if held else "trends_not_parallel",
            statistic=float(np.abs(before.value / before.std_error)[worst]),
            p_value=p,
            meaning=f"{found} (largest placebo {before.value[worst]:.3g} at {before.name[worst]} periods, "
            f"95% band [{lower[worst]:.3g}, {upper[worst]:.3g}])"
            + (": the band is how far apart they could have moved unseen" if held else ""),
            remedy="" if held else "Add covariates that explain the trends, or use SyntheticControl.",
            evidence={"leads": dict(zip(before.name, before.value.tolist(), strict=True))},
        )

    def _left_out(self) -> Verdict | None:
        early = int((self.panel.starts <= self.learner.anticipation).sum())
        if not early and not self.no_comparison:
            return None
        return Verdict(
            check="units used",
            status="warning",
            code="units_left_out",
            statistic=float(early),
            meaning=f"{early:,} unit(s) are treated from the first time on and left out; {self.no_comparison} "
            "group-time(s) have no unit to compare with",
            remedy="Add earlier times, or units that are treated later or never." if early else "",
            evidence={"treated_from_the_first_time": early, "without_comparison": self.no_comparison},
        )


def _cell(panel: Panel, g: int, t: int, base: int, others: BoolArray) -> Cell:
    rows = np.flatnonzero((panel.starts == g) | others)
    treated = panel.starts[rows] == g
    change = panel.outcome[rows, t] - panel.outcome[rows, base]
    value, part = doubly_robust_did(change, treated, panel.covariates[rows])
    influence = np.zeros(panel.n)
    influence[rows] = part * panel.n / len(rows)
    return Cell(g, t, value, influence, int(others.sum()))
