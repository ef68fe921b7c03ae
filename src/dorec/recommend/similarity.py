"""How alike two columns of a matrix are, items by their users or users by their items, and who is nearest to whom."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import sparse

from dorec.domain.errors import ConfigError
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.gram import nearest_columns
from dorec.recommend.weighting import bm25, tfidf

Similarity = Literal["cosine", "jaccard", "tfidf", "bm25"]


@dataclass(frozen=True)
class Nearness:
    """A similarity, and how many of the nearest are kept.

    `cosine` of the two columns; `jaccard`, rows that have both over rows that have either; `tfidf`, the cosine where
    rows with many entries count little; `bm25`, the dot product of BM25 weights, which favours columns with many
    entries. Each is multiplied by c / (c + shrinkage), c the rows that have both.
    """

    similarity: Similarity
    k: int
    shrinkage: float
    bm25_k1: float = 1.2
    bm25_b: float = 0.75

    def __post_init__(self) -> None:
        if self.similarity not in get_args(Similarity):
            raise ConfigError(f"similarity is {self.similarity!r}; allowed: {', '.join(get_args(Similarity))}.")
        if self.k != int(self.k) or self.k < 1:
            raise ConfigError(f"k is {self.k}; give a number of neighbours from 1 on.")
        if not 0 <= self.shrinkage < np.inf:
            raise ConfigError(f"shrinkage is {self.shrinkage}; give a number of rows in common from 0 on.")
        if not self.bm25_k1 > 0 or not 0 <= self.bm25_b <= 1:
            raise ConfigError(f"bm25_k1 is {self.bm25_k1}, bm25_b {self.bm25_b}; give bm25_k1 > 0, bm25_b in [0, 1].")

    def columns(self, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        """The columns as they are compared: with weights, or entries of 1."""
        if self.similarity == "bm25":
            return bm25(matrix, self.bm25_k1, self.bm25_b)
        if self.similarity == "tfidf":
            return tfidf(matrix)
        if self.similarity == "jaccard":
            return sparse.csr_matrix((np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
        return matrix

    def nearest(self, matrix: sparse.csr_matrix, threads: int) -> tuple[IntArray, FloatArray]:
        """The nearest other columns of each column, (m, k), -1 where there are fewer, and their similarity.

        >>> entries = sparse.csr_matrix(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]))
        >>> near, similar = Nearness("jaccard", 1, 0.0).nearest(entries, threads=1)
        >>> near.ravel().tolist(), similar.ravel().round(2).tolist()
        ([1, 0, 1], [0.67, 0.67, 0.5])
        """
        columns, power = self.columns(matrix), 1.0 if self.similarity == "jaccard" else 2.0
        sums = np.bincount(columns.indices, columns.data**power, minlength=columns.shape[1]).astype(np.float64)
        norms = {"bm25": np.ones(len(sums)), "jaccard": sums}.get(self.similarity, np.sqrt(sums))
        k = min(int(self.k), matrix.shape[1] - 1)
        union = self.similarity == "jaccard"
        return nearest_columns(columns, k, norms=norms, shrinkage=self.shrinkage, union=union, threads=threads)
