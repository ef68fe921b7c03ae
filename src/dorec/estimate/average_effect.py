"""Average effects from arm means: what every estimator of them says of its fit, and the model of those without more."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from dorec.domain.errors import InputError, NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.query import Population
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.checks import check_study, suspected_leak
from dorec.estimate.cross_fitting import Units
from dorec.estimate.diagnostics import Overlap, influence_verdict, repeated_verdicts, tame
from dorec.estimate.heterogeneity import Heterogeneity, fit_heterogeneity
from dorec.estimate.nuisance import threads_for
from dorec.estimate.scores import ArmMeans
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

FEW_CLUSTERS = 200  # below it Student's t takes the place of the normal


class Fit(Protocol):
    """What a fitted estimator of arm means has."""

    @property
    def learner(self) -> Any:
        """What fitted it."""
        ...

    @property
    def study(self) -> Study:
        """What it was fitted on."""
        ...

    @property
    def units(self) -> Units:
        """The study's units."""
        ...

    @property
    def overlap(self) -> Overlap:
        """How comparable the arms are."""
        ...

    @property
    def estimand(self) -> str:
        """The formula that is estimated, where one was identified."""
        ...

    @property
    def context(self) -> RunContext:
        """Seed and engine of the fit."""
        ...

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the fit found."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class AverageEffectModel:
    """A fitted estimator of average effects; an `EffectModel`.

    Example:
        >>> from dorec.estimate.regression_adjustment import RegressionAdjustment
        >>> table = {"t": np.arange(200) % 2, "y": np.arange(200) % 2 + np.sin(np.arange(200.0))}
        >>> model = RegressionAdjustment().fit(Study.from_table(table, outcome="y", treatment="t"))
        >>> model.arms, model.scores.shape, round(model.ate().value, 2)
        ((0, 1), (200, 2), 1.0)
    """

    learner: Any
    method: str
    study: Study
    units: Units
    means: ArmMeans
    pseudo_outcomes: FloatArray  # (n, k), outcomes of each unit in each arm whose contrasts are regressed for effects
    folds: IntArray  # (n,)
    overlap: Overlap
    context: RunContext = field(repr=False)
    no_interval: str = ""
    notes: tuple[Verdict, ...] = ()  # of the method, beside what every fit is asked
    estimand: str = ""
    varies: bool = True  # whether the effect may differ with the study's covariates

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        return self.study.arms

    @property
    def scores(self) -> FloatArray:
        """The score of each unit and arm, (n, k): its column means are the arm means."""
        return self.means.value + self.means.influence

    def arm_means(self) -> Estimate:
        """Mean outcome had everyone in the population been in each arm, (k,)."""
        return replace(arm_means_of(self, self.means, self.method), no_interval=self.no_interval)

    def ate(self) -> Estimate:
        """Average effect of each arm against the first: scalar for two arms, (k - 1,) for more."""
        found = contrasts_of(self, self.means, self.method)
        return replace(found, no_interval=self.no_interval) if self.no_interval else found

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the fit itself found: overlap, likely leaks, repeated units, units that dominate the influence."""
        return (*verdicts_of(self, self.means), *self.notes)

    @property
    def unit_effects(self) -> FloatArray:
        """Out-of-fold effect of each of the study's units: (n,) for two arms, (n, k - 1) for more."""
        return one_column(self._heterogeneity.out_of_fold)

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Effect given covariates (n, p), in the study's column order: (n,) for two arms, (n, k - 1) for more."""
        return one_column(self._heterogeneity.predict(checked_covariates(self.study, covariates)))

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: the effect given covariates has no pointwise interval that holds."""
        del covariates, level
        raise NoInterval(
            f"the effect at a point, from the scores of {self.method} regressed on the covariates, has no interval "
            "that holds its level",
            remedy="ask for ate(), or for the average effect of a segment by AIPW's segment()",
        )

    @cached_property
    def _heterogeneity(self) -> Heterogeneity:
        study = self.study
        if not self.varies:
            study = study.with_columns(covariates=np.empty((study.n, 0)), covariate_names=(), source_of={})
        with threads_for(study.n, self.context):
            return fit_heterogeneity(study, self.units, self.folds, self.pseudo_outcomes, self.context)


def arm_means_of(fit: Fit, means: ArmMeans, method: str) -> Estimate:
    """The arm means (k,) as an estimate."""
    names = tuple(f"mean if {arm}" for arm in fit.study.arms)
    return _estimate(fit, means.value, means.influence, names, method)


def contrasts_of(fit: Fit, means: ArmMeans, method: str) -> Estimate:
    """Each arm against the first, with the verdicts of the fit: scalar for two arms, (k - 1,) for more."""
    value = means.value[1:] - means.value[0]
    influence = means.influence[:, 1:] - means.influence[:, :1]
    names = tuple(f"{arm} - {fit.study.arms[0]}" for arm in fit.study.arms[1:])
    if len(names) == 1:
        return replace(_estimate(fit, float(value[0]), influence[:, 0], names[0], method), verdicts=fit.verdicts)
    return replace(_estimate(fit, value, influence, names, method), verdicts=fit.verdicts)


def verdicts_of(fit: Fit, means: ArmMeans) -> tuple[Verdict, ...]:
    """Overlap, likely leaks, repeated units, and units that dominate the influence, with a winsorised fit beside."""
    dominated = influence_verdict(means.influence[:, 1:] - means.influence[:, :1], fit.units.groups)
    if dominated is not None:
        tamed = fit.study.with_columns(outcome=tame(fit.study.outcome))
        beside = fit.learner.fit(tamed, context=fit.context).means.value
        values = (beside[1:] - beside[0]).tolist()
        dominated = replace(dominated, evidence={**dominated.evidence, "winsorised": values})
    found = (
        fit.overlap.verdict,
        suspected_leak(fit.study),
        dominated,
        *repeated_verdicts(fit.study, fit.units),
    )
    return tuple(verdict for verdict in found if verdict is not None)


def checked_covariates(study: Study, covariates: FloatArray) -> FloatArray:
    """Covariates (m, p) of units to predict for, refused where they have another shape or a gap."""
    X = np.asarray(covariates, dtype=np.float64)
    if X.ndim != 2 or X.shape[1] != study.covariates.shape[1]:
        raise InputError(
            f"covariates have shape {X.shape}; give (n, {study.covariates.shape[1]}), the columns "
            f"{', '.join(study.covariate_names[:20])}."
        )
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise InputError(
            f"Covariate {study.covariate_names[column]!r} is missing or infinite in row {row}; repair or drop the row."
        )
    return X


def few_clusters_dof(cluster: AnyArray | None) -> float | None:
    """Clusters less one, where there are few; None where the normal will do."""
    groups = 0 if cluster is None else len(np.unique(cluster.astype(str) if cluster.dtype == object else cluster))
    return groups - 1.0 if 1 < groups < FEW_CLUSTERS else None


def one_column(effects: FloatArray) -> FloatArray:
    """Effects (n, k - 1) as (n,) where there are two arms."""
    return effects[:, 0] if effects.shape[1] == 1 else effects


def floor_of(study: Study, least: float) -> FloatArray:
    """The floor of each arm's propensity, (k,): less where an arm is rare."""
    share = np.bincount(study.treatment, minlength=len(study.arms)) / study.n
    return np.asarray(least * np.minimum(1.0, share * len(share)))


