"""EASE for catalogues of any size: each item on its nearest others (Steck 2019, arXiv 1910.09645, section 3.2)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.sparse_regression import local_ridge_columns
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.item_knn import from_neighbours
from dorec.recommend.item_weights import SparseWeights, square_weights
from dorec.recommend.similarity import Nearness
from dorec.recommend.weighting import Weighting, check_weighting, weighted

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class SparseEASE:
    """The ridge regression of each item's column on the columns of its k nearest items, by cosine.

    With k = n_items - 1 and as many `neighbours` it is EASE. Dot products are kept for the `neighbours` nearest items
    of each item and count as zero elsewhere. Memory is 32 n_items neighbours + 64 n_interactions bytes, and never
    grows with n_items^2; time is the sum of squared history lengths, and n_items k^3.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3], "i": ["tea", "milk", "tea", "milk", "tea"]}
        >>> scorer = SparseEASE(reg=1.0).fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> scorer.recommend([3], k=1).scores.round(3).tolist()
        [[0.5]]
    """

    reg: float = 250.0
    k: int = 100
    neighbours: int = 400
    weighting: Weighting = "binary"

    def __post_init__(self) -> None:
        if not 0 < self.reg < np.inf:
            raise ConfigError(f"reg is {self.reg}; give a number above 0, such as 250.")
        for name in ("k", "neighbours"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise ConfigError(f"{name} is {value}; give a whole number from 1 on.")
        if self.neighbours < self.k:
            raise ConfigError(f"neighbours is {self.neighbours} and k {self.k}; give at least as many neighbours as k.")
        check_weighting(self.weighting)

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Find neighbours, then solve one small system an item."""
        history = weighted(dataset, self.weighting)
        own: FloatArray = np.asarray(history.power(2).sum(axis=0), dtype=np.float64).ravel()
        near, cosine = Nearness("cosine", self.neighbours, shrinkage=0.0).nearest(history, context.threads)
        norms = np.sqrt(own)
        dots = cosine * norms[:, None] * norms[near]
        k = min(int(self.k), near.shape[1])
        weights = local_ridge_columns(near, dots, own, k=k, reg=self.reg, threads=context.threads)
        return fitted(dataset, self, "sparse_ease", SparseWeights(history, from_neighbours(near[:, :k], weights)))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        weights = square_weights(arrays, dataset.n_items, "items")
        return fitted(dataset, self, "sparse_ease", SparseWeights(weighted(dataset, self.weighting), weights))
