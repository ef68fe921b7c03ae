"""Instruments in linear models: two-stage least squares and limited-information maximum likelihood."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from dorec.domain.errors import Collinear, ConfigError, InputError, NoInterval, TooFewUnits
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.checks import check_finite, check_outcome_leak
from dorec.estimate.cross_fitting import Units, units_of
from dorec.numeric.arrays import FloatArray
from dorec.numeric.k_class import KClass, anderson_rubin, effective_f, k_class, overidentification, partial_out

DEFAULT_CONTEXT = RunContext()
WEAK = 10.0  # a first-stage F below it makes Wald intervals untrustworthy (Staiger, Stock 1997)


@dataclass(frozen=True, kw_only=True)
class TwoStageLeastSquares:
    """The effect of a treatment that the instruments move, in a linear model (Theil 1953; Basmann 1957).

    The instruments have to move the treatment, reach the outcome only through it, and share no cause with the outcome
    that the covariates leave open: `identify` says whether a graph allows that. With effects that differ between units
    and a treatment of two arms, the value is that of units whom the instrument moves (Imbens, Angrist 1994).

    Standard errors hold under unequal variances, and by cluster where the study has clusters. Where the first stage is
    weak (an effective F below 10) there is no Wald interval: `anderson_rubin` gives the set that holds all the same.

    Args:
        method: "2sls", or "liml", which is less biased where there are many instruments.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z, u = rng.integers(0, 2, 4000), rng.normal(size=4000)
        >>> years = 12 + 2 * z + u + rng.normal(size=4000)
        >>> table = {"near": z, "years": years, "wage": 0.1 * years + u + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="wage", treatment="years", instruments=["near"], continuous=True)
        >>> model = TwoStageLeastSquares().fit(study)
        >>> model.ate().name, abs(model.ate().value - 0.1) < 3 * model.ate().std_error
        ('one more of years', True)
    """

    method: Literal["2sls", "liml"] = "2sls"

    def __post_init__(self) -> None:
        if self.method not in ("2sls", "liml"):
            raise ConfigError(f"method is {self.method!r}; allowed: '2sls', 'liml'.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "InstrumentModel":
        """Both stages, and what they say of the instruments.

        Raises:
            InputError: the study has no instruments, or fewer than the treatment has contrasts.
            NotFinite, OneArm, TooFewUnits, LeakedOutcome, Collinear: the table can't be used; each is named.
        """
        check_finite(study)
        D, names = _treatment(study)
        Z = _instruments(study, D.shape[1])
        check_outcome_leak(study)
        root = np.ones(study.n) if study.weight is None else np.sqrt(study.weight / study.weight.mean())
        controls = np.column_stack([np.ones(study.n), _standardised(study.covariates)])
        if study.n < controls.shape[1] + Z.shape[1] + 10:
            raise TooFewUnits(
                f"{study.n:,} units for {controls.shape[1]} controls and {Z.shape[1]} instruments",
                remedy="leave out covariates or instruments, or give more units",
            )
        parts = partial_out(np.column_stack([study.outcome, D, Z]), controls, root)
        y, D, Z = parts[:, 0], parts[:, 1 : 1 + len(names)], parts[:, 1 + len(names) :]
        _refuse_collinear(Z, study)
        found = k_class(y, D, Z, 1.0 if self.method == "2sls" else None)
        stages = FirstStage(y, D, Z)
        return InstrumentModel(
            learner=self, study=study, units=units_of(study), names=names, found=found, stages=stages, context=context
        )


@dataclass(frozen=True, eq=False)
class FirstStage:
    """Outcome, treatment and instruments, partialled out of the covariates."""

    outcome: FloatArray  # (n,)
    treatment: FloatArray  # (n, m)
    instruments: FloatArray  # (n, q)

    @property
    def strength(self) -> float:
        """The effective F of the first stage; of the weakest contrast where there are several."""
        return min(effective_f(column, self.instruments) for column in self.treatment.T)


@dataclass(frozen=True, kw_only=True, eq=False)
class InstrumentModel:
    """A fitted linear model with instruments.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z, d, e = rng.normal(size=(3, 500))
        >>> table = {"z": z, "d": z + d, "y": z + d + e}
        >>> study = Study.from_table(table, outcome="y", treatment="d", instruments=["z"], continuous=True)
        >>> [(round(a, 1), round(b, 1)) for a, b in TwoStageLeastSquares().fit(study).anderson_rubin()]
        [(0.9, 1.1)]
    """

    learner: TwoStageLeastSquares
    study: Study
    units: Units
    names: tuple[str, ...]
    found: KClass
    stages: FirstStage
    context: RunContext = field(repr=False)
    estimand: str = ""

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first; empty for a dose."""
        return self.study.arms

    def ate(self) -> Estimate:
        """The effect of each arm against the first, or of one more unit of the dose."""
        strength = self.stages.strength
        weak = (
            f"the instruments are weak (effective F {strength:.1f}, below {WEAK:g}): ask `anderson_rubin` for the set "
            "that holds however weak they are"
            if strength < WEAK
            else ""
        )
        single = len(self.names) == 1
        return Estimate(
            float(self.found.value[0]) if single else self.found.value,
            self.found.influence[:, 0] if single else self.found.influence,
            name=self.names[0] if single else self.names,
            method=self.learner.method.upper(),
            estimand=self.estimand,
            sample=self.study.sample,
            cluster=self.units.cluster,
            verdicts=self.verdicts,
            no_interval=weak,
        )

    def anderson_rubin(self, level: float = 0.95) -> list[tuple[float, float]]:
        """The set of effects that the data do not reject, valid however weak the instruments: intervals, perhaps
        unbounded, perhaps none (then the model itself is rejected).

        Raises:
            InputError: the treatment has more than two arms.
        """
        if len(self.names) > 1:
            raise InputError(f"The treatment has {len(self.names) + 1} arms; the set is for one contrast. Ask for two.")
        stages = self.stages
        return anderson_rubin(stages.outcome, stages.treatment[:, 0], stages.instruments, level)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """How strong the instruments are, and whether they agree with each other."""
        return (self._strength(), *self._agreement())

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: a linear model with instruments says nothing of effects given covariates."""
        del covariates, level
        raise NoInterval(
            "the model has one effect for all units", remedy="take ate(), or an estimator for LATE by group"
        )

    def _strength(self) -> Verdict:
        f = self.stages.strength
        listed = ", ".join(self.study.instrument_names) or "the instruments"
        if f >= WEAK:
            meaning = f"{listed} move the treatment enough (effective F {f:.1f})"
            return Verdict(check="instrument strength", status="passed", statistic=f, meaning=meaning)
        return Verdict(
            check="instrument strength",
            status="failed",
            code="weak_instrument",
            statistic=f,
            meaning=f"{listed} hardly move the treatment (effective F {f:.1f}, below {WEAK:g}): the estimate leans to "
            "the confounded one, and its Wald interval is left out",
            remedy="Use the Anderson-Rubin set, or find an instrument that moves the treatment more.",
        )

    def _agreement(self) -> tuple[Verdict, ...]:
        statistic, p = overidentification(self.found.residual, self.stages.instruments, len(self.names))
        if self.stages.instruments.shape[1] <= len(self.names):
            return ()
        agree = p >= 0.05
        return (
            Verdict(
                check="instruments agree",
                status="passed" if agree else "failed",
                code="" if agree else "instruments_disagree",
                statistic=statistic,
                p_value=p,
                meaning="the instruments tell the same effect"
                if agree
                else "the instruments tell different effects: "
                "one of them reaches the outcome in another way, or moves other units",
                remedy="" if agree else "Ask each instrument alone, and drop the one whose exclusion you doubt.",
            ),
        )


def _treatment(study: Study) -> tuple[FloatArray, tuple[str, ...]]:
    """The endogenous columns (n, m) and their names."""
    if study.dose is not None:
        return study.dose[:, None], (f"one more of {study.treatment_name}",)
    study.check_arms()
    columns = np.eye(len(study.arms))[study.treatment][:, 1:]
    return columns, tuple(f"{arm} - {study.arms[0]}" for arm in study.arms[1:])


def _instruments(study: Study, needed: int) -> FloatArray:
    if study.instruments is None:
        raise InputError("The study has no instruments. Name them: Study.from_table(..., instruments=[...]).")
    if study.instruments.shape[1] < needed:
        raise InputError(
            f"{study.instruments.shape[1]} instrument(s) for {needed} contrasts of {study.treatment_name!r}; give one "
            "for each, or compare two arms."
        )
    constant = np.flatnonzero(np.ptp(study.instruments, axis=0) == 0)
    if len(constant):
        raise InputError(f"Instrument {constant[0]} has one value in all units, so it moves nothing; leave it out.")
    return study.instruments


def _standardised(X: FloatArray) -> FloatArray:
    spread = X.std(axis=0)
    return np.asarray((X - X.mean(axis=0))[:, spread > 0] / spread[spread > 0])


def _refuse_collinear(Z: FloatArray, study: Study) -> None:
    scale = np.sqrt((Z**2).sum(axis=0))
    names = study.instrument_names or tuple(str(j) for j in range(Z.shape[1]))
    assert study.instruments is not None
    lost = [n for n, s, raw in zip(names, scale, study.instruments.T, strict=True) if s < 1e-8 * np.linalg.norm(raw)]
    if lost or np.linalg.matrix_rank(Z / np.where(scale > 0, scale, 1.0)) < Z.shape[1]:
        raise Collinear(
            f"the instruments {', '.join(lost or names)} follow from the covariates or from each other",
            remedy="leave out the instruments that repeat others",
            evidence={"instruments": lost or list(names)},
        )
