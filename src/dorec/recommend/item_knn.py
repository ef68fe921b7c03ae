"""Item-based nearest neighbours (Deshpande and Karypis 2004, doi:10.1145/963770.963776)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.item_weights import SparseWeights, square_weights
from dorec.recommend.similarity import Nearness, Similarity
from dorec.recommend.weighting import Weighting, check_weighting, weighted

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class ItemKNN:
    """score_ui = sum of s_ij over the items j of the user's history that are among the k nearest neighbours of i.

    `similarity` compares the items' users: `cosine`, `jaccard` (users of both over users of either), `tfidf` (cosine in
    which busy users count little) or `bm25` (dot product of BM25 weights by `bm25_k1` and `bm25_b`, which favours items
    with many users). Each is multiplied by c / (c + shrinkage), c the users who have both: what rests on two users
    counts for little. Memory is 16 n_items k + 64 n_interactions bytes; the n_items^2 similarities are never held.

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
        self._nearness()  # which checks its settings
        check_weighting(self.weighting)

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Find the neighbours of every item."""
        history = weighted(dataset, self.weighting)
        near, similar = self._nearness().nearest(history, context.threads)
        return fitted(dataset, self, "item_knn", SparseWeights(history, from_neighbours(near, similar)))

    def _nearness(self) -> Nearness:
        return Nearness(self.similarity, self.k, self.shrinkage, self.bm25_k1, self.bm25_b)

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        weights = square_weights(arrays, dataset.n_items, "items")
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
