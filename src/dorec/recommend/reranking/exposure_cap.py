"""Exposure caps: no item takes more than its share of all places (after Singh, Joachims 2018, arXiv 1802.07281)."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.item_list import ItemList
from dorec.domain.run import RunContext
from dorec.numeric.arrays import IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.folds import hash64
from dorec.recommend.reranking.candidates import candidates_of, lists_of

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class ExposureCap:
    """The best candidates that still have room: users choose in turns, one place a turn, in an order of their own.

    The order of the users turns around after each place, so that who comes late for one place comes early for the
    next. What it costs is shown by `evaluate.compare` against the lists before.

    Args:
        max_share: of all places, that one item may take. It needs at least 1 / max_share items among the candidates.

    Example:
        >>> rows = {"u": [1, 2], "i": ["tea", "milk"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> items = np.array([["tea", "milk"], ["tea", "milk"]])
        >>> first = ItemList(np.array([1, 2]), items, np.array([[2.0, 1.0], [2.0, 1.0]]), np.array([False, False]))
        >>> sorted(ExposureCap(0.5).rerank(first, data, k=1).items.ravel().tolist())
        ['milk', 'tea']
    """

    max_share: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.max_share <= 1:
            raise ConfigError(f"max_share is {self.max_share}; give a share of all places, above 0 and at most 1.")

    def rerank(
        self, items: ItemList, dataset: Dataset, k: int = 10, *, context: RunContext = DEFAULT_CONTEXT
    ) -> ItemList:
        """The k best of each user's candidates that have room left; scores are those of the candidates.

        A user whose candidates have all run out of room gets a shorter list.

        Raises:
            InputError: the candidates are too few items for the cap to fill the lists.
        """
        del context
        if k != int(k) or k < 1:
            raise InputError(f"k is {k}; give the length of the lists, a whole number from 1 on.")
        found = candidates_of(items, dataset)
        n, c = found.places.shape
        room = int(np.floor(self.max_share * n * k))
        distinct = len(np.unique(found.places[found.places >= 0]))
        if room * distinct < n * min(k, c):
            raise InputError(
                f"{distinct:,} candidate items at {room:,} places each can't fill {n * min(k, c):,} places; raise "
                f"max_share above {1 / max(distinct, 1):.2g}, or hand in more candidates."
            )
        columns = np.full((n, k), -1, dtype=np.int64)
        order = np.argsort(hash64(items.users), kind="stable")
        columns[:, : min(k, c)] = turns(found.places, order, np.full(dataset.n_items, room, dtype=np.int64), min(k, c))
        return lists_of(items, columns, np.take_along_axis(items.scores, np.maximum(columns, 0), axis=1))


@kernel
def turns(places: IntArray, order: IntArray, room: IntArray, k: int) -> IntArray:
    """The candidate columns (n, k) that users take in turns, -1 where none has room; `room` is used up."""
    n, c = places.shape
    picked = np.full((n, k), -1, dtype=np.int64)
    at = np.zeros(n, dtype=np.int64)  # columns before it are taken or closed for good
    for place in range(k):
        for turn in range(n):
            user = order[turn] if place % 2 == 0 else order[n - 1 - turn]
            while at[user] < c:
                item = places[user, at[user]]
                at[user] += 1
                if item >= 0 and room[item] > 0:
                    room[item] -= 1
                    picked[user, place] = at[user] - 1
                    break
    return picked
