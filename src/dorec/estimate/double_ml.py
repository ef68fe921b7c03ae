"""DoubleML: the partially linear model, for arms and for doses, and the interactive one, which is AIPW's."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from dorec.domain.errors import ConfigError, InputError, NoInterval, NoOverlap, TooFewUnits
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.aipw import AIPW, AIPWModel
from dorec.estimate.average_effect import checked_covariates, few_clusters_dof, floor_of, one_column, weight_of
from dorec.estimate.checks import (
    check_finite,
    check_outcome_leak,
    check_overlap,
    check_study,
    suspected_leak,
)
from dorec.estimate.cross_fitting import Marginals, Units, fit_marginals, units_of
from dorec.estimate.diagnostics import influence_verdict, overlap_of, repeated_verdicts
from dorec.estimate.nuisance import threads_for
from dorec.estimate.scores import median_of_repeats
from dorec.numeric.arrays import FloatArray, IntArray

DEFAULT_CONTEXT = RunContext()
LEFT = 0.01  # of a dose's variance: where the covariates leave less, nothing is left to compare
LITTLE = 0.05  # likewise: a warning


@dataclass(frozen=True, kw_only=True)
class DoubleML:
    """Double machine learning (Robinson 1988, doi:10.2307/1912705; Chernozhukov et al. 2018, doi:10.1111/ectj.12097).

    "partially_linear" regresses what the covariates leave of the outcome on what they leave of the treatment, which may
    be arms or an amount (`continuous=True` in the study). It takes the effect to be the same for all; where it is not,
    the value weights units by the variance of their treatment given the covariates: for two arms that is the overlap
    population. "interactive" lets effects differ, for arms alone, and is `AIPW`.

    Args:
        model: "partially_linear" or "interactive".
        n_folds: folds of the cross-fitting, 2 or more.
        outcome_model: regressor of a numeric outcome, classifier of one with two values; a list is blended.
        treatment_model: classifier of the arms, regressor of a dose; a list is blended.
        n_repeats: cross-fittings with other folds; the median effect is reported, and its spread widens the interval.
        min_propensity: arms less likely than this (less where an arm is rare) count as impossible.
        min_per_fold: units that each arm must have for each fold; of a dose, all units.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=600)
        >>> price = 0.5 * x + rng.normal(size=600)
        >>> table = {"x": x, "price": price, "sold": x - 1.5 * price + rng.normal(size=600)}
        >>> study = Study.from_table(table, outcome="sold", treatment="price", covariates=["x"], continuous=True)
        >>> effect = DoubleML(n_folds=2).fit(study).ate()
        >>> effect.name, abs(effect.value + 1.5) < 3 * effect.std_error
        ('one more of price', True)
    """

    model: Literal["partially_linear", "interactive"] = "partially_linear"
    n_folds: int = 5
    outcome_model: Any = None
    treatment_model: Any = None
    n_repeats: int = 1
    min_propensity: float = 0.01
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        if self.model not in ("partially_linear", "interactive"):
            raise ConfigError(f"model is {self.model!r}; allowed: 'partially_linear', 'interactive'.")
        for name, value, least in (("n_folds", self.n_folds, 2), ("n_repeats", self.n_repeats, 1)):
            if value < least:
                raise InputError(f"{name} is {value}; give {least} or more.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "PartiallyLinearModel | AIPWModel":
        """Nuisances, score and diagnostics of a study.

        Raises:
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy. NoOverlap also where a dose follows from the
                covariates.
        """
        if self.model == "interactive":
            return self._interactive().fit(study, context=context)
        units = units_of(study)
        self._check(study, units)
        splits = [
            self._one_split(study, units, repeat, context)
            for repeat in context.track(range(self.n_repeats), "cross-fitting", self.n_repeats)
        ]
        found = [partially_linear(study.outcome, treatment_columns(study), s, weight_of(study)) for s in splits]
        value, influence = found[0]
        if len(found) > 1:
            values, influences = (np.array(parts) for parts in zip(*found, strict=True))
            value, influence = median_of_repeats(values, influences, units.groups)
        return PartiallyLinearModel(
            learner=self,
            study=study,
            units=units,
            nuisances=splits[0],
            value=value,
            influence=influence,
            context=context,
        )

    def _interactive(self) -> AIPW:
        return AIPW(
            n_folds=self.n_folds,
            outcome_model=self.outcome_model,
            propensity_model=self.treatment_model,
            min_propensity=self.min_propensity,
            n_repeats=self.n_repeats,
            min_per_fold=self.min_per_fold,
        )

    def _check(self, study: Study, units: Units) -> None:
        if study.dose is None:
            check_study(study, n_folds=self.n_folds, min_per_fold=self.min_per_fold, groups=units.groups)
            return
        check_finite(study)
        groups = study.n if units.groups is None else int(units.groups.max()) + 1
        least = max(2, self.min_per_fold if units.groups is None else 2) * self.n_folds
        if groups < least:
            raise TooFewUnits(
                f"there are {groups} units or clusters for {self.n_folds} folds, which need {least}",
                remedy="use fewer folds, or collect more units",
                evidence={"units": groups, "n_folds": self.n_folds},
            )
        check_outcome_leak(study)

    def _one_split(self, study: Study, units: Units, repeat: int, context: RunContext) -> Marginals:
        with threads_for(study.n, context):
            found = fit_marginals(
                study,
                units,
                n_folds=self.n_folds,
                outcome_model=self.outcome_model,
                treatment_model=self.treatment_model,
                repeat=repeat,
                context=context,
            )
        if study.dose is None and study.propensity is None:
            e = all_arms(found.treatment)
            check_overlap(e, study.treatment, study.arms, floor_of(study, self.min_propensity), True)
        left = variance_left(study, found)
        if study.dose is not None and left < LEFT:
            raise NoOverlap(
                f"the covariates tell {study.treatment_name!r} all but exactly: they leave {left:.2%} of its variance, "
                "so that units with the same covariates had the same amount",
                remedy="leave out covariates that only predict the treatment, or find data where the amount varied "
                "for other reasons",
                evidence={"variance_left": left},
            )
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class PartiallyLinearModel:
    """A fitted partially linear model; an `EffectModel`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, d, e = rng.normal(size=(3, 400))
        >>> study = Study.from_table({"x": x, "d": d, "y": d + x + 0.1 * e}, outcome="y", treatment="d",
        ...                          covariates=["x"], continuous=True)
        >>> model = DoubleML(n_folds=2).fit(study)
        >>> model.dose_response([1.0, 2.0]).value.round(1).tolist(), model.effect(np.zeros((2, 1))).round(1).tolist()
        ([1.0, 2.0], [1.0, 1.0])
    """

    learner: DoubleML
    study: Study
    units: Units
    nuisances: Marginals
    value: FloatArray  # (m,), of each arm after the first, or of one more of the dose
    influence: FloatArray  # (n, m)
    context: RunContext = field(repr=False)
    estimand: str = ""

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first; empty for a dose."""
        return self.study.arms

    @property
    def folds(self) -> IntArray:
        """The fold of each unit, (n,)."""
        return self.nuisances.folds

    def ate(self) -> Estimate:
        """The effect of each arm against the first, or of one more unit of the dose."""
        names = tuple(f"{arm} - {self.arms[0]}" for arm in self.arms[1:]) or (
            f"one more of {self.study.treatment_name}",
        )
        single = len(names) == 1
        return self._estimate(
            float(self.value[0]) if single else self.value,
            self.influence[:, 0] if single else self.influence,
            names[0] if single else names,
        )

    def arm_means(self) -> Estimate:
        """Mean outcome had everyone been in each arm, (k,), if the effect is the same for all.

        Raises:
            InputError: the treatment is an amount.
        """
        if self.study.dose is not None:
            raise InputError(f"{self.study.treatment_name!r} is an amount and has no arms; ask dose_response(doses).")
        levels = np.vstack([np.zeros(len(self.value)), np.eye(len(self.value))])
        return self._at(levels, tuple(f"mean if {arm}" for arm in self.arms))

    def dose_response(self, doses: Any) -> Estimate:
        """Mean outcome had everyone had each dose, (m,), on the line of the model; `interval(joint=True)` is a band.

        Raises:
            InputError: the treatment has arms.
        """
        if self.study.dose is None:
            raise InputError(f"{self.study.treatment_name!r} has arms and no dose; ask arm_means().")
        levels = np.asarray(doses, dtype=np.float64).reshape(-1, 1)
        return self._at(levels, tuple(f"mean at {dose:g}" for dose in levels[:, 0]))

    @property
    def scores(self) -> FloatArray:
        """The score of each unit and arm, (n, k): its column means are the arm means; of a dose (n, 1), its effect."""
        if self.study.dose is not None:
            return self.value + self.influence
        means = self.arm_means()
        return np.asarray(means.value + means.influence)

    @property
    def unit_effects(self) -> FloatArray:
        """The effect of each unit, the same for all: (n,) for two arms or a dose, (n, k - 1) for more."""
        return one_column(np.tile(self.value, (self.study.n, 1)))

    def effect(self, covariates: FloatArray) -> FloatArray:
        """The effect given covariates (n, p), the same for all: (n,) for two arms or a dose, (n, k - 1) for more."""
        return one_column(np.tile(self.value, (len(checked_covariates(self.study, covariates)), 1)))

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: the model says nothing of effects given covariates."""
        del covariates, level
        raise NoInterval(
            "a partially linear model has one effect for all units",
            remedy='take ate(), or DoubleML(model="interactive") for effects that differ',
        )

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Overlap of the arms or variance left in the dose, likely leaks, repeated units, units that dominate."""
        study = self.study
        if study.dose is None:
            e = all_arms(self.nuisances.treatment)
            ground = overlap_of(e, study.treatment, study.arms, floor_of(study, self.learner.min_propensity)).verdict
        else:
            ground = _left_verdict(study, variance_left(study, self.nuisances))
        leak = suspected_leak(study) if study.dose is None else None
        found = (ground, leak, influence_verdict(self.influence, self.units.groups))
        return (*(v for v in found if v is not None), *repeated_verdicts(study, self.units))

    def _at(self, levels: FloatArray, names: tuple[str, ...]) -> Estimate:
        """Mean outcome at levels (r, m) of the treatment."""
        weight, D = weight_of(self.study), treatment_columns(self.study)
        rest = self.study.outcome - D @ self.value
        base, middle = float(np.average(rest, weights=weight)), np.average(D, axis=0, weights=weight)
        value = base + levels @ self.value
        influence = (weight * (rest - base))[:, None] + self.influence @ (levels - middle).T
        return self._estimate(value, influence, names)

    def _estimate(self, value: Any, influence: FloatArray, name: str | tuple[str, ...]) -> Estimate:
        return Estimate(
            value,
            influence,
            name=name,
            method="DoubleML, partially linear",
            estimand=self.estimand,
            sample=self.study.sample,
            cluster=self.units.cluster,
            dof=few_clusters_dof(self.units.cluster),
            verdicts=self.verdicts,
        )


