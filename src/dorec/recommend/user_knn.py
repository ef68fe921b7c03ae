"""User-based nearest neighbours (Herlocker, Konstan, Borchers, Riedl 1999, doi:10.1145/312624.312682)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.item_knn import from_neighbours
from dorec.recommend.item_weights import square_weights
from dorec.recommend.similarity import Nearness, Similarity
from dorec.recommend.weighting import Weighting, check_weighting, weighted

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True, eq=False)
class LikeMinded:
    """score_ui = sum over the like-minded v of s_uv x_vi; every s_uv is a sum over what u and v have in common."""

    history: sparse.csr_matrix  # (n_users, n_items)
    compared: sparse.csr_matrix  # (n_users, n_items), with the weights that users are compared by
    neighbours: sparse.csr_matrix  # (n_users, n_users), s_uv in row u

    def scores(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items)."""
        return np.asarray((self.neighbours[users] @ self.history).toarray(), dtype=np.float64)

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history (h,) and what agreement on each of it adds to the score of each item, (h, len(items))."""
        near = self.neighbours[user]
        mine, others = self.compared[user], self.compared[near.indices]
        history = self.history[user].indices.astype(np.int64)
        shared = others[:, history].toarray() * mine[:, history].toarray()  # (v, h), its rows sum to the dot products
        total = shared.sum(axis=1, keepdims=True)
        part = np.divide(shared, total, out=np.zeros_like(shared), where=total > 0)
        taken = self.history[near.indices][:, items].toarray() * near.data[:, None]  # (v, len(items))
        return history, np.asarray(part.T @ taken)

    def arrays(self) -> dict[str, AnyArray]:
        """The similarities in compressed rows."""
        s = self.neighbours
        return {"indptr": s.indptr, "indices": s.indices, "data": s.data}


@dataclass(frozen=True)
class UserKNN:
    """score_ui = sum of s_uv x_vi over the k users v who are most like u: what like-minded people chose.

    `similarity` compares the users' items: `cosine`, `jaccard`, `tfidf` (cosine in which popular items count little) or
    `bm25`. Each is multiplied by c / (c + shrinkage), c the items both have. Memory is 16 n_users k + 96 n_interactions
    bytes; time grows with the sum of squared item counts, so that ItemKNN is faster where users outnumber items.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3], "i": ["tea", "milk", "tea", "milk", "tea"]}
        >>> scorer = UserKNN(k=1, shrinkage=0.0).fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> scorer.recommend([3], k=1).to_arrow().select(["item_id", "score"]).to_pylist()[0]["item_id"]
        'milk'
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
        """Find the neighbours of every user."""
        history = weighted(dataset, self.weighting)
        near, similar = self._nearness().nearest(history.T.tocsr(), context.threads)
        neighbours = from_neighbours(near, similar).T.tocsr()
        return fitted(dataset, self, "user_knn", self._model(history, neighbours))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        neighbours = square_weights(arrays, dataset.n_users, "users")
        return fitted(dataset, self, "user_knn", self._model(weighted(dataset, self.weighting), neighbours))

    def _model(self, history: sparse.csr_matrix, neighbours: sparse.csr_matrix) -> LikeMinded:
        compared = self._nearness().columns(history.T.tocsr()).T.tocsr()
        return LikeMinded(history, compared, neighbours)

    def _nearness(self) -> Nearness:
        return Nearness(self.similarity, self.k, self.shrinkage, self.bm25_k1, self.bm25_b)
