"""What estimators with instruments share: the first stage and its strength, the set for weak ones, their agreement."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dorec.domain.errors import Collinear, InputError, NoInterval, NoOverlap, TooFewUnits
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import few_clusters_dof
from dorec.estimate.checks import check_finite, check_outcome_leak, check_study, check_treatment_leak, is_binary
from dorec.estimate.cross_fitting import Units
from dorec.estimate.diagnostics import repeated_verdicts
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.k_class import KClass, anderson_rubin, effective_f, overidentification, partial_out

TOLD = 1e-3  # of an instrument's variance: where the covariates leave less, they tell it
WEAK = 10.0  # a first-stage F below it makes Wald intervals untrustworthy (Staiger, Stock 1997)


@dataclass(frozen=True, eq=False)
class FirstStage:
    """Outcome, treatment and instruments, partialled out of the covariates, and the clusters of the units."""

    outcome: FloatArray  # (n,)
    treatment: FloatArray  # (n, m)
    instruments: FloatArray  # (n, q)
    groups: IntArray | None = None  # (n,)

    @property
    def strength(self) -> float:
        """The effective F of the first stage; of the weakest contrast where there are several."""
        return min(effective_f(column, self.instruments, self.groups) for column in self.treatment.T)


@dataclass(frozen=True, kw_only=True, eq=False)
class InstrumentModel:
    """A fitted model with instruments in which the effect is one number.

    Example:
        >>> from dorec.estimate.two_stage_least_squares import TwoStageLeastSquares
        >>> rng = np.random.default_rng(0)
        >>> z, d, e = rng.normal(size=(3, 500))
        >>> table = {"z": z, "d": z + d, "y": z + d + e}
        >>> study = Study.from_table(table, outcome="y", treatment="d", instruments=["z"], continuous=True)
        >>> [(round(a, 1), round(b, 1)) for a, b in TwoStageLeastSquares().fit(study).anderson_rubin()]
        [(0.9, 1.1)]
    """

    learner: Any
    method: str
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
        weak = without_interval(strength, "anderson_rubin")
        single = len(self.names) == 1
        return Estimate(
            float(self.found.value[0]) if single else self.found.value,
            self.found.influence[:, 0] if single else self.found.influence,
            name=self.names[0] if single else self.names,
            method=self.method,
            estimand=self.estimand,
            sample=self.study.sample,
            cluster=self.units.cluster,
            dof=few_clusters_dof(self.units.cluster),
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
        return anderson_rubin(stages.outcome, stages.treatment[:, 0], stages.instruments, level, stages.groups)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """How strong the instruments are, whether they agree with each other, and repeated units."""
        strength = strength_verdict(self.stages.strength, self.study)
        return (strength, *self._agreement(), *repeated_verdicts(self.study, self.units))

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: a model with one effect says nothing of effects given covariates."""
        del covariates, level
        raise NoInterval("the model has one effect for all units", remedy="take ate(), or DRIV for effects that differ")

    def _agreement(self) -> tuple[Verdict, ...]:
        stages = self.stages
        if stages.instruments.shape[1] <= len(self.names):
            return ()
        statistic, p = overidentification(stages.outcome, stages.treatment, stages.instruments, stages.groups)
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


def strength_verdict(f: float, study: Study) -> Verdict:
    """Whether the instruments move the treatment enough, from the F of the first stage."""
    listed = ", ".join(study.instrument_names) or "the instruments"
    single = len(study.instrument_names) == 1
    if f >= WEAK:
        meaning = f"{listed} {'moves' if single else 'move'} the treatment enough (effective F {f:.1f})"
        return Verdict(check="instrument strength", status="passed", statistic=f, meaning=meaning)
    return Verdict(
        check="instrument strength",
        status="failed",
        code="weak_instrument",
        statistic=f,
        meaning=f"{listed} hardly {'moves' if single else 'move'} the treatment (effective F {f:.1f}, below {WEAK:g}): "
        "the estimate leans to the confounded one, and its Wald interval is left out",
        remedy="Use the Anderson-Rubin set, or find an instrument that moves the treatment more.",
    )


def without_interval(f: float, instead: str) -> str:
    """Why there is no Wald interval with a first stage of this F; nothing where it is strong enough."""
    if f >= WEAK:
        return ""
    return (
        f"the instruments are weak (effective F {f:.1f}, below {WEAK:g}): ask `{instead}` for the set that holds "
        "however weak they are"
    )


def endogenous(study: Study) -> tuple[FloatArray, tuple[str, ...]]:
    """The endogenous columns (n, m) and their names."""
    if study.dose is not None:
        return study.dose[:, None], (f"one more of {study.treatment_name}",)
    study.check_arms()
    columns = np.eye(len(study.arms))[study.treatment][:, 1:]
    return columns, tuple(f"{arm} - {study.arms[0]}" for arm in study.arms[1:])


def instruments_of(study: Study, needed: int) -> FloatArray:
    """The instruments (n, q), refused where they are fewer than needed or move nothing."""
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


def refuse_collinear_instruments(Z: FloatArray, study: Study) -> None:
    """Refuse instruments (n, q), partialled out of the covariates, that follow from these or from each other."""
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


def check_for_folds(study: Study, units: Units, *, n_folds: int, min_per_fold: int) -> None:
    """The refusals before cross-fitting, for arms or a dose.

    Raises:
        NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment: the table can't be used.
    """
    if study.dose is None:
        free = study.with_columns(propensity=None)  # of the treatment: an instrument has no use for it
        check_study(free, n_folds=n_folds, min_per_fold=min_per_fold, groups=units.groups)
        return
    check_finite(study)
    groups = study.n if units.groups is None else int(units.groups.max()) + 1
    least = max(2, min_per_fold if units.groups is None else 2) * n_folds
    if groups < least:
        raise TooFewUnits(
            f"there are {groups} units or clusters for {n_folds} folds, which need {least}",
            remedy="use fewer folds, or collect more units",
            evidence={"units": groups, "n_folds": n_folds},
        )
    check_outcome_leak(study)


def check_instruments_free(study: Study, Z: FloatArray) -> None:
    """Refuse instruments Z (n, q) that a covariate, or a linear function of them, tells.

    Raises:
        LeakedTreatment, NoOverlap: with the instrument and the covariate.
    """
    X = study.covariates
    spread = X.std(axis=0)
    controls = np.column_stack([np.ones(study.n), (X - X.mean(axis=0))[:, spread > 0] / spread[spread > 0]])
    left = partial_out(Z, controls, np.ones(study.n))
    names = study.instrument_names or tuple(f"instrument {j}" for j in range(Z.shape[1]))
    for name, z, rest in zip(names, Z.T, left.T, strict=True):
        share = float(rest.var() / z.var())
        if study.n > controls.shape[1] + 1 and share < TOLD:
            raise NoOverlap(
                f"the instrument {name!r} is a linear function of the covariates (they leave {share:.2%} of it)",
                remedy=f"leave out the covariates that repeat {name!r}, or find another instrument",
                evidence={"variance_left": share},
            )
        if is_binary(z):
            codes, arms = (z > z.min()).astype(np.int64), (float(z.min()), float(z.max()))
            check_treatment_leak(study.with_columns(treatment=codes, arms=arms, treatment_name=name, dose=None))
