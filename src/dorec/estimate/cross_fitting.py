"""The one engine of every estimator: canonical order, folds, nuisances. An estimator adds only its score.

Units are put into an order that follows from their ids (or, without ids, from the ranks of their covariates) and
columns into the order of their names, so that no estimate depends on how the table was sorted or its arms labelled.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.checks import is_binary
from dorec.estimate.nuisance import (
    CrossFit,
    calibrated,
    candidates,
    default_classifiers,
    default_outcome_classifiers,
    default_regressors,
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
    ties += [] if study.propensity is None else list(np.asarray(study.propensity).T)
    return content_keys(study.covariates, study.covariate_names, *ties)


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
    k = len(study.arms)
    order = np.argsort(units.keys, kind="stable")
    codes, back = _arms_by_appearance(study.treatment[order], k)
    columns = sorted(range(study.covariates.shape[1]), key=lambda j: study.covariate_names[j])
    keys = _fold_keys(study, units, repeat, context.seed)[order]
    folds = stratified_folds(keys, codes, n_folds, None if units.groups is None else units.groups[order])
    fit = CrossFit(
        X=np.ascontiguousarray(study.covariates[order][:, columns]),
        folds=folds,
        weight=None if study.weight is None else study.weight[order],
        run=context.engine.map,
    )
    y = study.outcome[order]
    mu = fit_outcome(fit, y, codes, outcome_model)
    if study.propensity is not None:
        e = np.asarray(study.propensity)
    else:
        models = candidates(propensity_model, default_classifiers(study.n))
        e = fit.probability(codes, models)
        if propensity_model is None:  # a model that was handed in is taken at its word
            e = calibrated(e, codes, fit.weight)
        e = _restore(e[:, back], order)
    return Nuisances(propensity=e, outcome=_restore(mu[:, back], order), folds=_restore(folds, order))


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


def _restore(values: AnyArray, order: IntArray) -> AnyArray:
    out = np.empty_like(values)
    out[order] = values
    return out
