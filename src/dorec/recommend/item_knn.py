"""Item-based nearest neighbours (Deshpande and Karypis 2004, doi:10.1145/963770.963776)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.gram import nearest_columns
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.item_weights import SparseWeights
from dorec.recommend.weighting import Weighting, bm25, check_weighting, weighted

DEFAULT_CONTEXT = RunContext()
Similarity = Literal["cosine", "bm25"]


@dataclass(frozen=True)
class ItemKNN:
    """score_ui = sum of s_ij over the items j of the user's history that are among the k nearest neighbours of i.

    `cosine` is the cosine of the two items' columns; `bm25` the dot product of BM25-weighted columns (`bm25_k1`,
    `bm25_b`), which favours items with many users. Each similarity is multiplied by c / (c + shrinkage), c the users
    who have both: what rests on two users counts for little. Memory is 16 n_items k + 64 n_interactions bytes; the
    n_items^2 similarities are never held.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3], "i": ["tea", "milk", "tea", "milk", "tea"]}
        >>> scorer = ItemKNN(k=1, shrinkage=0.0).fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> scorer.recommend([3], k=1).scores.round(3).tolist()
        [[0.816]]
    """

    k: int = 100
    similarity: Similarity = "cosine"
    shrinkage: float = 10.0
    weighting: Weighting = "binary"
    bm25_k1: float = 1.2
    bm25_b: float = 0.75

    def __post_init__(self) -> None:
        if self.similarity not in get_args(Similarity):
            raise ConfigError(f"similarity is {self.similarity!r}; allowed: {', '.join(get_args(Similarity))}.")
        if self.k != int(self.k) or self.k < 1:
            raise ConfigError(f"k is {self.k}; give a number of neighbours from 1 on.")
        if not 0 <= self.shrinkage < np.inf:
            raise ConfigError(f"shrinkage is {self.shrinkage}; give a number of users from 0 on.")
        if not self.bm25_k1 > 0 or not 0 <= self.bm25_b <= 1:
            raise ConfigError(f"bm25_k1 is {self.bm25_k1}, bm25_b {self.bm25_b}; give bm25_k1 > 0, bm25_b in [0, 1].")
        check_weighting(self.weighting)

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Find the neighbours of every item."""
        history = weighted(dataset, self.weighting)
        columns = bm25(history, self.bm25_k1, self.bm25_b) if self.similarity == "bm25" else history
        norms = np.ones(dataset.n_items) if self.similarity == "bm25" else _column_norms(history)
        k = min(int(self.k), dataset.n_items - 1)
        near, similar = nearest_columns(columns, k, norms=norms, shrinkage=self.shrinkage, threads=context.threads)
        return fitted(dataset, self, "item_knn", SparseWeights(history, from_neighbours(near, similar)))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        shape = (dataset.n_items, dataset.n_items)
        try:
            weights = sparse.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
            weights.check_format(full_check=True)
        except ValueError as problem:
            raise InputError(f"The arrays are no weights between {dataset.n_items} items: {problem}.") from None
        return fitted(dataset, self, "item_knn", SparseWeights(weighted(dataset, self.weighting), weights))


def from_neighbours(neighbours: IntArray, similarity: FloatArray) -> sparse.csr_matrix:
    """Weights (m, m) from an item of the history to the items that have it among their neighbours (m, k).

    Example:
        >>> from_neighbours(np.array([[1], [-1]]), np.array([[0.5], [0.0]])).toarray().tolist()
        [[0.0, 0.0], [0.5, 0.0]]
    """
    m = len(neighbours)
    target, place = np.nonzero(neighbours >= 0)
    entries = (similarity[target, place], (neighbours[target, place], target))
    return sparse.csr_matrix(entries, shape=(m, m))


def _column_norms(matrix: sparse.csr_matrix) -> FloatArray:
    norms: FloatArray = np.sqrt(np.bincount(matrix.indices, matrix.data**2, minlength=matrix.shape[1]))
    return norms
