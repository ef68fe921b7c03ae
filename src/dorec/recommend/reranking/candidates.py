"""What every re-ranker starts from (candidates by position, relevance on one scale) and what it hands back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.item_list import ItemList
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.category_mix import category_shares

BLOCK_ENTRIES = 2**22  # numbers in the largest array of a block of users: 32 MiB
Pick = Callable[["Candidates", int], tuple[IntArray, FloatArray]]  # the columns picked (u, k) and their gains (u, k)


@dataclass(frozen=True, eq=False)
class Candidates:
    """The candidates of some users; where a place is empty, `places` is -1 and `relevance` -inf."""

    users: IntArray  # (u,) positions in the dataset, -1 for strangers
    places: IntArray  # (u, c) positions of items
    relevance: FloatArray  # (u, c) scores, moved and scaled into [0, 1] for each user

    @property
    def filled(self) -> BoolArray:
        """Which places hold an item, (u, c)."""
        return np.asarray(self.places >= 0)

    def take(self, rows: slice) -> "Candidates":
        """Some of the users."""
        return Candidates(self.users[rows], self.places[rows], self.relevance[rows])


def candidates_of(items: ItemList, dataset: Dataset) -> Candidates:
    """The listed items by position in the dataset.

    Raises:
        InputError: a listed item is not in the dataset.
    """
    filled = items.filled
    places = np.full(items.items.shape, -1, dtype=np.int64)
    places[filled] = dataset.item_index_of(items.items[filled])
    if (places[filled] < 0).any():
        stranger = items.items[filled][places[filled] < 0][0]
        raise InputError(
            f"Candidate {stranger!r} is not among the items of the dataset; re-rank with the one it is from."
        )
    return Candidates(dataset.index_of(items.users), places, relevance_of(items.scores))


def relevance_of(scores: FloatArray) -> FloatArray:
    """Scores (u, c) moved and scaled to [0, 1] user by user; -inf stays.

    >>> relevance_of(np.array([[4.0, 3.0, 2.0], [1.0, 1.0, -np.inf]])).tolist()
    [[1.0, 0.5, 0.0], [1.0, 1.0, -inf]]
    """
    filled = scores > -np.inf
    high = np.max(scores, axis=1, keepdims=True, initial=-np.inf)
    low = np.min(np.where(filled, scores, np.inf), axis=1, keepdims=True, initial=np.inf)
    with np.errstate(invalid="ignore"):
        span = np.where(high > low, high - low, 1.0)
        scaled = np.where(high > low, (scores - low) / span, 1.0)
    return np.where(filled, scaled, -np.inf)


def reranked(
    items: ItemList, dataset: Dataset, k: int, pick: Pick, *, width: int, label: str, context: RunContext
) -> ItemList:
    """The lists that a greedy rule picks from the candidates, in blocks of users of bounded memory.

    Args:
        items: candidates, more than k for each user to choose from.
        dataset: what they were recommended from.
        k: length of the new lists.
        pick: the rule, for a block of users.
        width: numbers the rule holds for each candidate.
        label: of the progress bar.
        context: progress.
    """
    if k != int(k) or k < 1:
        raise InputError(f"k is {k}; give the length of the lists, a whole number from 1 on.")
    found = candidates_of(items, dataset)
    n, c = found.places.shape
    chosen, gains = np.full((n, k), -1, dtype=np.int64), np.full((n, k), -np.inf)
    for rows in context.track(_blocks(n, c * width), label, -(-n // _block(c * width))):
        columns, gain = pick(found.take(rows), min(k, c))
        chosen[rows, : columns.shape[1]], gains[rows, : columns.shape[1]] = columns, gain
    return lists_of(items, chosen, gains)


def lists_of(items: ItemList, columns: IntArray, scores: FloatArray) -> ItemList:
    """The candidates in some columns (u, k), -1 for an empty place, as lists with these scores (u, k)."""
    empty = columns < 0
    ids = items.items[np.arange(len(columns))[:, None], columns]
    if empty.any():
        ids = ids.astype(object)
        ids[empty] = None
    return ItemList(items.users, ids, np.where(empty, -np.inf, scores), items.fallback)


def check_trade_off(trade_off: float, towards: str) -> None:
    """Refuse a weight outside [0, 1]."""
    if not 0 <= trade_off <= 1:
        raise ConfigError(f"trade_off is {trade_off}; give a number from 0 (relevance alone) to 1 ({towards} alone).")


def best_column(gains: FloatArray, open_: BoolArray) -> tuple[IntArray, FloatArray]:
    """The open column with the largest gain in each row, the first of equals, and its gain; -1 and -inf where none is.

    >>> best_column(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[True, True], [False, False]]))[0].tolist()
    [1, -1]
    """
    masked = np.where(open_, gains, -np.inf)
    column = masked.argmax(axis=1)
    gain = masked[np.arange(len(masked)), column]
    return np.where(open_.any(axis=1), column, -1), np.where(open_.any(axis=1), gain, -np.inf)


def _block(entries: int) -> int:
    return max(1, BLOCK_ENTRIES // max(1, entries))


def _blocks(n: int, entries: int) -> Iterator[slice]:
    step = _block(entries)
    return (slice(start, start + step) for start in range(0, n, step))


def codes_matrix(dataset: Dataset, by: str) -> tuple[FloatArray, tuple[Any, ...]]:
    """Which categories each item is in, (n_items, categories), rows summing to one or, for unknown ones, to zero.

    A cell may hold one category or a list of them.

    Example:
        >>> data = Dataset.from_interactions({"u": [1, 1], "i": [7, 8]}, user="u", item="i")
        >>> data = data.with_items({"i": [7, 8], "genre": ["war", "war"]}, item="i")
        >>> codes_matrix(data, "genre")[0].tolist()
        [[1.0], [1.0]]
    """
    features = dataset.item_features
    if features is None or by not in features.column_names:
        names = "none" if features is None else ", ".join(features.column_names)
        raise InputError(
            f"by is {by!r}, which is no column of the item features ({names}); add it by dataset.with_items(table, "
            "item=...), or choose one of these."
        )
    return category_shares(features.column(by).to_pylist())
