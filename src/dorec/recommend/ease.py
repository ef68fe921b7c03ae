"""EASE: one linear model of every item on all others (Steck 2019, arXiv 1905.03375)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError, TooLarge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.gram import gram
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.item_weights import DenseWeights
from dorec.recommend.weighting import Weighting, check_weighting, weighted

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class EASE:
    """The ridge regression of each item's column on all other columns, in closed form: B = -P / diag P, zero diagonal.

    P is the inverse of the regularised Gram matrix, from one Cholesky factor. Memory is 12 n_items^2 bytes while it
    fits (2,000 items: 48 MB, 20,000: 4.8 GB) and 4 n_items^2 afterwards, whatever the number of users; time grows with
    n_items^3.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3], "i": ["tea", "milk", "tea", "milk", "tea"]}
        >>> scorer = EASE(reg=1.0).fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> scorer.recommend([3], k=1).scores.round(3).tolist()
        [[0.5]]
    """

    reg: float = 250.0
    weighting: Weighting = "binary"
    max_items: int = 20_000

    def __post_init__(self) -> None:
        if not 0 < self.reg < np.inf:
            raise ConfigError(f"reg is {self.reg}; give a number above 0, such as 250.")
        if self.max_items < 1:
            raise ConfigError(f"max_items is {self.max_items}; give a number from 1 on.")
        check_weighting(self.weighting)

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the weights.

        Raises:
            TooLarge: the dataset has more than `max_items` items.
        """
        n = dataset.n_items
        if n > self.max_items:
            raise TooLarge(
                f"EASE on {n:,} items needs {12 * n**2 / 1e9:,.1f} GB while it fits; max_items is {self.max_items:,}",
                remedy="use ALS or ItemKNN, whose memory grows with the interactions, leave out rare items, or raise "
                "max_items where the memory is there",
                evidence={"n_items": n, "max_items": self.max_items, "bytes": 12 * n**2},
            )
        matrix = weighted(dataset, self.weighting)
        weights = ease_weights(gram(matrix, threads=context.threads), self.reg)
        return fitted(dataset, self, "ease", DenseWeights(matrix, weights))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        weights = np.ascontiguousarray(arrays["weights"], dtype=np.float32)
        if weights.shape != (dataset.n_items, dataset.n_items):
            raise InputError(f"weights have shape {weights.shape}; {dataset.n_items} items need a square of that size.")
        return fitted(dataset, self, "ease", DenseWeights(weighted(dataset, self.weighting), weights))


def ease_weights(upper: FloatArray, reg: float) -> AnyArray:
    """B (m, m) in single precision, from the upper triangle of the Gram matrix, which is overwritten.

    Example:
        >>> ease_weights(np.array([[2.0, 2.0], [0.0, 3.0]]), reg=1.0).astype(float).round(2).tolist()
        [[0.0, 0.67], [0.5, 0.0]]
    """
    m = len(upper)
    upper[np.diag_indices(m)] += reg
    # LAPACK reads columns first: our upper triangle is its lower one, and no copy is made
    factor, info = linalg.lapack.dpotrf(upper.T, lower=1, overwrite_a=1, clean=0)
    inverse, failed = linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    if info or failed:
        raise InputError(f"The Gram matrix of {m} items is not positive definite with reg = {reg:g}; raise reg.")
    diagonal = np.diag(inverse).copy()
    weights = np.empty((m, m), dtype=np.float32)
    for i in range(m):  # P is symmetric and held in its lower triangle
        weights[i, : i + 1] = inverse[i, : i + 1] / -diagonal[: i + 1]
        weights[i, i:] = inverse[i:, i] / -diagonal[i:]
    np.fill_diagonal(weights, 0.0)
    return weights
