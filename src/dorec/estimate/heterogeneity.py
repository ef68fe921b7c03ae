"""Effects given covariates: doubly robust outcomes regressed on them (Kennedy 2023, doi:10.1214/23-EJS2157)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.cross_fitting import Units
from dorec.estimate.nuisance import Blend, CrossFit, fit_model
from dorec.numeric.arrays import FloatArray, IntArray

ROUNDING = 1e-12  # in standard deviations of the scores


@dataclass(frozen=True, kw_only=True, eq=False)
class Heterogeneity:
    """Effects of the study's units, each predicted without its fold, and a model for other units."""

    out_of_fold: FloatArray  # (n, k - 1)
    columns: Sequence[int]
    models: tuple[Blend, ...]  # (k - 1,)

    def predict(self, X: FloatArray) -> FloatArray:
        """Effects (m, k - 1) given covariates (m, p)."""
        return np.stack([model.predict(X[:, self.columns]) for model in self.models], axis=1)


def effect_candidates(n: int) -> tuple[Any, ...]:
    """Candidates for an effect: a constant, ridge, and boosted trees that need many units for a split."""
    trees = HistGradientBoostingRegressor(
        learning_rate=0.05,
        max_iter=60,
        max_leaf_nodes=6 if n < 10_000 else 12,
        min_samples_leaf=max(20, n // 100),
        l2_regularization=5.0,
        early_stopping=False,
        random_state=0,
    )
    return DummyRegressor(), make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 6, 13))), trees


def fit_heterogeneity(
    study: Study, units: Units, folds: IntArray, outcomes: FloatArray, context: RunContext
) -> Heterogeneity:
    """Regress the contrasts of doubly robust outcomes (n, k) on the covariates, with the folds of the nuisances."""
    order = np.argsort(units.keys, kind="stable")
    columns = sorted(range(study.covariates.shape[1]), key=lambda j: study.covariate_names[j])
    X = np.ascontiguousarray(study.covariates[order][:, columns])
    weight = None if study.weight is None else study.weight[order]
    fit = CrossFit(X=X, folds=folds[order], weight=weight, run=context.engine.map)
    candidates = effect_candidates(study.n) if X.shape[1] else (DummyRegressor(),)
    out = np.empty((study.n, outcomes.shape[1] - 1))
    models = []
    for a in context.track(range(1, outcomes.shape[1]), "effects given covariates", outcomes.shape[1] - 1):
        contrast = (outcomes[:, a] - outcomes[:, 0])[order]
        out[order, a - 1], blend = _one_contrast(fit, contrast, candidates)
        models.append(blend)
    return Heterogeneity(out_of_fold=out, columns=columns, models=tuple(models))


def _one_contrast(fit: CrossFit, contrast: FloatArray, candidates: Sequence[Any]) -> tuple[FloatArray, Blend]:
    scale = float(contrast.std()) or 1.0
    target = contrast / scale
    predictions = [fit.mean(target, [model]) for model in candidates]
    out = scale * _honest_blend(fit, predictions, target)
    weights = fit.blend_weights(predictions, target)
    X = fit.X if fit.X.shape[1] else np.zeros((len(target), 1))
    fitted = [fit_model(m, X, contrast, fit.weight) if w > 0 else m for m, w in zip(candidates, weights, strict=True)]
    return out, Blend(models=tuple(fitted), weights=weights)


def _honest_blend(fit: CrossFit, predictions: Sequence[FloatArray], target: FloatArray) -> FloatArray:
    """Blend the predictions of each fold by weights that the other folds chose, and level the folds.

    A fold with large outcomes gets the smaller prediction from the others, so between folds the predictions would rank
    units backwards; only differences within a fold say something.
    """
    out = np.empty(len(target))
    for fold in np.unique(fit.folds):
        inside = fit.folds == fold
        others = replace(fit, weight=None if fit.weight is None else fit.weight[~inside])
        weights = others.blend_weights([p[~inside] for p in predictions], target[~inside])
        blended = np.asarray(sum(w * p[inside] for w, p in zip(weights, predictions, strict=True)))
        level = blended - np.average(blended, weights=None if fit.weight is None else fit.weight[inside])
        out[inside] = np.where(np.abs(level) < ROUNDING, 0.0, level)  # equal effects stay ties
    return out + np.average(target, weights=fit.weight)
