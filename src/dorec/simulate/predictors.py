"""What a variable is expected to be given its causes: a linear function or boosted trees, kept as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.tree_ensemble import TreeEnsemble

SMALL = 50_000  # rows under which a second thread costs more than it saves


@dataclass(frozen=True, eq=False)
class Linear:
    """x @ coef + intercept."""

    coef: FloatArray  # (p, k)
    intercept: FloatArray  # (k,)

    def predict(self, x: FloatArray) -> FloatArray:
        """Predictions (n, k) of rows (n, p)."""
        out: FloatArray = x @ self.coef + self.intercept
        return out

    def arrays(self) -> dict[str, AnyArray]:
        """The arrays by name, for a store."""
        return {"coef": self.coef, "intercept": self.intercept}


Predictor: TypeAlias = Linear | TreeEnsemble


def predictor_from_arrays(kind: str, arrays: Mapping[str, AnyArray], n_features: int) -> Predictor:
    """The predictor whose `arrays` were stored.

    Raises:
        ValueError: they are none.
    """
    if kind == "trees":
        return TreeEnsemble.from_arrays(arrays, n_features)
    coef, intercept = np.asarray(arrays["coef"]), np.asarray(arrays["intercept"])
    if coef.shape != (n_features, len(intercept)):
        raise ValueError(f"coef is {coef.shape}, intercept {intercept.shape}, with {n_features} columns of causes")
    return Linear(coef, intercept)


@dataclass(frozen=True)
class Boosting:
    """How trees are grown."""

    n_trees: int = 100
    learning_rate: float = 0.1
    max_leaf_nodes: int = 15
    min_samples_leaf: int = 20

    def settings(self) -> dict[str, Any]:
        """For scikit-learn; without early stopping, whose split of the rows would follow their order."""
        return {
            "max_iter": self.n_trees,
            "learning_rate": self.learning_rate,
            "max_leaf_nodes": self.max_leaf_nodes,
            "min_samples_leaf": self.min_samples_leaf,
            "l2_regularization": 1.0,
            "early_stopping": False,
            "random_state": 0,
        }


def design(given: Sequence[AnyArray], widths: Sequence[int], n: int) -> FloatArray:
    """Columns (n, p) of the causes: a continuous one as it is, of a discrete one an indicator of each level but one.

    Args:
        given: (n,) for each cause.
        widths: number of levels of each cause, 0 for a continuous one.
        n: number of rows.

    >>> design([np.array([0.5, 2.0]), np.array([0, 2])], [0, 3], 2).tolist()
    [[0.5, 0.0, 0.0], [2.0, 0.0, 1.0]]
    """
    out = np.empty((n, n_columns(widths)))
    at = 0
    for values, width in zip(given, widths, strict=True):
        if not width:
            out[:, at] = values
            at += 1
        for level in range(1, width):
            out[:, at] = values == level
            at += 1
    return out


def n_columns(widths: Sequence[int]) -> int:
    """Columns of the design.

    >>> n_columns([0, 3])
    3
    """
    return sum(width - 1 if width else 1 for width in widths)


def fit_linear(x: FloatArray, y: FloatArray) -> Linear:
    """Least squares; of columns that are functions of one another, the solution with the smallest coefficients.

    >>> fit_linear(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])).coef.round(6).tolist()
    [[2.0]]
    """
    centre, mean = x.mean(axis=0), y.mean()
    scale = x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    z = (x - centre) / scale
    # normal equations of standardised columns: one pass over the rows, and safe where columns are collinear
    slope, *_ = np.linalg.lstsq(z.T @ z, z.T @ (y - mean), rcond=1e-11)
    coef = slope / scale
    return Linear(coef[:, None], np.array([mean - centre @ coef]))


def fit_tree_regression(x: FloatArray, y: FloatArray, boosting: Boosting, context: RunContext) -> TreeEnsemble:
    """Boosted trees for a mean; rows must stand in an order of their own, as floating-point sums follow it."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # loaded on use: sampling does without

    with threads_for(len(x), context):
        model = HistGradientBoostingRegressor(**boosting.settings()).fit(x, y)
        return TreeEnsemble.from_boosting(model, x[:200])


def fit_tree_classification(x: FloatArray, y: IntArray, boosting: Boosting, context: RunContext) -> TreeEnsemble:
    """Boosted trees for log odds, (n, 1) of two levels, (n, k) of more."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    with threads_for(len(x), context):
        model = HistGradientBoostingClassifier(**boosting.settings()).fit(x, y)
        return TreeEnsemble.from_boosting(model, x[:200])


def fit_logistic(x: FloatArray, y: IntArray, context: RunContext) -> Linear:
    """Logistic regression with a faint ridge on standardised columns: (n, 1) of two levels, (n, k) of more."""
    from sklearn.linear_model import LogisticRegression

    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    with threads_for(len(x), context):
        model = LogisticRegression(C=1.0, max_iter=2_000).fit((x - centre) / scale, y)
    coef = model.coef_.T / scale[:, None]
    return Linear(coef, model.intercept_ - centre @ coef)


def log_probabilities(scores: FloatArray) -> FloatArray:
    """Log probabilities (n, k) of scores (n, k); one column is the log odds of the second of two levels.

    >>> np.exp(log_probabilities(np.array([[0.0]]))).tolist()
    [[0.5, 0.5]]
    """
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    shifted = scores - scores.max(axis=1, keepdims=True)
    out: FloatArray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return out


def threads_for(n: int, context: RunContext) -> Any:
    """A context manager for fits on n rows: one thread where more cost more than they save, else the context's."""
    return _pools().limit(limits=1 if n < SMALL else context.threads)


@cache
def _pools() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
