"""Regressions that make effects given covariates: arrays in, out-of-fold effects and a model for other units out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyRegressor

from dorec.estimate.checks import is_binary
from dorec.estimate.nuisance import Blend, CrossFit, Pooled, fit_model
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.folds import FoldFit, cross_predict
from dorec.numeric.honest_forest import bin_edges, to_codes

ROUNDING = 1e-12


class Predictor(Protocol):
    """Effects of other units."""

    def predict(self, X: FloatArray) -> FloatArray:
        """Effects (m,) given covariates (m, p)."""
        ...


class Effects(NamedTuple):
    """Effects of one arm against the reference."""

    out_of_fold: FloatArray  # (n,)
    predictor: Predictor


class Bins(TransformerMixin, BaseEstimator):
    """Columns as the numbers of their bins, so that boosted trees need no weighted quantiles of each column.

    >>> Bins().fit_transform(np.array([[0.1], [0.7], [0.1]])).tolist()
    [[0.0], [1.0], [0.0]]
    """

    def fit(self, X: FloatArray, y: Any = None) -> Self:
        """Thresholds of each column."""
        del y
        self.edges_ = bin_edges(X)
        return self

    def transform(self, X: FloatArray) -> FloatArray:
        """Bins (n, p)."""
        return to_codes(X, self.edges_).T.astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class ArmContrast:
    """The difference of two predicted outcomes, blended over models."""

    means: tuple[tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]], ...]
    weights: FloatArray  # (number of models,)
    scale: float

    def predict(self, X: FloatArray) -> FloatArray:
        """Effects (m,) given covariates (m, p)."""
        parts = [w * (high(X) - low(X)) for w, (low, high) in zip(self.weights, self.means, strict=True) if w > 0]
        return self.scale * np.asarray(sum(parts))


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """Two effects, weighted by the chance to be in the arm."""

    treated: Blend  # learned from the arm's units
    control: Blend
    chance: Blend

    def predict(self, X: FloatArray) -> FloatArray:
        """Effects (m,) given covariates (m, p)."""
        share = np.clip(self.chance.predict(X), 0.0, 1.0)
        return share * self.control.predict(X) + (1.0 - share) * self.treated.predict(X)


def regress(
    fit: CrossFit,
    target: FloatArray,
    models: Sequence[Any],
    among: AnyArray | None = None,
    weight: FloatArray | None = None,
    level: bool = False,
) -> tuple[FloatArray, Blend]:
    """Out-of-fold predictions (n,) of a target, and the blend of models fitted on all rows.

    A fold's predictions are blended by weights that the other folds chose: weights that saw its targets would make
    any prediction look as large as the effects it stands for.

    Args:
        fit: covariates, folds and the units' own weights.
        target: (n,); only the rows `among` (n,) are learned from, all are predicted.
        models: scikit-learn regressors, blended by their out-of-fold error.
        weight: (n,) of the regression, times the units' own.
        level: folds are given the same mean, as where the target holds the units' own outcomes: a fold with large ones
            gets small predictions from the others, so that units of different folds would be ranked backwards.
    """
    rows = np.arange(len(target)) if among is None else np.flatnonzero(among)
    inside = np.zeros(len(target), dtype=bool)
    inside[rows] = True
    if weight is not None:
        fit = replace(fit, weight=weight if fit.weight is None else weight * fit.weight)
    wide = fit if fit.X.shape[1] else replace(fit, X=np.zeros((len(target), 1)))
    models = models if fit.X.shape[1] else (DummyRegressor(),)
    scale = float(target[rows].std()) or 1.0
    scaled = target / scale

    def fold_fit(model: Any) -> FoldFit:
        def one(train: IntArray, test: IntArray) -> FloatArray:
            learned = train[inside[train]]
            fitted = fit_model(model, wide.X[learned], scaled[learned], _of(wide.weight, learned))
            return np.asarray(fitted.predict(wide.X[test]), dtype=np.float64)

        return one

    parts = [cross_predict(fold_fit(model), fit.folds, fit.run) for model in models]
    out = np.empty(len(target))
    for fold in np.unique(fit.folds):
        here = fit.folds == fold
        w = _blend(wide, parts, scaled, rows[~here[rows]])
        out[here] = scale * np.asarray(sum(v * part[here] for v, part in zip(w, parts, strict=True)))
    chosen = _blend(wide, parts, scaled, rows)
    fitted = [
        fit_model(m, wide.X[rows], target[rows], _of(wide.weight, rows)) if w > 0 else m
        for m, w in zip(models, chosen, strict=True)
    ]
    return (levelled(out, fit) if level else out), Blend(models=tuple(fitted), weights=chosen)


def levelled(effects: FloatArray, fit: CrossFit) -> FloatArray:
    """Effects (n,) whose weighted mean is the same in every fold; equal effects stay ties."""
    mass = np.ones(len(effects)) if fit.weight is None else fit.weight
    means = np.bincount(fit.folds, weights=mass * effects) / np.bincount(fit.folds, weights=mass)
    away = effects - means[fit.folds]
    away[np.abs(away) < ROUNDING * np.abs(effects).max()] = 0.0
    return np.asarray(away + np.average(effects, weights=mass))


def _blend(fit: CrossFit, parts: Sequence[FloatArray], target: FloatArray, rows: IntArray) -> FloatArray:
    """The convex weights of predictions that fit the target best on some rows."""
    return replace(fit, weight=_of(fit.weight, rows)).blend_weights([part[rows] for part in parts], target[rows])


def outcome_contrasts(fit: CrossFit, y: FloatArray, arm: IntArray, models: Sequence[Any]) -> list[Effects]:
    """Differences of predicted outcomes of each arm and the first: `Pooled` models see all arms, others one each."""
    binary, k = is_binary(y), int(arm.max()) + 1
    low, scale = (float(y.min()), float(np.ptp(y))) if binary else (float(y.mean()), float(y.std()) or 1.0)
    scaled = (y - low) / scale
    parts = [fit.means_by_arm(scaled, arm, [model], binary=binary) for model in models]
    weights = fit.blend_weights([part[np.arange(len(y)), arm] for part in parts], scaled)
    mean = np.asarray(sum(w * part for w, part in zip(weights, parts, strict=True)))
    fitted = [_all_arms(fit, model, scaled, arm, binary) for model in models]
    return [
        Effects(
            scale * (mean[:, a] - mean[:, 0]),
            ArmContrast(means=tuple((one[0], one[a]) for one in fitted), weights=weights, scale=scale),
        )
        for a in range(1, k)
    ]


def _all_arms(
    fit: CrossFit, model: Any, y: FloatArray, arm: IntArray, binary: bool
) -> list[Callable[[FloatArray], FloatArray]]:
    """The mean outcome in each arm as a function of covariates, fitted on all rows."""
    k = int(arm.max()) + 1
    if not isinstance(model, Pooled):
        return [_mean(model, fit.X[arm == a], y[arm == a], _of(fit.weight, arm == a), binary) for a in range(k)]
    dummies = np.eye(k)[:, 1:]
    pooled = _mean(model.model, np.hstack([fit.X, dummies[arm]]), y, fit.weight, binary)

    def in_arm(a: int) -> Callable[[FloatArray], FloatArray]:
        return lambda X: pooled(np.hstack([X, np.tile(dummies[a], (len(X), 1))]))

    return [in_arm(a) for a in range(k)]


def _mean(
    model: Any, X: FloatArray, y: FloatArray, weight: FloatArray | None, binary: bool
) -> Callable[[FloatArray], FloatArray]:
    if X.shape[1] == 0 or np.ptp(y) == 0:
        constant = float(np.average(y, weights=weight))
        return lambda other: np.full(len(other), constant)
    fitted = fit_model(model, X, y.astype(np.int64) if binary else y, weight)
    if binary and hasattr(fitted, "predict_proba"):
        return lambda other: np.asarray(fitted.predict_proba(other))[:, 1]
    return lambda other: np.asarray(fitted.predict(other), dtype=np.float64)


def _of(weight: FloatArray | None, rows: AnyArray) -> FloatArray | None:
    return None if weight is None else weight[rows]
