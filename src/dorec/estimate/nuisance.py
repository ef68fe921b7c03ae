"""Nuisance models: any scikit-learn regressor or classifier, one or several that are blended.

Several candidates are blended by short-stacking (Ahrens, Hansen, Schaffer, Wiemann 2025, doi:10.1002/jae.3103): each is
fitted once per fold, and the convex weights that fit the out-of-fold predictions best are shared by all folds. This
costs no more than fitting the candidates, and keeps the error small both where the truth is smooth and where it is not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from dorec.domain.errors import InputError
from dorec.domain.run import RunContext
from dorec.estimate.additive_basis import RIDGE_GRID, AdditiveBasis
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.folds import FoldFit, Map, cross_predict
from dorec.numeric.memo import Memo, content_of

SMALL = 50_000  # rows under which a second thread costs more than it saves
LARGE = 20_000  # rows from which trees are as smooth as the additive basis


def default_regressors(n: int) -> tuple[Any, ...]:
    """Candidates for a mean in n rows: ridge of each arm, additive ridge and boosted trees that see all arms."""
    linear = make_pipeline(StandardScaler(), RidgeCV(RIDGE_GRID))
    curved = Pooled(make_pipeline(AdditiveBasis(), RidgeCV(RIDGE_GRID)))
    trees = Pooled(HistGradientBoostingRegressor(**_boosting(n, 60)))
    return (linear, curved, trees) if n < LARGE else (linear, trees)


def default_outcome_classifiers(n: int) -> tuple[Any, ...]:
    """Candidates for the mean of an outcome with two values: all but the first see all arms."""
    linear, *others = default_classifiers(n)
    return (linear, *map(Pooled, others))


def default_classifiers(n: int) -> tuple[Any, ...]:
    """Candidates for a probability in n rows: logistic, additive logistic, boosted trees."""
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1_000))
    curved = make_pipeline(AdditiveBasis(), LogisticRegression(C=1.0, max_iter=1_000))
    trees = HistGradientBoostingClassifier(**_boosting(n, 30))
    return (linear, curved, trees) if n < LARGE else (linear, trees)


def _boosting(n: int, rounds: int) -> dict[str, Any]:
    rounds, leaves, leaf = (rounds, 6, 15) if n < 2_000 else (60, 8, 20) if n < 10_000 else (80, 16, 30)
    return {
        "learning_rate": 0.1,
        "max_iter": rounds,
        "max_leaf_nodes": leaves,
        "min_samples_leaf": leaf,
        "l2_regularization": 1.0,
        "early_stopping": False,
        "random_state": 0,
    }


@dataclass(frozen=True)
class Pooled:
    """An outcome model that is trained on all arms at once, with the arm as further columns: small arms borrow."""

    model: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The model, as scikit-learn asks for it: what makes two of these the same."""
        del deep
        return {"model": self.model}


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
        inner = model.model if isinstance(model, Pooled) else model
        if not (hasattr(inner, "fit") and (hasattr(inner, "predict") or hasattr(inner, "predict_proba"))):
            raise InputError(
                f"A nuisance model is {type(inner).__name__}, which has no fit and predict; "
                "give a scikit-learn regressor or classifier, or a list of them."
            )
    if not models:
        raise InputError("The list of nuisance models is empty; give at least one scikit-learn estimator.")
    return models


@cache
def _thread_pools() -> Any:
    """The controller of the thread pools, made once: finding them costs as much as a small fit."""
    return ThreadpoolController()


def threads_for(n: int, context: RunContext) -> Any:
    """A context manager for fits on n rows: one thread where more cost more than they save, else the context's."""
    return _thread_pools().limit(limits=1 if n < SMALL else context.threads)


