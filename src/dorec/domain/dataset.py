"""Users, items and what they did with each other: what recommenders learn from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from dorec.domain.errors import ColumnNotFound, InputError, NotFinite
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Interactions by position in the vocabularies `users` and `items`, with features and text where there are any.

    Example:
        >>> rows = {"u": ["ann", "bob", "ann"], "i": ["tea", "tea", "milk"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> data.n_users, data.n_items, data.matrix.toarray().tolist()
        (2, 2, [[1.0, 1.0], [0.0, 1.0]])
    """

    users: AnyArray  # (n_users,) ids, sorted
    items: AnyArray  # (n_items,) ids, sorted
    user_index: IntArray  # (m,) an interaction's user, a position in `users`
    item_index: IntArray  # (m,)
    weight: FloatArray  # (m,)
    time: FloatArray | None = None  # (m,) seconds since 1970
    event: AnyArray | None = None  # (m,) event type
    user_features: "pa.Table | None" = None  # one row a user, in the order of `users`
    item_features: "pa.Table | None" = None  # one row an item, in the order of `items`
    item_text: Mapping[Any, str] = field(default_factory=dict)  # item id -> title

    @classmethod
    def from_interactions(
        cls,
        table: Any,
        *,
        user: str,
        item: str,
        time: str | None = None,
        weight: str | None = None,
        event: str | None = None,
    ) -> "Dataset":
        """A dataset from any frame with one row an interaction.

        Raises:
            ColumnNotFound: a column is not in the table.
            NotFinite: a user, item, time or weight is missing, or a weight is negative.
        """
        arrow = to_arrow(table, list(dict.fromkeys(c for c in (user, item, time, weight, event) if c)))
        if not arrow.num_rows:
            raise InputError("The table has no interactions; give at least one row.")
        users, user_index = _vocabulary(arrow, user)
        items, item_index = _vocabulary(arrow, item)
        weights = np.ones(arrow.num_rows) if weight is None else column(arrow, weight).astype(np.float64)
        bad = ~(np.isfinite(weights) & (weights >= 0))
        if bad.any():
            raise NotFinite(
                f"{int(bad.sum()):,} weight(s) in {weight!r} are missing, infinite or negative, the first in row "
                f"{int(bad.argmax())}",
                remedy="clean the column, or leave weight out",
            )
        return cls(
            users=users,
            items=items,
            user_index=user_index,
            item_index=item_index,
            weight=weights,
            time=_seconds(column(arrow, time), time) if time else None,
            event=column(arrow, event) if event else None,
        )

    @property
    def n_users(self) -> int:
        """Number of users in the vocabulary."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items in the vocabulary."""
        return len(self.items)

    @property
    def n_interactions(self) -> int:
        """Number of interactions, repeats counted."""
        return len(self.user_index)

    @cached_property
    def pairs(self) -> sparse.csr_matrix:
        """Summed weights of all that was seen, (n_users, n_items), sorted; an entry of 0 was shown and not taken."""
        shape = (self.n_users, self.n_items)
        matrix = sparse.coo_matrix((self.weight, (self.user_index, self.item_index)), shape=shape).tocsr()
        matrix.sum_duplicates()
        return matrix

    @cached_property
    def matrix(self) -> sparse.csr_matrix:
        """Summed weights of what was taken, (n_users, n_items), with sorted indices: `pairs` above 0."""
        if (self.pairs.data > 0).all():
            return self.pairs
        taken = self.pairs.copy()
        taken.eliminate_zeros()
        return taken

    def take(self, rows: AnyArray) -> "Dataset":
        """Some of the interactions (positions or a mask), with the same vocabularies."""
        per_row = ("user_index", "item_index", "weight", "time", "event")
        taken: dict[str, Any] = {n: None if (v := getattr(self, n)) is None else v[rows] for n in per_row}
        return replace(self, **taken)

    def with_items(self, table: Any, *, item: str, text: str | None = None) -> "Dataset":
        """The dataset with item features joined by id; items without a row get nulls, strangers are left out."""
        features = _aligned(to_arrow(table), item, self.items)
        if text is not None and text not in features.column_names:
            raise ColumnNotFound(text, features.column_names, where="the table of items")
        titles = {} if text is None else dict(zip(self.items.tolist(), features.column(text).to_pylist(), strict=True))
        return replace(self, item_features=features, item_text={k: str(v) for k, v in titles.items() if v is not None})

    def with_users(self, table: Any, *, user: str) -> "Dataset":
        """The dataset with user features joined by id."""
        return replace(self, user_features=_aligned(to_arrow(table), user, self.users))

    def index_of(self, users: Any) -> IntArray:
        """Positions of user ids in the vocabulary, -1 for strangers."""
        return _positions(np.asarray(users), self.users)

    def item_index_of(self, items: Any) -> IntArray:
        """Positions of item ids in the vocabulary, -1 for strangers."""
        return _positions(np.asarray(items), self.items)


def _vocabulary(arrow: "pa.Table", name: str) -> tuple[AnyArray, IntArray]:
    values = arrow.column(name).combine_chunks()
    if values.null_count:
        raise NotFinite(f"{values.null_count:,} value(s) in {name!r} are missing", remedy="drop these rows")
    plain = column(arrow, name)
    ids, index = np.unique(plain.astype(str) if plain.dtype == object else plain, return_inverse=True)
    return ids, index.astype(np.int64)


def _seconds(values: AnyArray, name: str | None) -> FloatArray:
    if np.issubdtype(values.dtype, np.datetime64):
        seconds = values.astype("datetime64[us]").astype(np.int64) / 1e6
        gap = np.isnat(values)
    else:
        seconds = values.astype(np.float64)
        gap = ~np.isfinite(seconds)
    if gap.any():
        raise NotFinite(
            f"{int(gap.sum()):,} time(s) in {name!r} are missing", remedy="drop these rows, or leave time out"
        )
    return np.asarray(seconds, dtype=np.float64)


def _positions(wanted: AnyArray, vocabulary: AnyArray) -> IntArray:
    if vocabulary.dtype.kind == "U":
        wanted = wanted.astype(str)  # never to the vocabulary's own width, which would cut longer ids to shorter ones
    elif wanted.dtype.kind == "O":
        place_of = {v: i for i, v in enumerate(vocabulary.tolist())}
        return np.array([place_of.get(v, -1) for v in wanted.tolist()], dtype=np.int64)
    elif wanted.dtype.kind == "U":
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(vocabulary, wanted), len(vocabulary) - 1)
    return np.where(vocabulary[place] == wanted, place, -1).astype(np.int64)


def _aligned(arrow: "pa.Table", key: str, vocabulary: AnyArray) -> "pa.Table":
    import pyarrow as pa

    ids = column(arrow, key)
    if vocabulary.dtype.kind == "U":
        ids = np.array([None if v is None else str(v) for v in ids.tolist()], dtype=object)
    row_of = {v: i for i, v in reversed(list(enumerate(ids.tolist())))}  # the first row of an id wins
    rows = pa.array([row_of.get(v) for v in vocabulary.tolist()], type=pa.int64())
    return arrow.take(rows)
