"""Determinantal point process: the list with the largest volume (Chen, Zhang, Zhou 2018, arXiv 1709.05135)."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.item_list import ItemList
from dorec.domain.run import RunContext
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.recommend.reranking.candidates import Candidates, best_column, check_trade_off, reranked
from dorec.recommend.reranking.item_vectors import item_vectors

DEFAULT_CONTEXT = RunContext()
FLAT = 1e-10  # squared volume below which an item adds nothing new


@dataclass(frozen=True)
class DPP:
    """Greedy maximum of (1 - trade_off) sum of relevance + trade_off log det of the list's similarities.

    The determinant is the squared volume that the items' vectors span: it falls with every likeness among the items,
    not with that of the nearest pair alone.

    Args:
        trade_off: 0 leaves the order as it is, 1 looks at volume alone.
        by: column of item features that likeness goes by; None: the items' users.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3], "i": ["tea", "milk", "tea", "milk", "soap"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> items = np.array([["tea", "milk", "soap"]])
        >>> first = ItemList(np.array([9]), items, np.array([[3.0, 2.9, 1.0]]), np.array([True]))
        >>> DPP(trade_off=0.6).rerank(first, data, k=2).items.tolist()
        [['tea', 'soap']]
    """

    trade_off: float = 0.3
    by: str | None = None

    def __post_init__(self) -> None:
        check_trade_off(self.trade_off, "volume")

    def rerank(
        self, items: ItemList, dataset: Dataset, k: int = 10, *, context: RunContext = DEFAULT_CONTEXT
    ) -> ItemList:
        """The k best of each user's candidates, in order; the scores are the gains at the moment of choice."""
        vectors = item_vectors(dataset, self.by)

        def pick(block: Candidates, size: int) -> tuple[IntArray, FloatArray]:
            return largest_volume(block.relevance, vectors[block.places], self.trade_off, size)

        return reranked(items, dataset, k, pick, width=vectors.shape[1] + k, label="DPP", context=context)


def largest_volume(relevance: FloatArray, vectors: FloatArray, trade_off: float, k: int) -> tuple[IntArray, FloatArray]:
    """The columns picked (u, k) and their gains, from relevance (u, c), -inf if empty, and unit vectors (u, c, d).

    One Cholesky row a place (algorithm 1 of the paper): time grows with c k (d + k).

    >>> same = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    >>> largest_volume(np.array([[1.0, 0.9, 0.5]]), same, 0.5, 3)[0].tolist()
    [[0, 2, 1]]
    """
    u, (n, c) = np.arange(len(relevance)), relevance.shape
    open_ = relevance > -np.inf
    worth = (1.0 - trade_off) * np.where(open_, relevance, 0.0)
    left = np.maximum((vectors**2).sum(axis=2), FLAT)  # squared distance to what the list spans
    rows = np.zeros((n, k, c))
    picked, gains = np.full((n, k), -1, dtype=np.int64), np.full((n, k), -np.inf)
    for place in range(k):
        column, gains[:, place] = best_column(worth + trade_off * np.log(left), open_)
        picked[:, place] = column
        open_[u, column] = False
        like = np.einsum("ucd,ud->uc", vectors, vectors[u, column])
        like -= np.einsum("upc,up->uc", rows[:, :place], rows[u, :place, column])
        rows[:, place] = like / np.sqrt(left[u, column])[:, None]
        left = np.maximum(left - rows[:, place] ** 2, FLAT)
    return picked, gains
