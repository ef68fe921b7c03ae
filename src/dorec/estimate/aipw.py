"""AIPW: the augmented inverse-propensity-weighted, doubly robust average effect with cross-fitting."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from dorec.domain.errors import InputError, NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.query import Population
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import (
    arm_means_of,
    checked_covariates,
    contrasts_of,
    few_clusters_dof,
    floor_of,
    one_column,
    verdicts_of,
    weight_of,
)
from dorec.estimate.checks import check_study
from dorec.estimate.cross_fitting import Nuisances, Units, comparable_nuisances, units_of
from dorec.estimate.diagnostics import Overlap, overlap_of
from dorec.estimate.heterogeneity import Heterogeneity, fit_heterogeneity
from dorec.estimate.nuisance import threads_for
from dorec.estimate.scores import ArmMeans, augmented_outcomes, mean_of, median_of_splits, weighted_means
from dorec.numeric.arrays import FloatArray

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True, kw_only=True)
class AIPW:
    """Average effects of each arm against the first, doubly robust (Chernozhukov et al. 2018, doi:10.1111/ectj.12097).

    Outcome and propensity are predicted out of fold by any scikit-learn estimators; by default ridge, additive and
    boosted-tree models are blended by their out-of-fold error. Known propensities of the study are used as they are.

    Args:
        n_folds: folds of the cross-fitting, 2 or more.
        outcome_model: regressor of a numeric outcome, classifier of one with two values; a list is blended.
        propensity_model: classifier of the arms; a list is blended. Not used where the propensities are known.
        min_propensity: estimated propensities are raised to this floor (less where an arm is rare).
        n_repeats: cross-fittings with other folds; the median effect is reported, and its spread widens the interval.
        population: whose average: all units, the treated, the control, or those who could be in every arm (overlap).
        min_per_fold: units that each arm must have for each fold.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=800)
        >>> t = (rng.random(800) < 1 / (1 + np.exp(-x))).astype(int)
        >>> table = {"x": x, "t": t, "y": 2.0 * t + 3.0 * x + rng.normal(size=800)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> effect = AIPW(n_folds=3).fit(study).ate()
        >>> effect.name, abs(effect.value - 2.0) < 0.25
        ('1 - 0', True)
    """

    n_folds: int = 5
    outcome_model: Any = None
    propensity_model: Any = None
    min_propensity: float = 0.01
    n_repeats: int = 1
    population: Population = "all"
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        for name, value, least in (("n_folds", self.n_folds, 2), ("n_repeats", self.n_repeats, 1)):
            if value < least:
                raise InputError(f"{name} is {value}; give {least} or more.")
        if not 0 <= self.min_propensity < 0.5:
            raise InputError(f"min_propensity is {self.min_propensity}; give a number from 0 to below 0.5.")
        if self.population not in ("all", "treated", "control", "overlap"):
            raise InputError(f"population is {self.population!r}; allowed: 'all', 'treated', 'control', 'overlap'.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "AIPWModel":
        """Nuisances, scores and diagnostics of a study.

        Raises:
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
        """
        units = units_of(study)
        check_study(study, n_folds=self.n_folds, min_per_fold=self.min_per_fold, groups=units.groups)
        floor = floor_of(study, self.min_propensity)
        splits = [
            self._one_split(study, units, repeat, floor, context)
            for repeat in context.track(range(self.n_repeats), "cross-fitting", self.n_repeats)
        ]
        nuisances = splits[0] if len(splits) == 1 else _mean_of_splits(splits)
        weight = weight_of(study)
        parts = [augmented_outcomes(study.outcome, study.treatment, s.outcome, s.propensity, weight) for s in splits]
        if self.population == "all":
            found = [mean_of(part, weight) for part in parts]
        else:
            found = [self._tilted(study, split, weight) for split in splits]
        return AIPWModel(
            learner=self,
            study=study,
            units=units,
            nuisances=nuisances,
            means=median_of_splits(found, units.groups),
            pseudo_outcomes=np.asarray(sum(parts)) / len(parts),
            overlap=overlap_of(nuisances.propensity, study.treatment, study.arms, floor),
            context=context,
        )

    def _one_split(self, study: Study, units: Units, repeat: int, floor: FloatArray, context: RunContext) -> Nuisances:
        return comparable_nuisances(
            study,
            units,
            n_folds=self.n_folds,
            models=(self.outcome_model, self.propensity_model),
            floor=floor,
            trimmed=self.population != "all",
            repeat=repeat,
            context=context,
        )

    def _tilted(self, study: Study, split: Nuisances, weight: FloatArray) -> ArmMeans:
        return weighted_means(
            study.outcome,
            study.treatment,
            split.outcome,
            split.propensity,
            population=self.population,
            known=study.propensity is not None,
            weight=weight,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class AIPWModel:
    """What AIPW learned from a study; an `EffectModel`.

    Example:
        >>> table = {"t": np.arange(200) % 2, "y": np.arange(200) % 2 + np.sin(np.arange(200.0))}
        >>> model = AIPW(n_folds=2).fit(Study.from_table(table, outcome="y", treatment="t"))
        >>> model.arms, model.scores.shape
        ((0, 1), (200, 2))
    """

    learner: AIPW
    study: Study
    units: Units
    nuisances: Nuisances
    means: ArmMeans
    pseudo_outcomes: FloatArray  # (n, k), doubly robust outcomes over all units, whatever the population
    overlap: Overlap
    context: RunContext = field(repr=False)
    estimand: str = ""

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        return self.study.arms

    @property
    def scores(self) -> FloatArray:
        """The orthogonal score of each unit and arm, (n, k): its column means are the arm means."""
        return self.means.value + self.means.influence

    def arm_means(self) -> Estimate:
        """Mean outcome had everyone in the population been in each arm, (k,)."""
        return arm_means_of(self, self.means, "AIPW")

    def ate(self) -> Estimate:
        """Average effect of each arm against the first: scalar for two arms, (k - 1,) for more."""
        return contrasts_of(self, self.means, "AIPW")

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the fit itself found: overlap, likely leaks, repeated units, units that dominate the influence."""
        return verdicts_of(self, self.means)

    @property
    def unit_effects(self) -> FloatArray:
        """Out-of-fold effect of each of the study's units: (n,) for two arms, (n, k - 1) for more."""
        return one_column(self._heterogeneity.out_of_fold)

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Effect given covariates (n, p), in the study's column order: (n,) for two arms, (n, k - 1) for more."""
        X = checked_covariates(self.study, covariates)
        return one_column(self._heterogeneity.predict(X))

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: regressions of the score on covariates have no pointwise interval that holds."""
        del covariates, level
        raise NoInterval(
            "the effect at a point, from AIPW's scores regressed on the covariates, has no interval that holds its "
            "level",
            remedy="ask for the average effect of a segment: the mean of `scores` over its units has one",
        )

    def segment(self, rows: Any) -> Estimate:
        """Average effect of each arm against the first among some units: a mask or positions."""
        outcomes = self.pseudo_outcomes[rows]
        contrast = outcomes[:, 1:] - outcomes[:, :1]
        part = self.study.take(rows)
        names = tuple(f"{arm} - {self.arms[0]}" for arm in self.arms[1:])
        labels = None if self.units.cluster is None else self.units.cluster[rows]
        means = mean_of(contrast, weight_of(part))
        vector = Estimate(
            means.value,
            means.influence,
            name=names,
            method="AIPW",
            estimand=self.estimand,
            sample=part.sample,
            cluster=labels,
            dof=few_clusters_dof(labels),
        )
        return vector if len(names) > 1 else vector[0]

    @cached_property
    def _heterogeneity(self) -> Heterogeneity:
        with threads_for(self.study.n, self.context):
            return fit_heterogeneity(self.study, self.units, self.nuisances.folds, self.pseudo_outcomes, self.context)


def _mean_of_splits(splits: list[Nuisances]) -> Nuisances:
    return Nuisances(
        propensity=np.mean([s.propensity for s in splits], axis=0),
        outcome=np.mean([s.outcome for s in splits], axis=0),
        folds=splits[0].folds,
    )