def partially_linear(
    y: FloatArray, D: FloatArray, nuisances: Marginals, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The coefficients (m,) of what is left of D (n, m) in what is left of y, and their influences (n, m)."""
    v, u = D - nuisances.treatment, y - nuisances.outcome
    bread = np.linalg.pinv((weight[:, None] * v).T @ v / len(y), hermitian=True)
    value = bread @ (v.T @ (weight * u) / len(y))
    return value, (weight * (u - v @ value))[:, None] * v @ bread


def treatment_columns(study: Study) -> FloatArray:
    """The dose (n, 1), or an indicator of each arm after the first, (n, k - 1)."""
    return np.eye(len(study.arms))[study.treatment][:, 1:] if study.dose is None else study.dose[:, None]


def all_arms(others: FloatArray) -> FloatArray:
    """Propensities (n, k) from those of the arms after the first, (n, k - 1)."""
    return np.column_stack([1.0 - others.sum(axis=1), others])


def variance_left(study: Study, nuisances: Marginals) -> float:
    """The least share of a treatment column's variance that the covariates leave."""
    D, weight = treatment_columns(study), weight_of(study)
    spread = weight @ (D - np.average(D, axis=0, weights=weight)) ** 2
    return float((weight @ (D - nuisances.treatment) ** 2 / spread).min())


def _left_verdict(study: Study, left: float) -> Verdict:
    little = left < LITTLE
    return Verdict(
        check="overlap",
        status="warning" if little else "passed",
        code="poor_overlap" if little else "",
        statistic=left,
        meaning=f"The covariates leave {left:.1%} of the variance of {study.treatment_name}.",
        remedy="Leave out covariates that only predict the treatment." if little else "",
        evidence={"variance_left": left},
    )
