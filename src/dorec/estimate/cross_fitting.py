"""The one engine of every estimator: canonical order, folds, nuisances. An estimator adds only its score.

Units are put into an order that follows from their ids (or, without ids, from the ranks of their covariates) and
columns into the order of their names, so that no estimate depends on how the table was sorted or its arms labelled.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.checks import check_overlap, is_binary
from dorec.estimate.nuisance import (
    CrossFit,
    Pooled,
    calibrated,
    candidates,
    default_classifiers,
    default_outcome_classifiers,
    default_regressors,
    threads_for,
)
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.folds import Keys, content_keys, hash64, mix64, stratified_folds


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """Who the units are: one key each, and the groups that must stay together."""

    keys: Keys  # (n,)
    groups: IntArray | None  # (n,) codes; None where each unit stands alone
    cluster: AnyArray | None  # (n,) labels for standard errors
    repeated: int  # units whose id occurs more than once, although no cluster was given


@dataclass(frozen=True, kw_only=True, eq=False)
class Nuisances:
    """Out-of-fold predictions of what is not the question."""

    propensity: FloatArray  # (n, k)
    outcome: FloatArray  # (n, k), E[y | x, arm]
    folds: IntArray  # (n,)


def units_of(study: Study) -> Units:
    """Keys and groups of a study's units; ids that repeat are clusters."""
    cluster, repeated = study.cluster, 0
    if cluster is None and study.unit is not None:
        count = np.unique(study.unit.astype(str) if study.unit.dtype == object else study.unit, return_counts=True)[1]
        repeated = int(count[count > 1].sum())
        cluster = study.unit if repeated else None
    rows = hash64(study.unit) if study.unit is not None and not repeated else _content(study)
    if cluster is None:
        return Units(keys=rows, groups=None, cluster=None, repeated=repeated)
    labels = cluster.astype(str) if cluster.dtype == object else cluster
    groups = np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)
    return Units(keys=rows, groups=groups, cluster=cluster, repeated=repeated)


def _content(study: Study) -> Keys:
    size = np.bincount(study.treatment)[study.treatment]  # before the code, so that labels matter only for equal arms
    ties = [study.outcome, size, study.treatment]
    ties += [] if study.weight is None else [study.weight]
    ties += [] if study.dose is None else [study.dose]
    ties += [] if study.propensity is None else list(np.asarray(study.propensity).T)
    return content_keys(study.covariates, study.covariate_names, *ties)


@dataclass(frozen=True, kw_only=True, eq=False)
class Canonical:
    """A study's units and columns in the order that follows from what they are, with their folds."""

    order: IntArray  # (n,) row of the study at each place
    arm: IntArray  # (n,) codes in the order in which arms appear
    back: IntArray  # (k,) column of each of the study's arms
    fit: CrossFit

    def of(self, values: AnyArray) -> AnyArray:
        """Values (n, ...) of the study's rows in canonical order."""
        return values[self.order]

    def restored(self, values: AnyArray) -> AnyArray:
        """Values (n, ...) in canonical order, back in the study's own."""
        out = np.empty_like(values)
        out[self.order] = values
        return out


@dataclass(frozen=True, kw_only=True, eq=False)
class Marginals:
    """Out-of-fold means given the covariates alone, whatever the arm."""

    outcome: FloatArray  # (n,)
    treatment: FloatArray  # (n, k - 1) P(arm | x), or (n, 1) the mean dose
    folds: IntArray  # (n,)


def canonical(study: Study, units: Units, *, n_folds: int, repeat: int, context: RunContext) -> Canonical:
    """The canonical order and the folds of one repetition."""
    order = np.argsort(units.keys, kind="stable")
    codes, back = _arms_by_appearance(study.treatment[order], max(1, len(study.arms)))
    columns = sorted(range(study.covariates.shape[1]), key=lambda j: study.covariate_names[j])
    keys = _fold_keys(study, units, repeat, context.seed)[order]
    fit = CrossFit(
        X=np.ascontiguousarray(study.covariates[order][:, columns]),
        folds=stratified_folds(keys, codes, n_folds, None if units.groups is None else units.groups[order]),
        weight=None if study.weight is None else study.weight[order],
        run=context.engine.map,
        memo=context.memo,
    )
    return Canonical(order=order, arm=codes, back=back, fit=fit)


def fit_nuisances(
    study: Study,
    units: Units,
    *,
    n_folds: int,
    outcome_model: Any,
    propensity_model: Any,
    repeat: int,
    context: RunContext,
) -> Nuisances:
    """Cross-fitted propensities and arm-wise outcome means, in the study's own row order."""
    at = canonical(study, units, n_folds=n_folds, repeat=repeat, context=context)
    mu = fit_outcome(at.fit, at.of(study.outcome), at.arm, outcome_model)
    return Nuisances(
        propensity=fit_propensity(study, at, propensity_model),
        outcome=at.restored(mu[:, at.back]),
        folds=at.restored(at.fit.folds),
    )


