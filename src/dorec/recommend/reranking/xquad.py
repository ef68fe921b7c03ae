"""xQuAD: cover each of a user's interests (Santos, Macdonald, Ounis 2010, doi:10.1145/1772690.1772780)."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.item_list import ItemList
from dorec.domain.run import RunContext
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.category_mix import history_mix
from dorec.recommend.reranking.candidates import (
    Candidates,
    best_column,
    check_trade_off,
    codes_matrix,
    reranked,
)

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class XQuAD:
    """Each place goes to what is relevant and in a category the user likes that the places above left uncovered.

    A candidate's gain is (1 - trade_off) relevance + trade_off sum over categories of (share of the category in the
    user's history) (relevance of the item, if in the category) (chance that nothing above satisfied the category).

    Args:
        by: column of the item features with the category, or a list of categories.
        trade_off: 0 leaves the order as it is, 1 looks at coverage alone.

    Example:
        >>> rows = {"u": [1, 1, 1, 2], "i": ["tea", "mate", "soap", "milk"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> kinds = {"i": ["tea", "mate", "milk", "soap"], "kind": ["drink", "drink", "drink", "care"]}
        >>> data = data.with_items(kinds, item="i")
        >>> items = np.array([["milk", "mate", "soap", "tea"]])
        >>> first = ItemList(np.array([1]), items, np.array([[3.0, 2.9, 2.5, 1.0]]), np.array([False]))
        >>> XQuAD("kind", trade_off=0.9).rerank(first, data, k=2).items.tolist()
        [['milk', 'soap']]
    """

    by: str
    trade_off: float = 0.5

    def __post_init__(self) -> None:
        check_trade_off(self.trade_off, "coverage")

    def rerank(
        self, items: ItemList, dataset: Dataset, k: int = 10, *, context: RunContext = DEFAULT_CONTEXT
    ) -> ItemList:
        """The k best of each user's candidates, in order; the scores are the gains at the moment of choice."""
        categories, _ = codes_matrix(dataset, self.by)

        def pick(block: Candidates, size: int) -> tuple[IntArray, FloatArray]:
            mix = history_mix(dataset.matrix, block.users, categories)
            return cover(block.relevance, categories[block.places], mix, self.trade_off, size)

        return reranked(items, dataset, k, pick, width=categories.shape[1], label="xQuAD", context=context)


def cover(
    relevance: FloatArray, member: FloatArray, mix: FloatArray, trade_off: float, k: int
) -> tuple[IntArray, FloatArray]:
    """The columns picked (u, k) and their gains.

    Args:
        relevance: (u, c) in [0, 1], -inf if empty.
        member: share of each category in each candidate, (u, c, g).
        mix: how much each user wants each category, (u, g), rows summing to one.
        trade_off: weight of coverage.
        k: places.
    """
    u, open_ = np.arange(len(relevance)), relevance > -np.inf
    plain = np.where(open_, relevance, 0.0)
    satisfies = member * plain[:, :, None]
    unmet = mix.copy()
    picked, gains = np.full((len(u), k), -1, dtype=np.int64), np.full((len(u), k), -np.inf)
    for place in range(k):
        gain = (1.0 - trade_off) * plain + trade_off * np.einsum("ucg,ug->uc", satisfies, unmet)
        picked[:, place], gains[:, place] = best_column(gain, open_)
        open_[u, picked[:, place]] = False
        unmet *= 1.0 - satisfies[u, picked[:, place]]
    return picked, gains
