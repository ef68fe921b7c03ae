"""Calibrated lists: each has its user's own mix of categories (Steck 2018, doi:10.1145/3240323.3240372)."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
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
class Calibrated:
    """The greedy maximum of (1 - trade_off) sum of relevance - trade_off KL(history's mix || list's mix).

    Args:
        by: column of the item features with the category, or a list of categories.
        trade_off: 0 leaves the order as it is, 1 looks at the mix alone.
        smoothing: share of the history's mix that is mixed into the list's, so that the divergence stays finite.

    Example:
        >>> rows = {"u": [1, 1, 1, 1, 2], "i": ["tea", "mate", "soap", "oil", "milk"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> kinds = ["drink", "drink", "drink", "care", "care"]
        >>> data = data.with_items({"i": ["tea", "mate", "milk", "soap", "oil"], "kind": kinds}, item="i")
        >>> items = np.array([["milk", "mate", "tea", "soap", "oil"]])
        >>> first = ItemList(np.array([1]), items, np.array([[3.0, 2.9, 2.8, 0.2, 0.1]]), np.array([False]))
        >>> Calibrated("kind", trade_off=0.9).rerank(first, data, k=4).items.tolist()
        [['milk', 'soap', 'mate', 'oil']]
    """

    by: str
    trade_off: float = 0.5
    smoothing: float = 0.01

    def __post_init__(self) -> None:
        check_trade_off(self.trade_off, "the mix")
        if not 0 < self.smoothing < 1:
            raise ConfigError(f"smoothing is {self.smoothing}; give a share above 0 and below 1, such as 0.01.")

    def rerank(
        self, items: ItemList, dataset: Dataset, k: int = 10, *, context: RunContext = DEFAULT_CONTEXT
    ) -> ItemList:
        """The k best of each user's candidates, in order; the scores fall from place to place."""
        categories, _ = codes_matrix(dataset, self.by)

        def pick(block: Candidates, size: int) -> tuple[IntArray, FloatArray]:
            mix = history_mix(dataset.matrix, block.users, categories)
            return calibrate(block.relevance, categories[block.places], mix, (self.trade_off, self.smoothing), size)

        return reranked(items, dataset, k, pick, width=2 * categories.shape[1], label="calibration", context=context)


def calibrate(
    relevance: FloatArray, member: FloatArray, mix: FloatArray, weights: tuple[float, float], k: int
) -> tuple[IntArray, FloatArray]:
    """The columns picked (u, k), and scores that fall from place to place.

    The value of a list of m items is (1 - trade_off) times the sum of relevance plus trade_off times the part of the
    divergence that the list decides, sum over categories of p log(sum of the items' shares + smoothing p k), which is
    submodular: the greedy list has at least 1 - 1/e of the best one's value (section 3.2 of the paper).

    Args:
        relevance: (u, c) in [0, 1], -inf if empty.
        member: share of each category in each candidate, (u, c, g).
        mix: the user's own shares p, (u, g).
        weights: trade_off and smoothing.
        k: places.
    """
    trade_off, smoothing = weights
    u, open_ = np.arange(len(relevance)), relevance > -np.inf
    worth = (1.0 - trade_off) * np.where(open_, relevance, 0.0)
    held = smoothing / (1.0 - smoothing) * k * mix
    picked, gains = np.full((len(u), k), -1, dtype=np.int64), np.full((len(u), k), -np.inf)
    wanted = mix[:, None, :] > 0
    for place in range(k):
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(wanted, np.log1p(member / held[:, None, :]), 0.0)
        gain = worth + trade_off * np.einsum("ucg,ug->uc", step, mix)
        picked[:, place], gains[:, place] = best_column(gain, open_)
        open_[u, picked[:, place]] = False
        held = held + member[u, picked[:, place]] * (picked[:, place] >= 0)[:, None]
    return picked, gains
