"""Nuisance models: any scikit-learn regressor or classifier, one or several that are blended.

Several candidates are blended by short-stacking (Ahrens, Hansen, Schaffer, Wiemann 2025, doi:10.1002/jae.3103): each is
fitted once per fold, and the convex weights that fit the out-of-fold predictions best are shared by all folds. This
costs no more than fitting the candidates, and keeps the error small both where the truth is smooth and where it is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from dorec.domain.errors import InputError
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.folds import Map, cross_predict

SMALL = 5_000  # rows under which a second thread costs more than it saves
RIDGE_GRID = np.logspace(-1, 4, 11)


class Hinges(TransformerMixin, BaseEstimator):
    """Columns beside their hinges max(0, x - knot) at inner quantiles: smooth additive curves for a linear model.

    Columns with few distinct values, as indicators, stay as they are.

    >>> Hinges(n_knots=1).fit_transform(np.arange(12.0)[:, None]).shape
    (12, 2)
    """

    def __init__(self, n_knots: int = 4, min_distinct: int = 8) -> None:
        self.n_knots = n_knots
        self.min_distinct = min_distinct

    def fit(self, X: FloatArray, y: Any = None) -> Self:
        """Knots at equally spaced inner quantiles of each column with enough distinct values."""
        del y
        inner = np.linspace(0, 1, self.n_knots + 2)[1:-1]
        curved = [j for j in range(X.shape[1]) if len(np.unique(X[:5_000, j])) >= self.min_distinct]
        self.columns_ = np.repeat(curved, self.n_knots).astype(np.int64)
        self.knots_ = np.quantile(X[:, curved], inner, axis=0).T.ravel() if curved else np.empty(0)
        return self

    def transform(self, X: FloatArray) -> FloatArray:
        """The columns and their hinges, (n, p + p * n_knots)."""
        return np.hstack([X, np.maximum(X[:, self.columns_] - self.knots_, 0.0)])


def default_regressors(n: int) -> tuple[Any, ...]:
    """Candidates for a mean: ridge, additive ridge on hinges, boosted trees whose size grows with the rows."""
    return (
        make_pipeline(StandardScaler(), RidgeCV(RIDGE_GRID)),
        make_pipeline(Hinges(), StandardScaler(), RidgeCV(RIDGE_GRID)),
        HistGradientBoostingRegressor(**_boosting(n)),
    )


def default_classifiers(n: int) -> tuple[Any, ...]:
    """Candidates for a probability: logistic, additive logistic on hinges, boosted trees."""
    return (
        make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1_000)),
        make_pipeline(Hinges(), StandardScaler(), LogisticRegression(C=0.01 if n < SMALL else 0.1, max_iter=1_000)),
        HistGradientBoostingClassifier(**_boosting(n)),
    )


def _boosting(n: int) -> dict[str, Any]:
    rounds, leaves, leaf = (30, 6, 15) if n < 2_000 else (50, 8, 20) if n < 10_000 else (70, 16, 30)
    return {
        "learning_rate": 0.1,
        "max_iter": rounds,
        "max_leaf_nodes": leaves,
        "min_samples_leaf": leaf,
        "l2_regularization": 1.0,
        "early_stopping": False,
        "random_state": 0,
    }


@dataclass(frozen=True, kw_only=True)
class Blend:
    """Fitted candidates and the convex weights of their predictions."""

    models: tuple[Any, ...]
    weights: FloatArray  # (number of models,)

    def predict(self, X: FloatArray) -> FloatArray:
        """The weighted mean of the candidates' predictions, (m,)."""
        out = np.zeros(len(X))
        for model, weight in zip(self.models, self.weights, strict=True):
            if weight > 0:
                out += weight * model.predict(X)
        return out


def candidates(given: Any, defaults: Sequence[Any]) -> tuple[Any, ...]:
    """What the user handed in (nothing, one estimator, several) as a tuple of scikit-learn estimators."""
    models = tuple(defaults) if given is None else tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for model in models:
        if not (hasattr(model, "fit") and (hasattr(model, "predict") or hasattr(model, "predict_proba"))):
            raise InputError(
                f"A nuisance model is {type(model).__name__}, which has no fit and predict; "
                "give a scikit-learn regressor or classifier, or a list of them."
            )
    if not models:
        raise InputError("The list of nuisance models is empty; give at least one scikit-learn estimator.")
    return models


