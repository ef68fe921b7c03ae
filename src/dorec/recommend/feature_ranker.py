"""A classifier over profiles: who a user is, what an item is, and how they fit, give the chance of an interaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, TooFewUnits
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.blend import held_out_pairs
from dorec.recommend.classifiers import Classified, check_classifier, classified, classified_from
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.ranker_features import RankerFeatures

DEFAULT_CONTEXT = RunContext()
BLOCK = 500_000  # pairs whose features are held at once
POPULARITY = 2  # the column of RankerFeatures that says how popular an item is


@dataclass(frozen=True, eq=False)
class ProfileChances:
    """The chance of each pair by its features; where nothing could be learned, the log popularity of the item."""

    features: RankerFeatures
    ranker: Classified | None

    def scores(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items)."""
        out = np.empty((len(users), self.features.dataset.n_items))
        step = max(1, BLOCK // out.shape[1])
        for start in range(0, len(users), step):
            table = self.features.table(users[start : start + step])
            out[start : start + step] = self._said(table.reshape(-1, table.shape[2])).reshape(table.shape[:2])
        return out

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """One part: what a classifier says does not split over the history."""
        return np.array([-1]), self._said(self.features.of(np.full(len(items), user), items))[None, :]

    def arrays(self) -> dict[str, AnyArray]:
        """What was learned; the features follow from the data."""
        return {"nothing": np.zeros(1)} if self.ranker is None else self.ranker.arrays()

    def _said(self, features: FloatArray) -> FloatArray:
        return features[:, POPULARITY] if self.ranker is None else self.ranker.chances(features)


@dataclass(frozen=True, kw_only=True)
class FeatureRanker:
    """P(interaction) by a tree, a forest, a linear model or any scikit-learn classifier over profile features.

    The features are those of `RankerFeatures`: length and usual popularity of the user's history, popularity of the
    item, components of the columns that `Dataset.with_users` and `with_items` joined, and how near the item's are to
    those of the history. Some interactions of each user are held out, features come from the rest, and the classifier
    tells the held-out items from drawn ones and from pairs of weight 0, shown and not taken. So no pair is told by
    its own trace. Scores are chances among such pairs: with `n_negatives=0` those of an impression, else an order.

    Args:
        model: "forest", "tree", "boosting", "logistic", "svm" (linear), or any scikit-learn classifier, which
            `to_arrays` then refuses to keep.
        n_negatives: unseen items drawn for each held-out interaction.
        held_out: share of the interactions that the classifier learns from.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> user = np.repeat(np.arange(60), 8)
        >>> rows = {"u": user, "i": rng.integers(0, 15, 480) * 2 + user % 2}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> data = data.with_items({"i": data.items, "kind": [["even", "odd"][i % 2] for i in data.items]}, item="i")
        >>> FeatureRanker(model="tree").fit(data).recommend([4, 7], k=3).items % 2
        array([[0, 0, 0],
               [1, 1, 1]])
    """

    model: Any = "forest"
    n_negatives: int = 4
    held_out: float = 0.2

    def __post_init__(self) -> None:
        check_classifier(self.model, "model")
        if self.n_negatives != int(self.n_negatives) or self.n_negatives < 0:
            raise ConfigError(f"n_negatives is {self.n_negatives}; give a whole number from 0 on.")
        if not 0 < self.held_out < 1:
            raise ConfigError(f"held_out is {self.held_out}; give a share above 0 and below 1, such as 0.2.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the classifier.

        Raises:
            TooFewUnits: no negatives are to be drawn, and no interaction has weight 0.
        """
        if not self.n_negatives and (dataset.pairs.data > 0).all():
            raise TooFewUnits(
                "n_negatives is 0 and no interaction has weight 0, so nothing says what is not taken",
                remedy="give what was shown and not taken a weight of 0, or raise n_negatives",
            )
        held = held_out_pairs(dataset, self.held_out, context.seed)
        ranker = None
        if held.any():
            pairs, chosen = self._labelled(dataset, held, context)
            if 0 < chosen.sum() < len(chosen):
                rows = RankerFeatures(dataset.take(~held)).of(*pairs)
                ranker = classified(self.model, rows, chosen, context)
        return fitted(dataset, self, "feature_ranker", ProfileChances(RankerFeatures(dataset), ranker))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        features = RankerFeatures(dataset)
        ranker = None
        if set(arrays) != {"nothing"}:
            ranker = classified_from(self.model, arrays, features.size)
        return fitted(dataset, self, "feature_ranker", ProfileChances(features, ranker))

    def _labelled(
        self, dataset: Dataset, held: AnyArray, context: RunContext
    ) -> tuple[tuple[IntArray, IntArray], AnyArray]:
        """Pairs by position and whether each was taken: held out, shown for nothing, and drawn unseen ones."""
        taken, whole = dataset.take(held).matrix.tocoo(), dataset.pairs.tocoo()
        shown = whole.data == 0
        user = np.repeat(taken.row, self.n_negatives)
        item = context.rng("feature_ranker").integers(0, dataset.n_items, len(user))
        key = np.sort(whole.row.astype(np.int64) * dataset.n_items + whole.col)
        free = ~np.isin(user.astype(np.int64) * dataset.n_items + item, key)
        pairs = (
            np.concatenate([taken.row, whole.row[shown], user[free]]).astype(np.int64),
            np.concatenate([taken.col, whole.col[shown], item[free]]).astype(np.int64),
        )
        return pairs, np.arange(len(pairs[0])) < len(taken.row)
