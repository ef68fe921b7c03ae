"""SLIM: a sparse linear model of every item on few others (Ning and Karypis 2011, doi:10.1109/ICDM.2011.134)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, TooLarge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.gram import gram
from dorec.numeric.sparse_regression import elastic_net_columns
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.item_knn import from_neighbours
from dorec.recommend.item_weights import SparseWeights, square_weights
from dorec.recommend.similarity import Nearness
from dorec.recommend.weighting import Weighting, check_weighting, weighted

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class SLIM:
    """Each item's column as a sum of other columns with few weights, none below zero: an elastic net a column.

    For item i the weights minimise |x_i - X w|^2 / 2 + reg |w|^2 / 2 + l1 sum(w), w >= 0, over the k items nearest to i
    by cosine (the fsSLIM of the paper). Unlike EASE's, the weights are few and can be read; unlike ItemKNN's, they know
    of each other. Memory is 8 n_items^2 bytes while it fits and 16 n_items k afterwards.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3], "i": ["tea", "milk", "tea", "milk", "tea"]}
        >>> scorer = SLIM(l1=0.0, reg=1.0).fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> scorer.recommend([3], k=1).scores.round(3).tolist()
        [[0.5]]
    """

    l1: float = 1.0
    reg: float = 200.0
    k: int = 500
    weighting: Weighting = "binary"
    max_items: int = 20_000

    def __post_init__(self) -> None:
        for name in ("l1", "reg"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise ConfigError(f"{name} is {value}; give a number from 0 on.")
        for name in ("k", "max_items"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise ConfigError(f"{name} is {value}; give a whole number from 1 on.")
        check_weighting(self.weighting)

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the weights.

        Raises:
            TooLarge: the dataset has more than `max_items` items.
        """
        n = dataset.n_items
        if n > self.max_items:
            raise TooLarge(
                f"SLIM on {n:,} items needs {8 * n**2 / 1e9:,.1f} GB while it fits; max_items is {self.max_items:,}",
                remedy="use SparseEASE, ItemKNN or ALS, whose memory grows with the interactions, leave out rare "
                "items, or raise max_items where the memory is there",
                evidence={"n_items": n, "max_items": self.max_items, "bytes": 8 * n**2},
            )
        history = weighted(dataset, self.weighting)
        near, _ = Nearness("cosine", self.k, shrinkage=0.0).nearest(history, context.threads)
        whole = _mirrored(gram(history, threads=context.threads))
        weights = elastic_net_columns(whole, near, l1=self.l1, l2=self.reg, threads=context.threads)
        kept = from_neighbours(np.where(weights > 0, near, -1), weights)
        return fitted(dataset, self, "slim", SparseWeights(history, kept))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        weights = square_weights(arrays, dataset.n_items, "items")
        return fitted(dataset, self, "slim", SparseWeights(weighted(dataset, self.weighting), weights))


def _mirrored(upper: FloatArray) -> FloatArray:
    """The whole of a symmetric matrix from its upper triangle, in place, in blocks that fit the cache."""
    step = 512
    for start in range(0, len(upper), step):
        block = slice(start, start + step)
        square = upper[block, block]
        square += np.triu(square, 1).T
        upper[start + step :, block] = upper[block, start + step :].T
    return upper