def fit_model(model: Any, X: FloatArray, y: AnyArray, weight: FloatArray | None) -> Any:
    """A fitted clone of a scikit-learn estimator; weights go to its last step."""
    fresh = clone(model)
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
    memo: Memo | None = None  # shares predictions between estimators on the same study

    def mean(self, y: FloatArray, models: Sequence[Any]) -> FloatArray:
        """Out-of-fold E[y | X] for every unit, (n,)."""

        def compute() -> FloatArray:
            parts = [cross_predict(self._fold_mean(m, y, None, False), self.folds, self.run) for m in models]
            return _blended(parts, self.blend_weights(parts, y))

        return self._shared(compute, "mean", models, y)

    def probability(self, y: IntArray, models: Sequence[Any]) -> FloatArray:
        """Out-of-fold P(y = class | X) for every unit, (n, classes), for codes y from 0."""
        k = int(y.max()) + 1

        def compute() -> FloatArray:
            parts = [cross_predict(self._fold_classes(m, y, k), self.folds, self.run) for m in models]
            return _blended(parts, self.blend_weights(parts, np.eye(k)[y]))

        return self._shared(compute, "probability", models, y)

    def means_by_arm(self, y: FloatArray, arm: IntArray, models: Sequence[Any], *, binary: bool) -> FloatArray:
        """Out-of-fold E[y | X, arm] for every unit and arm, (n, k); y is 0 or 1 where `binary`.

        A `Pooled` model is trained on all arms at once, any other one on each arm alone.
        """
        k = int(arm.max()) + 1

        def one(m: Any) -> FloatArray:
            fit = self._pooled if isinstance(m, Pooled) else self._armwise
            return fit(m.model if isinstance(m, Pooled) else m, y, arm, k, binary)

        def compute() -> FloatArray:
            parts = [one(m) for m in models]
            observed = [part[np.arange(len(y)), arm] for part in parts]
            return _blended(parts, self.blend_weights(observed, y))

        return self._shared(compute, "means by arm", models, y, arm, binary)

    def _shared(self, compute: Callable[[], FloatArray], *ingredients: Any) -> FloatArray:
        if self.memo is None or self._content is None:
            return compute()
        return self.memo.get(content_of(self._content, *ingredients), compute)

    @cached_property
    def _content(self) -> bytes | None:
        return content_of(self.X, self.folds, self.weight)

    def _armwise(self, model: Any, y: FloatArray, arm: IntArray, k: int, binary: bool) -> FloatArray:
        columns = [cross_predict(self._fold_mean(model, y, arm == a, binary), self.folds, self.run) for a in range(k)]
        return np.stack(columns, axis=1)

    def _pooled(self, model: Any, y: FloatArray, arm: IntArray, k: int, binary: bool) -> FloatArray:
        dummies = np.eye(k)[:, 1:]
        wide = replace(self, X=np.hstack([self.X, dummies[arm]]))

        def fit(train: IntArray, test: IntArray) -> FloatArray:
            predict = wide._fitted_mean(model, y, train, binary)
            return np.stack([predict(wide.with_arm(test, dummies[a])) for a in range(k)], axis=1)

        return cross_predict(fit, self.folds, self.run)

    def with_arm(self, rows: IntArray, dummies: FloatArray) -> FloatArray:
        """Rows of X whose last columns say that everyone is in one arm."""
        X = self.X[rows].copy()
        X[:, X.shape[1] - len(dummies) :] = dummies
        return X

    def _fold_mean(self, model: Any, y: FloatArray, among: AnyArray | None, binary: bool) -> FoldFit:
        def fit(train: IntArray, test: IntArray) -> FloatArray:
            rows = train if among is None else train[among[train]]
            return self._fitted_mean(model, y, rows, binary)(self.X[test])

        return fit

    def _fitted_mean(
        self, model: Any, y: FloatArray, rows: IntArray, binary: bool
    ) -> Callable[[FloatArray], FloatArray]:
        weight = self._weights(rows)
        if self.X.shape[1] == 0 or np.ptp(y[rows]) == 0:
            level = np.average(y[rows], weights=weight)
            return lambda X: np.full(len(X), level)
        fitted = fit_model(model, self.X[rows], y[rows].astype(np.int64) if binary else y[rows], weight)
        if binary:
            return lambda X: _probabilities(fitted, X)[:, 1]
        return lambda X: np.asarray(fitted.predict(X), dtype=np.float64)

    def _fold_classes(self, model: Any, y: IntArray, k: int) -> FoldFit:
        def fit(train: IntArray, test: IntArray) -> FloatArray:
            present, weight = np.unique(y[train]), self._weights(train)
            if self.X.shape[1] == 0 or len(present) < 2:
                counts = np.bincount(y[train], weights=weight, minlength=k)
                return np.tile(counts / counts.sum(), (len(test), 1))
            out = np.zeros((len(test), k))
            out[:, present] = _probabilities(fit_model(model, self.X[train], y[train], weight), self.X[test])
            return out

        return fit

    def _weights(self, rows: IntArray) -> FloatArray | None:
        return None if self.weight is None else self.weight[rows]

    def blend_weights(self, predictions: Sequence[FloatArray], truth: FloatArray) -> FloatArray:
        """The convex weights of the candidates' out-of-fold predictions with the least squared error."""
        if len(predictions) == 1:
            return np.ones(1)
        stacked = np.stack([p.ravel() for p in predictions], axis=1)
        root = None if self.weight is None else np.repeat(np.sqrt(self.weight), truth.size // len(truth))
        return simplex_least_squares(stacked, truth.ravel(), root)


def calibrated(p: FloatArray, y: IntArray, weight: FloatArray | None = None) -> FloatArray:
    """Probabilities (n, k) made to mean what they say: a logistic regression of y on their log-odds (Platt 1999).

    Regularised models shrink probabilities towards each other, which hides where the arms don't overlap.
    """
    if p.shape[1] < 2 or np.ptp(p, axis=0).max() == 0 or len(np.unique(y)) < p.shape[1]:
        return p
    logs = np.log(np.clip(p, 1e-6, None))
    fitted = LogisticRegression(C=1e3, max_iter=1_000).fit(logs[:, 1:] - logs[:, :1], y, sample_weight=weight)
    return np.asarray(fitted.predict_proba(logs[:, 1:] - logs[:, :1]))


def _blended(parts: Sequence[FloatArray], weights: FloatArray) -> FloatArray:
    return np.asarray(sum(w * part for w, part in zip(weights, parts, strict=True)))


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
