"""What most users chose: the baseline that every model must beat, and the fallback for users without a history."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import InputError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.fitted import FittedRecommender, fitted

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True, eq=False)
class Counts:
    """The same scores for everyone."""

    counts: FloatArray  # (n_items,)

    def scores(self, users: IntArray) -> FloatArray:
        """Counts, repeated, (u, n_items)."""
        return np.broadcast_to(self.counts, (len(users), len(self.counts)))

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """No part of the history matters: (0,) and (0, len(items))."""
        del user
        return np.empty(0, dtype=np.int64), np.empty((0, len(items)))

    def arrays(self) -> dict[str, AnyArray]:
        """The counts."""
        return {"counts": self.counts}


@dataclass(frozen=True)
class Popularity:
    """Scores an item by the number of users who ever chose it.

    Example:
        >>> rows = {"u": [1, 1, 2, 3], "i": ["tea", "milk", "tea", "tea"]}
        >>> scorer = Popularity().fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> scorer.recommend([2], k=1).items.tolist(), scorer.score(np.array([0])).tolist()
        ([['milk']], [[1.0, 3.0]])
    """

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Count users. 8 n_items bytes."""
        del context
        counts = np.bincount(dataset.matrix.indices, minlength=dataset.n_items).astype(np.float64)
        return fitted(dataset, self, "popularity", Counts(counts))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        counts = np.asarray(arrays["counts"], dtype=np.float64)
        if counts.shape != (dataset.n_items,):
            raise InputError(f"counts have shape {counts.shape}; {dataset.n_items} items need one each.")
        return fitted(dataset, self, "popularity", Counts(counts))
