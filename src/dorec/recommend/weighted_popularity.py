"""What is chosen lately, and by users alike: popularity with a half-life, and by segment."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.fitted import FittedRecommender, fitted

DEFAULT_CONTEXT = RunContext()
DAY = 86_400.0  # seconds


@dataclass(frozen=True, eq=False)
class SegmentCounts:
    """The same scores for everyone of a segment."""

    counts: FloatArray  # (n_segments, n_items)
    segment: IntArray  # (n_users,)

    def scores(self, users: IntArray) -> FloatArray:
        """Counts of each user's segment, (u, n_items)."""
        return np.asarray(self.counts[self.segment[users]])

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """One part, of no single item: (1,) and (1, len(items))."""
        return np.array([-1]), self.counts[self.segment[user], items][None, :]

    def arrays(self) -> dict[str, AnyArray]:
        """The counts and the segments."""
        return {"counts": self.counts, "segment": self.segment}


@dataclass(frozen=True, kw_only=True)
class WeightedPopularity:
    """Scores an item by the users who chose it, recent choices and users of the same segment first.

    A user's latest choice of an item counts 0.5^(its age / half_life); age is measured from the last interaction of the
    data. A segment's count of an item is raised by `prior` times the share that the item has of all choices, so that a
    small segment follows everyone. Users whose segment is missing are scored as everyone is. With neither option it is
    `Popularity`, up to the prior. Memory is 8 n_items bytes for each segment.

    Args:
        half_life: days; None for no decay. The data must have times.
        segment: a column of the user features; None for one segment.
        prior: choices that a segment borrows from everyone.

    Example:
        >>> rows = {"u": [1, 2, 3, 4], "i": ["tea", "tea", "milk", "oil"], "t": [0.0, 0.0, 8.64e6, 8.64e6]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i", time="t")
        >>> scorer = WeightedPopularity(half_life=10.0, prior=0.0).fit(data)
        >>> data.items.tolist(), scorer.score(np.array([0])).round(3).tolist()
        (['milk', 'oil', 'tea'], [[1.0, 1.0, 0.002]])
    """

    half_life: float | None = None
    segment: str | None = None
    prior: float = 20.0

    def __post_init__(self) -> None:
        if self.half_life is not None and not 0 < self.half_life < np.inf:
            raise ConfigError(f"half_life is {self.half_life}; give a number of days above 0, or None for no decay.")
        if not 0 <= self.prior < np.inf:
            raise ConfigError(f"prior is {self.prior}; give a number from 0 on.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Count users.

        Raises:
            InputError: a half-life is asked for, and the data have no times.
            ColumnNotFound: the user features have no such column.
        """
        del context
        segment, n_segments = self._segments(dataset)
        shape = (n_segments + 1, dataset.n_users)
        member = sparse.csr_matrix((np.ones(len(segment)), (segment, np.arange(len(segment)))), shape=shape)
        counts = np.asarray((member @ self._decayed(dataset)).todense(), dtype=np.float64)
        everyone = counts.sum(axis=0)
        counts[n_segments] = everyone
        counts[:n_segments] += self.prior * everyone / max(float(everyone.sum()), 1e-300)
        return fitted(dataset, self, "weighted_popularity", SegmentCounts(counts, segment))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        counts = np.asarray(arrays["counts"], dtype=np.float64)
        segment = np.asarray(arrays["segment"], dtype=np.int64)
        if counts.ndim != 2 or counts.shape[1] != dataset.n_items or segment.shape != (dataset.n_users,):
            raise InputError(
                f"counts have shape {counts.shape} and segment {segment.shape}; {dataset.n_items} items and "
                f"{dataset.n_users} users need a column and an entry each."
            )
        if len(segment) and not 0 <= segment.min() <= segment.max() < len(counts):
            raise InputError(f"segment names row {segment.max()} of {len(counts)} rows of counts.")
        return fitted(dataset, self, "weighted_popularity", SegmentCounts(counts, segment))

    def _segments(self, dataset: Dataset) -> tuple[IntArray, int]:
        """The segment of each user, and how many there are; the number after the last is "missing"."""
        if self.segment is None:
            return np.zeros(dataset.n_users, dtype=np.int64), 1
        table = dataset.user_features
        if table is None or self.segment not in table.column_names:
            raise ColumnNotFound(self.segment, [] if table is None else table.column_names, where="the user features")
        values = table.column(self.segment).to_pylist()
        known = {value: i for i, value in enumerate(sorted({v for v in values if v is not None}, key=str))}
        return np.array([len(known) if v is None else known[v] for v in values], dtype=np.int64), len(known)

    def _decayed(self, dataset: Dataset) -> sparse.csr_matrix:
        """What each pair of a user and an item counts."""
        rows = np.flatnonzero(dataset.weight > 0)
        pair = dataset.user_index[rows] * dataset.n_items + dataset.item_index[rows]
        pairs, of_row = np.unique(pair, return_inverse=True)
        worth = np.ones(len(pairs))
        if self.half_life is not None:
            if dataset.time is None:
                raise InputError("A half-life needs times; name the column: Dataset.from_interactions(..., time=...).")
            latest = np.full(len(pairs), -np.inf)
            np.maximum.at(latest, of_row, dataset.time[rows])
            worth = 0.5 ** ((latest.max(initial=-np.inf) - latest) / (self.half_life * DAY))
        places = (pairs // dataset.n_items, pairs % dataset.n_items)
        return sparse.csr_matrix((worth, places), shape=(dataset.n_users, dataset.n_items))