def fit_model(model: Any, X: FloatArray, y: AnyArray, weight: FloatArray | None) -> Any:
    """A fitted clone of a scikit-learn estimator; weights go to its last step."""
    fresh = clone(model)
    with threadpool_limits(limits=1 if len(X) < SMALL else None):
        if weight is None:
            return fresh.fit(X, y)
        last = fresh.steps[-1][1] if isinstance(fresh, Pipeline) else fresh
        if not has_fit_parameter(last, "sample_weight"):
            raise InputError(
                f"The study has weights, which {type(last).__name__} can't use; choose another nuisance model."
            )
        name = f"{fresh.steps[-1][0]}__sample_weight" if isinstance(fresh, Pipeline) else "sample_weight"
        return fresh.fit(X, y, **{name: weight})


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossFit:
    """What cross-fitting needs beside the models: covariates, folds, weights and where to run."""

    X: FloatArray  # (n, p)
    folds: IntArray  # (n,)
    weight: FloatArray | None = None  # (n,)
    run: Map | None = None

    def mean(self, y: FloatArray, models: Sequence[Any], among: AnyArray | None = None) -> FloatArray:
        """Out-of-fold E[y | X] for every unit, (n,), from models trained on the units in `among` (a mask)."""
        return self._blend([self._regress(model, y, among) for model in models], y, among)

    def probability(self, y: IntArray, models: Sequence[Any], among: AnyArray | None = None) -> FloatArray:
        """Out-of-fold P(y = class | X) for every unit, (n, classes), for codes y from 0."""
        classes = int(y.max()) + 1
        truth = np.eye(classes)[y]
        return self._blend([self._classify(model, y, classes, among) for model in models], truth, among)

    def _rows(self, train: IntArray, among: AnyArray | None) -> IntArray:
        return train if among is None else train[among[train]]

    def _regress(self, model: Any, y: FloatArray, among: AnyArray | None) -> FloatArray:
        def fit(train: IntArray, test: IntArray) -> FloatArray:
            rows = self._rows(train, among)
            if self.X.shape[1] == 0 or np.ptp(y[rows]) == 0:
                return np.full(len(test), np.average(y[rows], weights=self._weights(rows)))
            return np.asarray(fit_model(model, self.X[rows], y[rows], self._weights(rows)).predict(self.X[test]))

        return cross_predict(fit, self.folds, self.run)

    def _classify(self, model: Any, y: IntArray, classes: int, among: AnyArray | None) -> FloatArray:
        def fit(train: IntArray, test: IntArray) -> FloatArray:
            rows = self._rows(train, among)
            present = np.unique(y[rows])
            if self.X.shape[1] == 0 or len(present) < 2:
                counts = np.bincount(y[rows], weights=self._weights(rows), minlength=classes)
                return np.tile(counts / counts.sum(), (len(test), 1))
            fitted = fit_model(model, self.X[rows], y[rows], self._weights(rows))
            out = np.zeros((len(test), classes))
            out[:, present] = _probabilities(fitted, self.X[test])
            return out

        return cross_predict(fit, self.folds, self.run)

    def _weights(self, rows: IntArray) -> FloatArray | None:
        return None if self.weight is None else self.weight[rows]

    def _blend(self, predictions: list[FloatArray], truth: FloatArray, among: AnyArray | None) -> FloatArray:
        weights = self.blend_weights(predictions, truth, among)
        return np.asarray(sum(w * p for w, p in zip(weights, predictions, strict=True)))

    def blend_weights(self, predictions: list[FloatArray], truth: FloatArray, among: AnyArray | None) -> FloatArray:
        """The convex weights of the candidates' out-of-fold predictions with the least squared error."""
        if len(predictions) == 1:
            return np.ones(1)
        rows = slice(None) if among is None else among
        stacked = np.stack([p[rows].ravel() for p in predictions], axis=1)
        target = truth[rows]
        root = None if self.weight is None else np.sqrt(self.weight[rows])
        if root is not None:
            root = np.repeat(root, target.size // len(target))
        return simplex_least_squares(stacked, target.ravel(), root)


def _probabilities(fitted: Any, X: FloatArray) -> FloatArray:
    if hasattr(fitted, "predict_proba"):
        return np.asarray(fitted.predict_proba(X))
    one = np.clip(np.asarray(fitted.predict(X), dtype=np.float64), 0.0, 1.0)  # a regressor of a 0/1 target
    return np.stack([1.0 - one, one], axis=1)


def simplex_least_squares(A: FloatArray, b: FloatArray, root_weight: FloatArray | None = None) -> FloatArray:
    """Weights of the columns of A, at least zero and summing to one, with the least squared error against b.

    Exact: with few columns, every set of positive weights is tried.

    >>> simplex_least_squares(np.eye(3)[:, :2], np.array([0.3, 0.7, 0.0])).round(2).tolist()
    [0.3, 0.7]
    """
    D = A - b[:, None]  # on the simplex, A w - b = D w
    if root_weight is not None:
        D = D * root_weight[:, None]
    G = D.T @ D
    k = len(G)
    scale = np.trace(G) / k or 1.0
    G = G / scale + 1e-10 * np.eye(k)
    best, best_loss = np.full(k, 1.0 / k), np.inf
    for subset in range(1, 2**k):
        active = [j for j in range(k) if subset >> j & 1]
        solved = np.linalg.solve(G[np.ix_(active, active)], np.ones(len(active)))
        w = np.zeros(k)
        w[active] = solved / solved.sum()
        loss = float(w @ G @ w)
        if w.min() >= 0 and loss < best_loss:
            best, best_loss = w, loss
    return best
