"""What each user did, oldest first: the sequences that models of order learn from. Arrays alone, no torch."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.errors import InputError
from dorec.numeric.arrays import AnyArray, IntArray
from dorec.recommend.pairwise import binary_history
from dorec.recommend.words import VERBS


@dataclass(frozen=True, eq=False)
class Histories:
    """Events of weight above 0, user after user, oldest first; at equal times in an order that tells nothing.

    Without times a history is a set: its items stand once, in the order of the items, which says nothing.

    Example:
        >>> rows = {"u": ["ann", "bob", "ann"], "i": ["tea", "tea", "milk"], "t": [5, 1, 9]}
        >>> found = histories_of(Dataset.from_interactions(rows, user="u", item="i", time="t"))
        >>> found.start.tolist(), found.items.tolist(), found.ordered
        ([0, 2, 3], [1, 0, 1], True)
    """

    start: IntArray  # (n_users + 1,) where each user's events begin
    items: IntArray  # (m,) positions
    time: IntArray | None = None  # (m,) seconds
    kind: IntArray | None = None  # (m,) positions in kinds
    kinds: tuple[str, ...] = ()  # event types, weakest first

    @property
    def ordered(self) -> bool:
        """Whether the order means something."""
        return self.time is not None

    @property
    def count(self) -> IntArray:
        """Events of each user, (n_users,)."""
        return np.diff(self.start)

    def latest(self, width: int) -> tuple[IntArray, IntArray]:
        """First event and number of events of each user's last `width`, both (n_users,)."""
        count = np.minimum(self.count, width)
        return self.start[1:] - count, count


def histories_of(dataset: Dataset, *, typed: bool = False) -> Histories:
    """The histories of a dataset; `typed` keeps what kind of event each was.

    Raises:
        InputError: kinds are asked for and the dataset has none.
    """
    if typed and dataset.event is None:
        raise InputError("typed=True needs event types; name the column: from_interactions(..., event=...).")
    kinds, kind = _kinds(dataset.event) if typed and dataset.event is not None else ((), None)
    rows = np.flatnonzero(dataset.weight > 0)
    user, item = dataset.user_index[rows], dataset.item_index[rows]
    when = [] if dataset.time is None else [_mixed(user, item), dataset.time[rows]]
    rows = rows[np.lexsort([*([] if kind is None else [kind[rows]]), item, *when, user])]
    user, item = dataset.user_index[rows], dataset.item_index[rows]
    if dataset.time is None and len(rows):
        # the strongest kind stands last among the rows of a pair
        last = np.append((user[1:] != user[:-1]) | (item[1:] != item[:-1]), True)
        rows, user, item = rows[last], user[last], item[last]
    return Histories(
        start=np.concatenate([[0], np.cumsum(np.bincount(user, minlength=dataset.n_users))]).astype(np.int64),
        items=item.astype(np.int64),
        time=None if dataset.time is None else np.floor(dataset.time[rows]).astype(np.int64),
        kind=None if kind is None else kind[rows],
        kinds=kinds,
    )


def kind_histories(dataset: Dataset) -> list[sparse.csr_matrix]:
    """Who has what (n_users, n_items) by each kind of event, the weakest kind first.

    >>> rows = {"u": [1, 1], "i": [7, 8], "e": ["purchase", "view"]}
    >>> data = Dataset.from_interactions(rows, user="u", item="i", event="e")
    >>> [history.toarray().tolist() for history in kind_histories(data)]
    [[[0.0, 1.0]], [[1.0, 0.0]]]

    Raises:
        InputError: the dataset has no kinds of events.
    """
    if dataset.event is None:
        raise InputError("typed=True needs event types; name the column: from_interactions(..., event=...).")
    kinds, kind = _kinds(dataset.event)
    return [binary_history(dataset.take(kind == k)) for k in range(len(kinds))]


def _mixed(user: IntArray, item: IntArray) -> AnyArray:
    """A number for each pair that follows from it and orders a user's items in no way that could be learned."""
    x = user.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + item.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64 (Steele et al. 2014)
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(x ^ (x >> np.uint64(31)))


def _kinds(events: AnyArray) -> tuple[tuple[str, ...], IntArray]:
    """Event types from the weakest to the strongest, and each event's place among them; unknown ones are weakest."""
    names, index = np.unique(np.asarray([str(e) for e in events.tolist()]), return_inverse=True)
    verbs = list(dict.fromkeys(VERBS.values()))
    strength = [-verbs.index(VERBS[n.lower()]) if n.lower() in VERBS else -len(verbs) for n in names.tolist()]
    order = np.argsort(strength, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return tuple(names[order].tolist()), place[index.ravel()]
