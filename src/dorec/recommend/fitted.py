"""A fitted recommender: what every model shares once it can score."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import InputError, UnknownItem, did_you_mean
from dorec.domain.estimate import fingerprint
from dorec.domain.explanation import Explanation
from dorec.domain.item_list import ItemList
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.top_k import top_k
from dorec.numeric.top_products import top_products
from dorec.recommend.reasons import strongest
from dorec.recommend.words import explain_by_history, explain_by_popularity

BLOCK_SCORES = 2**22  # of a block of users: 32 MiB in double precision, however many are asked for
MANY_ITEMS = 10_000  # from where factors are multiplied block by block, with a running threshold


class Model(Protocol):
    """What was learned: numbers, without ids. Users and items are positions in the dataset's vocabularies."""

    def scores(self, users: IntArray) -> AnyArray:
        """Scores (u, n_items) of users with a history."""
        ...

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The user's history (h,) and what each of it adds to the score of each item, (h, len(items))."""
        ...

    def arrays(self) -> dict[str, AnyArray]:
        """Everything needed to score, by name."""
        ...


@runtime_checkable
class FactorModel(Protocol):
    """A model whose scores are inner products: its lists need no table of all scores."""

    def sides(self) -> tuple[AnyArray, AnyArray, AnyArray | None]:
        """Users (n_users, f), items (n_items, f) and what is added to each item's score, (n_items,) or None."""
        ...