def fit_propensity(study: Study, at: Canonical, model: Any) -> FloatArray:
    """Out-of-fold P(arm | x), (n, k), in the study's own row order; known ones as they are."""
    if study.propensity is not None:
        return np.asarray(study.propensity)
    e = at.fit.probability(at.arm, candidates(model, default_classifiers(study.n)))
    if model is None:  # a model that was handed in is taken at its word
        e = calibrated(e, at.arm, at.fit.weight)
    return np.asarray(at.restored(e[:, at.back]))


def comparable_nuisances(
    study: Study,
    units: Units,
    *,
    n_folds: int,
    models: tuple[Any, Any],
    floor: FloatArray,
    trimmed: bool,
    repeat: int = 0,
    context: RunContext,
) -> Nuisances:
    """Nuisances whose estimated propensities overlap and are raised to a floor (k,); `models` outcome and propensity.

    Raises:
        NoOverlap: see `check_overlap`.
    """
    with threads_for(study.n, context):
        nuisances = fit_nuisances(
            study,
            units,
            n_folds=n_folds,
            outcome_model=models[0],
            propensity_model=models[1],
            repeat=repeat,
            context=context,
        )
    if study.propensity is not None:
        return nuisances
    check_overlap(nuisances.propensity, study.treatment, study.arms, floor, trimmed)
    raised = np.maximum(nuisances.propensity, floor)
    return replace(nuisances, propensity=raised / raised.sum(axis=1, keepdims=True))


def fit_marginals(
    study: Study,
    units: Units,
    *,
    n_folds: int,
    outcome_model: Any,
    treatment_model: Any,
    repeat: int = 0,
    context: RunContext,
) -> Marginals:
    """Cross-fitted E[outcome | x] and E[treatment | x] for arms or a dose, in the study's own row order."""
    at = canonical(study, units, n_folds=n_folds, repeat=repeat, context=context)
    if study.dose is None:
        treatment = fit_propensity(study, at, treatment_model)[:, 1:]
    else:
        treatment = at.restored(_marginal(at.fit, at.of(study.dose), treatment_model))[:, None]
    return Marginals(
        outcome=at.restored(_marginal(at.fit, at.of(study.outcome), outcome_model)),
        treatment=treatment,
        folds=at.restored(at.fit.folds),
    )


def _marginal(fit: CrossFit, y: FloatArray, models: Any) -> FloatArray:
    """Out-of-fold E[y | x], (n,), of standardised y; a probability where y has two values."""
    if is_binary(y):
        low, high = float(y.min()), float(y.max())
        hit = (y == high).astype(np.int64)
        return low + (high - low) * fit.probability(hit, candidates(models, default_classifiers(len(y))))[:, 1]
    centre, spread = float(y.mean()), float(y.std()) or 1.0
    chosen = [m.model if isinstance(m, Pooled) else m for m in candidates(models, default_regressors(len(y)))]
    return centre + spread * fit.mean((y - centre) / spread, chosen)


def fit_outcome(fit: CrossFit, y: FloatArray, arm: IntArray, models: Any) -> FloatArray:
    """Out-of-fold mean outcome of every unit in every arm, (n, k): a probability where the outcome has two values.

    The outcome is standardised first, so that a shift or a scale of it changes nothing but the units of the result.
    """
    if is_binary(y):
        low, high = float(y.min()), float(y.max())
        hit = (y == high).astype(np.float64)
        p = fit.means_by_arm(hit, arm, candidates(models, default_outcome_classifiers(len(y))), binary=True)
        return np.asarray(low + (high - low) * p)
    centre, spread = float(y.mean()), float(y.std()) or 1.0
    chosen = candidates(models, default_regressors(len(y)))
    return np.asarray(centre + spread * fit.means_by_arm((y - centre) / spread, arm, chosen, binary=False))


def _arms_by_appearance(treatment: IntArray, k: int) -> tuple[IntArray, IntArray]:
    """Arm codes in the order in which arms first appear, so that labels do not matter, and how to undo it."""
    first = np.full(k, len(treatment))
    levels, where = np.unique(treatment, return_index=True)
    first[levels] = where
    back = np.argsort(np.argsort(first, kind="stable"))
    return np.asarray(back[treatment], dtype=np.int64), back


def _fold_keys(study: Study, units: Units, repeat: int, seed: int) -> Keys:
    keys = units.keys
    if units.groups is not None and units.cluster is not None:
        keys = hash64(units.cluster)
    return mix64(keys ^ hash64(np.array([f"{seed}/{repeat}"], dtype=object)))