def weight_of(study: Study) -> FloatArray:
    """The weights of a study, averaging one."""
    return np.ones(study.n) if study.weight is None else study.weight / study.weight.mean()


def check_arms_of(study: Study, units: Units, min_per_arm: int) -> None:
    """The refusals for an estimator without cross-fitting."""
    study.check_arms(min_per_arm)
    check_study(study, n_folds=1, min_per_fold=min_per_arm, groups=units.groups)


def member_of(study: Study, population: Population) -> FloatArray:
    """Who is in a population, (n,) of 0 and 1: all, or those with (without) one of the arms after the first."""
    if population == "all":
        return np.ones(study.n)
    return np.asarray(study.treatment == 0 if population == "control" else study.treatment > 0, dtype=np.float64)


def check_population(population: Population, allowed: tuple[str, ...] = ("all", "treated", "control")) -> None:
    """Refuse a population that an estimator can't answer for."""
    if population not in allowed:
        raise InputError(f"population is {population!r}; allowed: {', '.join(map(repr, allowed))}.")


def standardised_design(X: FloatArray) -> FloatArray:
    """The constant and the standardised columns that vary, (n, q)."""
    spread = X.std(axis=0)
    varied = spread > 0
    return np.column_stack([np.ones(len(X)), (X[:, varied] - X[:, varied].mean(axis=0)) / spread[varied]])


def _estimate(fit: Fit, value: Any, influence: FloatArray, name: str | tuple[str, ...], method: str) -> Estimate:
    return Estimate(
        value,
        influence,
        name=name,
        method=method,
        estimand=fit.estimand,
        sample=fit.study.sample,
        cluster=fit.units.cluster,
        dof=few_clusters_dof(fit.units.cluster),
    )