@dataclass(frozen=True, eq=False)
class FittedRecommender:
    """Scores, recommends and explains. Users without a history, and strangers, get the popularity of the items, marked.

    Ties go to the item with more users, then to the one that stands first in `dataset.items`.

    Example:
        >>> from dorec.recommend import EASE
        >>> rows = {"u": ["ann", "ann", "bob", "bob", "cid"], "i": ["tea", "milk", "tea", "milk", "tea"]}
        >>> scorer = EASE(reg=1.0).fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> scorer.recommend(["cid", "zoe"], k=1).to_arrow().select(["item_id", "fallback"]).to_pylist()
        [{'item_id': 'milk', 'fallback': False}, {'item_id': 'tea', 'fallback': True}]
    """

    dataset: Dataset
    name: str  # in the registry
    settings: Mapping[str, Any]  # hyperparameters
    model: Model
    known: BoolArray | None = None  # (n_users,) whom the model can score; None for those with a history

    @cached_property
    def popularity(self) -> FloatArray:
        """Users who ever had each item, (n_items,): what the fallback goes by."""
        counts: FloatArray = np.bincount(self.dataset.matrix.indices, minlength=self.dataset.n_items).astype(np.float64)
        return counts

    @cached_property
    def has_history(self) -> BoolArray:
        """Which users have an interaction with a weight above 0, (n_users,)."""
        total = np.asarray(self.dataset.matrix.sum(axis=1)).ravel()
        return np.asarray(total > 0)

    @cached_property
    def _tie_rank(self) -> IntArray:
        rank = np.empty(self.dataset.n_items, dtype=np.int64)
        rank[np.argsort(-self.popularity, kind="stable")] = np.arange(self.dataset.n_items)
        return rank

    def score(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items) of users by position; the popularity for -1 (a stranger) and for an empty history.

        Raises:
            InputError: a position is outside -1..n_users-1.
        """
        positions = np.atleast_1d(np.asarray(users, dtype=np.int64))
        if len(positions) and (positions.min() < -1 or positions.max() >= self.dataset.n_users):
            raise InputError(
                f"User positions reach from {positions.min()} to {positions.max()}; give 0 to "
                f"{self.dataset.n_users - 1}, or -1 for a stranger. dataset.index_of(ids) finds the positions of ids."
            )
        known = self._known(positions)
        scores = np.empty((len(positions), self.dataset.n_items))
        scores[~known] = self.popularity
        if known.any():
            scores[known] = self.model.scores(positions[known])
        return scores

    def recommend(self, users: Any, k: int = 10, *, exclude_seen: bool = True) -> ItemList:
        """The k best items of each user id, in blocks of bounded memory.

        A place that nothing can fill (k exceeds what is left) has score -inf and None for an item.

        Args:
            users: ids (u,), one id, or none at all; strangers are welcome.
            k: length of the lists, at least 1.
            exclude_seen: leave out what the user already interacted with, or was shown for nothing (a weight of 0).

        Raises:
            InputError: k is below 1.
        """
        ids = _as_ids(users, self.dataset.users)
        if k != int(k) or k < 1:
            raise InputError(f"k is {k}; give the length of the lists, a whole number from 1 on.")
        positions = self.dataset.index_of(ids)
        places = np.full((len(ids), k), -1, dtype=np.int64)
        scores = np.full((len(ids), k), -np.inf)
        rest = np.arange(len(ids))
        if self.dataset.n_items >= MANY_ITEMS and isinstance(self.model, FactorModel):
            able = self._known(positions)
            places[able], scores[able] = self._largest_products(self.model, positions[able], int(k), exclude_seen)
            rest = np.flatnonzero(~able)
        block = max(1, BLOCK_SCORES // self.dataset.n_items)
        for start in range(0, len(rest), block):
            rows = rest[start : start + block]
            table = self.score(positions[rows])
            if exclude_seen:
                self._mask_seen(table, positions[rows])
            places[rows], scores[rows] = top_k(table, int(k), tie_rank=self._tie_rank)
        return ItemList(ids, _ids_at(self.dataset.items, places), scores, ~self._known(positions))

    def explain(self, user_id: Any, item_id: Any) -> Explanation:
        """Why an item has its score for a user: parts that add up to it, one for each item of the history.

        Raises:
            UnknownItem: the data do not hold the item. (An unknown user has the popularity score, and its explanation.)
        """
        item = int(self.dataset.item_index_of([item_id])[0])
        if item < 0:
            near = did_you_mean(str(item_id), map(str, self.dataset.items[:10_000]))
            raise UnknownItem(f"Item {item_id!r} is not among the {self.dataset.n_items:,} items of the data.{near}")
        user = int(self.dataset.index_of(_as_ids(user_id, self.dataset.users))[0])
        score = float(self.score(np.array([user]))[0, item])
        if not self._known(np.array([user]))[0]:
            return explain_by_popularity(self.dataset, user_id, item, score, fallback=True)
        history, parts = self.model.contributions(user, np.array([item]))
        if not len(history):
            return explain_by_popularity(self.dataset, user_id, item, score, fallback=False)
        return explain_by_history(self.dataset, user, item, score, (history, parts[:, 0]))

    def reasons(self, items: ItemList, n: int = 2) -> list[list[tuple[Any, ...]]]:
        """For each user and place the ids of up to n items of the history that speak most for it, strongest first.

        Empty where nothing does: for users with the fallback, for unfilled places, for popularity.
        """
        if n < 0:
            raise InputError(f"n is {n}; give how many reasons each item should have, from 0 on.")
        users, places = self.dataset.index_of(items.users), _positions_of(items, self.dataset)
        known = self._known(users)
        ids = self.dataset.items.tolist()
        out: list[list[tuple[Any, ...]]] = []
        for user, row, is_known in zip(users.tolist(), places, known.tolist(), strict=True):
            found: list[tuple[Any, ...]] = [()] * len(row)
            asked = np.flatnonzero(row >= 0)
            if is_known and len(asked) and n:
                history, parts = self.model.contributions(user, row[asked])
                for place, top in zip(asked.tolist(), strongest(history, parts, n), strict=True):
                    found[place] = tuple(ids[i] for i in top)
            out.append(found)
        return out

    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, str]]:
        """Arrays and text metadata, for a store that keeps no code: `from_arrays` makes the same scorer of them."""
        arrays = self.model.arrays()  # first: a model that can't be kept says so better than its settings do
        metadata = {
            "model": self.name,
            "settings": json.dumps(dict(self.settings), sort_keys=True),
            "users": fingerprint(self.dataset.users),
            "items": fingerprint(self.dataset.items),
        }
        return arrays, metadata

    def _largest_products(
        self, model: FactorModel, positions: IntArray, k: int, exclude_seen: bool
    ) -> tuple[IntArray, FloatArray]:
        users, items, bias = model.sides()
        seen = self.dataset.pairs[positions] if exclude_seen else None
        without = None if seen is None else (seen.indptr, seen.indices)
        return top_products(users[positions], items, k, bias=bias, leave_out=without, tie_rank=self._tie_rank)

    def _known(self, positions: IntArray) -> BoolArray:
        able = self.has_history if self.known is None else self.known
        return np.asarray((positions >= 0) & able[np.maximum(positions, 0)])

    def _mask_seen(self, table: FloatArray, positions: IntArray) -> None:
        matrix = self.dataset.pairs
        rows = np.flatnonzero(positions >= 0)
        first, last = matrix.indptr[positions[rows]], matrix.indptr[positions[rows] + 1]
        count = (last - first).astype(np.int64)
        at = np.repeat(first - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(count.sum())
        table[np.repeat(rows, count), matrix.indices[at]] = -np.inf


def fitted(
    dataset: Dataset, learner: Any, name: str, model: Model, *, known: BoolArray | None = None
) -> FittedRecommender:
    """The scorer of a learner, a frozen dataclass whose fields become its settings."""
    return FittedRecommender(dataset, name, asdict(learner), model, known)


def _as_ids(users: Any, vocabulary: AnyArray) -> AnyArray:
    ids = np.atleast_1d(np.asarray(users))
    if ids.ndim != 1:
        raise InputError(f"users has shape {ids.shape}; give a flat list of user ids.")
    return ids if len(ids) else np.empty(0, dtype=vocabulary.dtype)


def _ids_at(vocabulary: AnyArray, places: IntArray) -> AnyArray:
    """Ids of positions; None where the position is -1."""
    if not (places < 0).any():
        return vocabulary[places]
    ids = vocabulary[np.maximum(places, 0)].astype(object)
    ids[places < 0] = None
    return ids


def _positions_of(items: ItemList, dataset: Dataset) -> IntArray:
    """Positions (u, k) of listed items, -1 in unfilled places and for items the data do not hold."""
    places = np.full(items.items.shape, -1, dtype=np.int64)
    filled = items.filled
    if filled.any():
        places[filled] = dataset.item_index_of(items.items[filled])
    return places
