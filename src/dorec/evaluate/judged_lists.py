"""Lists with what is known of them: each metric by name, as a value and the influence of each user."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import InputError
from dorec.domain.table import column
from dorec.evaluate import list_metrics
from dorec.evaluate.ranking_metrics import ACCURACY
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.category_mix import history_mix


@dataclass(frozen=True, eq=False)
class JudgedLists:
    """The lists of the users of a test, and which places hold what the users went on to choose."""

    train: Dataset
    users: IntArray  # (u,) positions in train, -1 for strangers
    places: IntArray  # (u, k) positions of items, -1 where a place is empty
    hits: BoolArray  # (u, k)
    n_relevant: IntArray  # (u,) at least 1
    category: str | None = None  # column of the item features

    def metric(self, name: str) -> tuple[float, FloatArray]:
        """The value of a metric and the influence (u,) of each user."""
        if name in ACCURACY:
            found = ACCURACY[name](self.hits, self.n_relevant, self.k)
        else:
            made = LIST_METRICS[name](self)
            if isinstance(made, tuple):
                return made
            found = made
        mean = float(found.mean())
        return mean, found - mean

    @property
    def k(self) -> int:
        """Length of the lists."""
        return self.places.shape[1]

    @cached_property
    def user_counts(self) -> FloatArray:
        """Users who had each item in training, (n_items,)."""
        return np.bincount(self.train.matrix.indices, minlength=self.train.n_items).astype(np.float64)

    @cached_property
    def codes(self) -> IntArray:
        """The category of each item, (n_items,), -1 where it is missing."""
        features = self.train.item_features
        if features is None:
            raise InputError(
                "This metric goes by a category of the items, and the dataset has no item features; add them with "
                "dataset.with_items(table, item=...), or leave it out of metrics."
            )
        if self.category is None:
            names = ", ".join(features.column_names)
            raise InputError(f"This metric needs category=, the column of the item features it goes by: {names}.")
        values = column(features, self.category)
        missing = np.array([v is None or v != v for v in values.tolist()])
        codes = np.full(len(values), -1, dtype=np.int64)
        codes[~missing] = np.unique(values[~missing].astype(str), return_inverse=True)[1]
        return codes

    @cached_property
    def history_mix(self) -> FloatArray:
        """Each user's share of each category in training, (u, categories); everyone's for those without a history."""
        known = self.codes >= 0
        indicator = np.zeros((self.train.n_items, int(self.codes.max(initial=-1)) + 1))
        indicator[known, self.codes[known]] = 1.0
        return history_mix(self.train.matrix, self.users, indicator)

    @cached_property
    def history_popularity(self) -> FloatArray:
        """Mean number of users of the items each user had in training, (u,); 0 without a history."""
        rows = self.train.matrix[np.maximum(self.users, 0)]
        length = np.where(self.users >= 0, np.diff(rows.indptr), 0)
        owner = np.repeat(np.arange(len(self.users)), np.diff(rows.indptr))
        total = np.bincount(owner, weights=self.user_counts[rows.indices], minlength=len(self.users))
        return np.divide(total, length, out=np.zeros(len(length)), where=length > 0)


LIST_METRICS: Mapping[str, Callable[[JudgedLists], FloatArray | tuple[float, FloatArray]]] = {
    "coverage": lambda x: list_metrics.coverage(x.places, x.train.n_items),
    "novelty": lambda x: list_metrics.novelty(x.places, x.user_counts, x.train.n_users),
    "popularity": lambda x: list_metrics.mean_popularity(x.places, x.user_counts),
    "diversity": lambda x: list_metrics.diversity(x.places, x.codes),
    "gini": lambda x: list_metrics.gini(x.places, x.train.n_items),
    "personalization": lambda x: list_metrics.personalization(x.places, x.train.n_items),
    "popularity_lift": lambda x: list_metrics.popularity_lift(x.places, x.user_counts, x.history_popularity),
    "long_tail": lambda x: list_metrics.long_tail(x.places, x.user_counts),
    "serendipity": lambda x: list_metrics.serendipity(x.places, x.hits, x.user_counts, x.k),
    "entropy": lambda x: list_metrics.category_entropy(x.places, x.codes),
    "miscalibration": lambda x: list_metrics.miscalibration(x.places, x.history_mix, x.codes),
}
