"""A basis in which few features carry curves and interactions, for linear models of nuisances.

Each column is bent by hinges, features are scaled by how much they explain (an adaptive ridge, in the spirit of the
adaptive lasso, Zou 2006, doi:10.1198/016214506000000735), and the most relevant ones are multiplied pairwise. A ridge
or logistic regression on it shrinks what matters little and leaves what matters, which keeps confounding from being
shrunk away in both nuisances at once.
"""

from itertools import combinations
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import RidgeCV

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

RIDGE_GRID = np.logspace(-1, 4, 11)
FLOOR = 0.02  # relevance of the least relevant feature
SAMPLE = 20_000  # rows that tell relevance well enough


class AdditiveBasis(TransformerMixin, BaseEstimator):
    """Columns, their hinges, and products of the most relevant columns, all scaled by relevance.

    Args:
        n_knots: hinges of each column with enough distinct values, at inner quantiles.
        n_products: the most relevant features that are multiplied pairwise.
        min_distinct: columns with fewer distinct values, as indicators, are not bent.

    >>> x = np.random.default_rng(0).normal(size=(100, 3))
    >>> AdditiveBasis(n_knots=2, n_products=2).fit_transform(x, np.abs(x[:, 0])).shape
    (100, 10)
    """

    def __init__(self, n_knots: int = 6, n_products: int = 5, min_distinct: int = 8) -> None:
        self.n_knots = n_knots
        self.n_products = n_products
        self.min_distinct = min_distinct

    def fit(self, X: FloatArray, y: AnyArray) -> Self:
        """Knots, relevance of each feature for y (n,) (numbers, or codes of classes), and products."""
        inner = np.linspace(0, 1, self.n_knots + 2)[1:-1]
        curved = [j for j in range(X.shape[1]) if len(np.unique(X[:5_000, j])) >= self.min_distinct]
        self.bent_: IntArray = np.repeat(np.array(curved, dtype=np.int64), self.n_knots)
        self.knots_: FloatArray = np.quantile(X[:, curved], inner, axis=0).T.ravel() if curved else np.empty(0)
        self.owner_: IntArray = np.concatenate([np.arange(X.shape[1]), self.bent_])
        bent = self._bend(X)
        self.centre_, self.spread_ = _moments(bent)
        relevance = self._relevance((bent[:SAMPLE] - self.centre_) / self.spread_, _targets(y[:SAMPLE]))
        self.scale_ = np.maximum(relevance, FLOOR)[self.owner_]
        best = np.argsort(-relevance, kind="stable")[: self.n_products]
        self.pairs_: IntArray = np.array(list(combinations(sorted(best.tolist()), 2)), dtype=np.int64).reshape(-1, 2)
        self.product_centre_, self.product_spread_ = _moments(self._multiply(X))
        return self

    def transform(self, X: FloatArray) -> FloatArray:
        """The basis, (n, p + bent columns * n_knots + pairs)."""
        bent = (self._bend(X) - self.centre_) / self.spread_ * self.scale_
        products = (self._multiply(X) - self.product_centre_) / self.product_spread_
        return np.hstack([bent, 0.5 * products])

    def _bend(self, X: FloatArray) -> FloatArray:
        return np.hstack([X, np.maximum(X[:, self.bent_] - self.knots_, 0.0)])

    def _multiply(self, X: FloatArray) -> FloatArray:
        p = X.shape[1]
        Z = (X - self.centre_[:p]) / self.spread_[:p]
        return Z[:, self.pairs_[:, 0]] * Z[:, self.pairs_[:, 1]]

    def _relevance(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """How much each feature explains, over the most relevant one, (p,): a ridge fit, sharpened by a second one."""
        p = int(self.owner_.max()) + 1
        relevance = np.ones(p)
        for _ in range(2):
            scaled = Z * np.maximum(relevance, FLOOR)[self.owner_]
            coefficients = np.atleast_2d(RidgeCV(RIDGE_GRID).fit(scaled, Y).coef_)
            parts = [scaled[:, self.owner_ == j] @ coefficients[:, self.owner_ == j].T for j in range(p)]
            explained = np.array([np.sqrt(part.var(axis=0).sum()) for part in parts])
            if explained.max() == 0:
                return np.ones(p)
            relevance = explained / explained.max()
        return relevance


def _moments(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    spread = columns.std(axis=0)
    return columns.mean(axis=0), np.where(spread > 0, spread, 1.0)


def _targets(y: AnyArray) -> Any:
    """Codes of several classes as indicator columns, so that their order does not matter."""
    if y.dtype.kind in "iu" and len(levels := np.unique(y)) > 2:
        return (y[:, None] == levels).astype(np.float64)
    return y.astype(np.float64)
