"""Synthetic difference in differences with standard errors: jackknife over units, or placebos."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from dorec.domain.errors import ConfigError, NoInterval, NotFinite
from dorec.domain.estimate import Estimate
from dorec.domain.panel import Panel
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.estimate.synthetic_control import SyntheticControl, SyntheticControlModel
from dorec.numeric.arrays import FloatArray

DEFAULT_CONTEXT = RunContext()
FEWEST = 8  # treated units: below, leaving one out says too little of how they differ

UNHELD = (
    "its standard errors leave out how far the weights miss trends that units share: 95% intervals by the jackknife "
    "covered .96 where the treatment was random, .74 where such trends moved who was treated"
)

Errors = Literal["jackknife", "placebo"]


@dataclass(frozen=True, kw_only=True)
class SyntheticDifferenceInDifferences:
    """The mean effect on the treated against weighted units and weighted times (Arkhangelsky, Athey, Hirshberg, Imbens,
    Wager 2021, doi:10.1257/aer.20190159), with a standard error but no interval.

    "jackknife" leaves out each unit with the weights held (their algorithm 3): for 8 treated units or more. "placebo"
    treats as many of the untreated units at random (algorithm 4): for any number of treated units, fewer than the
    untreated, and as noisy as they are.

    Args:
        errors: "jackknife" or "placebo".
        n_placebos: draws of placebo groups.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> shop, week = np.repeat(np.arange(40), 16), np.tile(np.arange(16), 40)
        >>> trend = rng.normal(size=(40, 2)) @ np.cumsum(rng.normal(size=(2, 16)), axis=1)
        >>> sales = trend.ravel() + 3.0 * ((shop < 10) & (week >= 12)) + 0.3 * rng.normal(size=640)
        >>> table = {"shop": shop, "week": week, "sales": sales, "start": np.where(shop < 10, 12.0, np.nan)}
        >>> panel = Panel.from_table(table, unit="shop", time="week", outcome="sales", treated_from="start")
        >>> model = SyntheticDifferenceInDifferences().fit(panel)
        >>> abs(model.ate().value - 3.0) < 0.5, 0.0 < model.std_error < 0.5
        (True, True)
    """

    errors: Errors = "jackknife"
    n_placebos: int = 200

    def __post_init__(self) -> None:
        if self.errors not in ("jackknife", "placebo"):
            raise ConfigError(f"errors is {self.errors!r}; allowed: 'jackknife', 'placebo'.")
        if self.n_placebos < 20:
            raise ConfigError(f"n_placebos is {self.n_placebos}; give 20 or more.")

    def fit(self, panel: Panel, *, context: RunContext = DEFAULT_CONTEXT) -> "SyntheticDifferenceModel":
        """The weights and what the error is made of.

        Raises:
            OneArm, TooFewUnits, InputError: as `SyntheticControl`.
            NotFinite: an outcome is missing or infinite.
        """
        if not np.isfinite(panel.outcome).all():
            raise NotFinite(
                f"{int((~np.isfinite(panel.outcome)).sum())} outcome(s) of the panel are missing or infinite",
                remedy="repair these rows, or drop their units",
            )
        did = SyntheticControl(method="synthetic_did")
        base = did.fit(panel, context=context)
        controls, treated = panel.outcome[~base.treated], int(base.treated.sum())
        drawn: list[float] = []
        if self.errors == "placebo" and len(controls) > treated + 1:
            rng = context.rng("placebo groups")
            for _ in context.track(range(self.n_placebos), "placebo groups", self.n_placebos):
                group = rng.permutation(len(controls))
                one, others = controls[group[:treated]].mean(axis=0), controls[group[treated:]]
                drawn.append(did._against(one, others, base.before, treated).effect)
        return SyntheticDifferenceModel(learner=self, base=base, placebo_effects=np.array(drawn))


@dataclass(frozen=True, kw_only=True, eq=False)
class SyntheticDifferenceModel:
    """The treated beside their synthetic comparison, with the error of the difference.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.normal(size=(30, 10)) + 5.0 * (np.arange(30) < 9)[:, None] * (np.arange(10) >= 7)
        >>> panel = Panel(outcome=y, units=np.arange(30), times=np.arange(10), covariates=np.empty((30, 0)),
        ...               starts=np.where(np.arange(30) < 9, 7, 10))
        >>> model = SyntheticDifferenceInDifferences(errors="placebo", n_placebos=40).fit(panel)
        >>> round(model.ate().value), 0.1 < model.std_error < 0.6
        (5, True)
    """

    learner: SyntheticDifferenceInDifferences
    base: SyntheticControlModel
    placebo_effects: FloatArray = field(repr=False)  # (n_placebos,)

    def ate(self) -> Estimate:
        """Mean effect on the treated over the times since the start; a value without an interval, see `std_error`."""
        return Estimate(
            self.base.found.effect,
            name="effect on the treated",
            method="synthetic difference in differences",
            estimand=self.base.estimand,
            sample=self.base.panel.sample,
            no_interval=UNHELD,
            verdicts=self.verdicts,
        )

    @property
    def std_error(self) -> float:
        """The jackknife's or the placebos' standard error; it leaves out how far the weights miss common trends.

        Raises:
            NoInterval: too few treated units for the jackknife, or too few untreated ones for placebos.
        """
        treated = int(self.base.treated.sum())
        if self.learner.errors == "jackknife":
            if treated < FEWEST:
                raise NoInterval(
                    f"{treated} treated unit(s) are too few for a jackknife", remedy='take errors="placebo"'
                )
            return float(np.sqrt((self._jackknife**2).sum() / (self.base.panel.n * (self.base.panel.n - 1))))
        if not len(self.placebo_effects):
            raise NoInterval(
                f"{treated} treated and {int((~self.base.treated).sum())} untreated units: placebos need more "
                "untreated ones than treated",
                remedy='take errors="jackknife", or give more untreated units',
            )
        return float(np.sqrt((self.placebo_effects**2).mean()))

    @property
    def unit_weights(self) -> dict[str, float]:
        """Weight of each untreated unit that counts, the largest first."""
        return self.base.unit_weights

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Whether the synthetic unit follows the treated ones before the treatment."""
        return self.base.verdicts

    @cached_property
    def _jackknife(self) -> FloatArray:
        """Influence of each unit, (n,): n - 1 times what leaving it out moves, the weights held."""
        panel, found, before = self.base.panel, self.base.found, self.base.before
        mine, others = panel.outcome[self.base.treated], panel.outcome[~self.base.treated]
        n, weights = panel.n, found.unit_weights

        def effect(one: FloatArray, comparison: FloatArray) -> float:
            gap = one - comparison
            return float((gap - found.time_weights @ gap[:before])[before:].mean())

        one, comparison = mine.mean(axis=0), weights @ others
        without = np.empty(n)
        without[self.base.treated] = [
            effect((one * len(mine) - row) / (len(mine) - 1), comparison) if len(mine) > 1 else found.effect
            for row in mine
        ]
        left = np.maximum(1 - weights, 1e-12)
        without[~self.base.treated] = [
            effect(one, (comparison - w * row) / rest) for w, rest, row in zip(weights, left, others, strict=True)
        ]
        return (n - 1.0) * (found.effect - without)
