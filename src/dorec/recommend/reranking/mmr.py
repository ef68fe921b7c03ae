"""Maximal marginal relevance: good, and unlike what is above (Carbonell, Goldstein 1998, doi:10.1145/290941.291025)."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.item_list import ItemList
from dorec.domain.run import RunContext
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.recommend.reranking.candidates import Candidates, best_column, check_trade_off, reranked
from dorec.recommend.reranking.item_vectors import item_vectors

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class MMR:
    """Each place goes to the candidate with the largest (1 - trade_off) relevance - trade_off (likest item above).

    Args:
        trade_off: 0 leaves the order as it is, 1 looks at likeness alone.
        by: column of item features that likeness goes by; None: the items' users.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3], "i": ["tea", "milk", "tea", "milk", "soap"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> items = np.array([["tea", "milk", "soap"]])
        >>> first = ItemList(np.array([9]), items, np.array([[3.0, 2.9, 1.0]]), np.array([True]))
        >>> MMR(trade_off=0.6).rerank(first, data, k=2).items.tolist()
        [['tea', 'soap']]
    """

    trade_off: float = 0.3
    by: str | None = None

    def __post_init__(self) -> None:
        check_trade_off(self.trade_off, "likeness")

    def rerank(
        self, items: ItemList, dataset: Dataset, k: int = 10, *, context: RunContext = DEFAULT_CONTEXT
    ) -> ItemList:
        """The k best of each user's candidates, in order; the scores are the gains at the moment of choice."""
        vectors = item_vectors(dataset, self.by)

        def pick(block: Candidates, size: int) -> tuple[IntArray, FloatArray]:
            return mmr(block.relevance, vectors[block.places], self.trade_off, size)

        return reranked(items, dataset, k, pick, width=vectors.shape[1], label="MMR", context=context)


def mmr(relevance: FloatArray, vectors: FloatArray, trade_off: float, k: int) -> tuple[IntArray, FloatArray]:
    """The columns picked (u, k) and their gains, from relevance (u, c), -inf if empty, and unit vectors (u, c, d).

    >>> same = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    >>> mmr(np.array([[1.0, 0.9, 0.5]]), same, 0.5, 3)[0].tolist()
    [[0, 2, 1]]
    """
    u = np.arange(len(relevance))
    open_ = relevance > -np.inf
    worth = (1.0 - trade_off) * np.where(open_, relevance, 0.0)
    likest = np.zeros_like(relevance)
    picked, gains = np.full((len(u), k), -1, dtype=np.int64), np.full((len(u), k), -np.inf)
    for place in range(k):
        picked[:, place], gains[:, place] = best_column(worth - trade_off * likest, open_)
        open_[u, picked[:, place]] = False
        likest = np.maximum(likest, np.einsum("ucd,ud->uc", vectors, vectors[u, picked[:, place]]))
    return picked, gains
