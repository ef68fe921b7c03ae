"""DeepIV: the outcome of a dose that instruments move, of any shape."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError, InputError, NoInterval, TooFewUnits
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.aipw import DEFAULT_CONTEXT
from dorec.estimate.average_effect import checked_covariates, weight_of
from dorec.estimate.checks import check_finite, check_outcome_leak
from dorec.estimate.cross_fitting import units_of
from dorec.estimate.neural.cross_fitted import load_torch
from dorec.numeric.arrays import FloatArray
from dorec.numeric.k_class import effective_f, partial_out

LEAST_UNITS = 100
WEAK = 10.0  # an effective F of the first stage below it (Staiger, Stock 1997)
GRID = 33  # doses over which the effect at a point is averaged
WHY = "DeepIV's second stage is a network without an orthogonal score, so no interval that holds its level is known"


@dataclass(frozen=True, kw_only=True)
class DeepIV:
    """The mean outcome of each dose, by instruments (Hartford, Lewis, Leyton-Brown, Taddy 2017, PMLR 70).

    The first stage is a mixture density network of the dose given instruments and covariates; the second a network of
    the outcome whose loss is averaged over doses drawn from the first. The instruments have to reach the outcome only
    through the dose, whose curve may have any shape. There is no valid interval: take `TwoStageLeastSquares` where a
    line will do. It needs torch: `pip install 'dorec[deep]'`.

    Args:
        hidden: units of each layer of both networks.
        components: Gaussians of the first stage.
        draws: doses drawn for each of the two samples of a unit and step.
        epochs: passes over the rows in each stage, at most; early stopping looks at a fifth of them.
        learning_rate: of AdamW.
        batch_size: rows of a step.
        patience: epochs without a better validation after which a stage stops.
        reg: weight decay.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z, u = rng.normal(size=(2, 300))
        >>> table = {"z": z, "price": z + u, "sold": (z + u) - 2 * u}
        >>> roles = {"outcome": "sold", "treatment": "price", "instruments": ["z"], "continuous": True}
        >>> model = DeepIV(hidden=(16,), epochs=20, learning_rate=0.02).fit(Study.from_table(table, **roles))
        >>> curve = model.dose_response([-1.0, 1.0])
        >>> bool(curve.value[1] - curve.value[0] > 1.0), curve.no_interval[:6]
        (True, 'DeepIV')
    """

    hidden: tuple[int, ...] = (64, 32)
    components: int = 5
    draws: int = 2
    epochs: int = 200
    learning_rate: float = 3e-3
    batch_size: int = 100
    patience: int = 20
    reg: float = 1e-3

    def __post_init__(self) -> None:
        for name in ("components", "draws", "epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give 1 or more.")
        if not self.hidden or min(self.hidden) < 1 or not self.learning_rate > 0 or not self.reg >= 0:
            raise ConfigError(
                f"hidden is {self.hidden!r}, learning_rate {self.learning_rate}, reg {self.reg}; give the units of "
                "each layer, a learning_rate above 0, a reg of 0 or more."
            )

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "DeepIVModel":
        """Both stages.

        Raises:
            ConfigError: torch is not installed.
            InputError: the treatment is no dose, or the study has no instruments.
            NotFinite, TooFewUnits, LeakedOutcome: the table can't be used; each is named.
        """
        if study.dose is None:
            raise InputError(
                f"The treatment {study.treatment_name!r} has arms, DeepIV is for amounts: give continuous=True, or "
                "take TwoStageLeastSquares."
            )
        if study.instruments is None or (np.ptp(study.instruments, axis=0) == 0).any():
            raise InputError(
                "The study has no instruments, or one with a single value. Name others: "
                "Study.from_table(..., instruments=[...])."
            )
        load_torch()
        check_finite(study)
        if study.n < LEAST_UNITS:
            raise TooFewUnits(f"{study.n:,} units for two networks", remedy=f"give {LEAST_UNITS} or more")
        check_outcome_leak(study)
        from dorec.estimate.neural.deep_iv_fit import Columns, StageSettings, fit_stages  # loads torch

        scale = Scale(study)
        order = np.argsort(units_of(study).keys, kind="stable")
        names = study.instrument_names or tuple(str(j) for j in range(study.instruments.shape[1]))
        Z = study.instruments[:, sorted(range(len(names)), key=names.__getitem__)]
        columns = Columns(
            X=scale.covariates(study.covariates)[order],
            Z=((Z - Z.mean(axis=0)) / Z.std(axis=0))[order],
            dose=scale.dose(study.dose)[order],
            y=((study.outcome - scale.outcome_middle) / (scale.outcome_spread or 1.0))[order],
            weight=weight_of(study)[order],
        )
        training = {name: getattr(self, name) for name in ("epochs", "learning_rate", "batch_size", "patience", "reg")}
        stages = fit_stages(columns, StageSettings(self.hidden, self.components, self.draws, training), context)
        strength = _strength(columns.dose[stages.held], stages.expected_dose[stages.held], columns.X[stages.held])
        return DeepIVModel(learner=self, study=study, stages=stages, scale=scale, strength=strength)


@dataclass(frozen=True, eq=False)
class Scale:
    """The standard units of a study's columns, which are in the order of their names."""

    study: Study = field(repr=False)

    def covariates(self, X: FloatArray) -> FloatArray:
        """Standardised covariates (m, p)."""
        own, names = self.study.covariates, self.study.covariate_names
        spread = own.std(axis=0)
        X = (X - own.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        return np.asarray(X[:, sorted(range(len(names)), key=names.__getitem__)])

    def dose(self, dose: FloatArray) -> FloatArray:
        """Standardised doses (m,)."""
        own = self._dose
        return np.asarray((dose - own.mean()) / own.std())

    @property
    def outcome_middle(self) -> float:
        """The mean outcome."""
        return float(self.study.outcome.mean())

    @property
    def outcome_spread(self) -> float:
        """The standard deviation of the outcome."""
        return float(self.study.outcome.std())

    @property
    def slope(self) -> float:
        """What a slope in standard units is multiplied by."""
        return self.outcome_spread / float(self._dose.std())

    @property
    def _dose(self) -> FloatArray:
        assert self.study.dose is not None
        return self.study.dose


@dataclass(frozen=True, kw_only=True, eq=False)
class DeepIVModel:
    """A fitted DeepIV: values without intervals.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z, u = rng.normal(size=(2, 300))
        >>> table = {"z": z, "d": z + u, "y": z}
        >>> study = Study.from_table(table, outcome="y", treatment="d", instruments=["z"], continuous=True)
        >>> DeepIV(hidden=(8,), epochs=3).fit(study).ate().name
        'one more of d'
    """

    learner: DeepIV
    study: Study
    stages: Any = field(repr=False)
    scale: Scale = field(repr=False)
    strength: float  # effective F of the first stage among units that it has not seen
    estimand: str = ""

    @property
    def arms(self) -> tuple[Any, ...]:
        """None: the treatment is a dose."""
        return self.study.arms

    def dose_response(self, doses: Any) -> Estimate:
        """Mean outcome had everyone had each dose, (m,); no valid interval.

        Raises:
            InputError: a dose is not a finite number, or far from all that were seen.
        """
        levels = np.asarray(doses, dtype=np.float64).ravel()
        self._refuse_unseen(levels)
        weight = weight_of(self.study)
        curve = self.stages.curve(self.scale.dose(levels), self.scale.covariates(self.study.covariates))
        value = self.scale.outcome_middle + self.scale.outcome_spread * np.average(curve, axis=0, weights=weight)
        return self._estimate(value, tuple(f"mean at {dose:g}" for dose in levels))

    def ate(self) -> Estimate:
        """The mean slope of the outcome in the dose, at the doses that units had; no valid interval."""
        assert self.study.dose is not None
        X = self.scale.covariates(self.study.covariates)
        slopes = self.stages.slopes(self.scale.dose(self.study.dose)[:, None], X)[:, 0]
        value = self.scale.slope * float(np.average(slopes, weights=weight_of(self.study)))
        return self._estimate(value, f"one more of {self.study.treatment_name}")

    def effect(self, covariates: FloatArray) -> FloatArray:
        """The slope given covariates (n, p), averaged over the doses that were seen, (n,)."""
        X = self.scale.covariates(checked_covariates(self.study, covariates))
        assert self.study.dose is not None
        doses = self.scale.dose(np.quantile(self.study.dose, (np.arange(GRID) + 0.5) / GRID))
        return np.asarray(self.scale.slope * self.stages.slopes(np.tile(doses, (len(X), 1)), X).mean(axis=1))

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused."""
        del covariates, level
        raise NoInterval(WHY, remedy="take TwoStageLeastSquares, whose interval holds where a line will do")

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """How strong the instruments are among units that the first stage has not seen."""
        weak = self.strength < WEAK
        listed = ", ".join(self.study.instrument_names) or "the instruments"
        said = f"what {listed} tell of the treatment has an effective F of {self.strength:.1f} among unseen units"
        return (
            Verdict(
                check="instrument strength",
                status="failed" if weak else "passed",
                code="weak_instrument" if weak else "",
                statistic=self.strength,
                meaning=said + (f", below {WEAK:g}: the curve leans to the confounded one" if weak else ""),
                remedy="Find an instrument that moves the treatment more." if weak else "",
            ),
        )

    def _refuse_unseen(self, levels: FloatArray) -> None:
        assert self.study.dose is not None
        low, high = float(self.study.dose.min()), float(self.study.dose.max())
        bad = ~((levels >= low) & (levels <= high))
        if bad.any():
            raise InputError(
                f"dose {levels[bad][0]:g} is outside of what was seen, {low:g} to {high:g}; nothing is known there."
            )

    def _estimate(self, value: Any, name: str | tuple[str, ...]) -> Estimate:
        return Estimate(
            value,
            None,
            name=name,
            method="DeepIV",
            estimand=self.estimand,
            sample=self.study.sample,
            no_interval=WHY,
            verdicts=self.verdicts,
        )


def _strength(dose: FloatArray, expected: FloatArray, X: FloatArray) -> float:
    """The effective F of the expected dose for the dose, both partialled out of the covariates."""
    controls = np.column_stack([np.ones(len(dose)), X])
    if len(dose) <= controls.shape[1] + 2:
        return 0.0
    left = partial_out(np.column_stack([dose, expected]), controls, np.ones(len(dose)))
    return float(effective_f(left[:, 0], left[:, 1:])) if np.ptp(left[:, 1]) > 1e-12 else 0.0
