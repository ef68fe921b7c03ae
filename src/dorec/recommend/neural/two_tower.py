"""Two towers: users and items by their features and ids, so that new ones have a score at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.recommend.feature_hashing import features_of, hashed_features, number_bins
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.neural import load_torch
from dorec.recommend.pairwise import BiasedFactors, binary_history, check_pairwise
from dorec.recommend.towers import Tower, TowerModel, tower_from

DEFAULT_CONTEXT = RunContext()
SIDES = ("users", "items")
UNSEEN = 0.5  # added to the users of each item, so that one without any has a share too
Pair = tuple[sparse.csr_matrix, sparse.csr_matrix]


@dataclass(frozen=True, kw_only=True)
class TwoTower:
    """Vectors of users and items, each from its features and its id, whose cosine is the score.

    Features are what `Dataset.with_users` and `with_items` joined: text, categories, lists, numbers and vectors. They
    are hashed, so that a word or a category that comes later has a place too. The loss is the softmax over the items of
    a batch and `n_negatives` others, corrected for their chance to be sampled (Yi et al. 2019,
    doi:10.1145/3298689.3346996), so that scores are log chances, each user's up to a constant. Users with features and
    no history are scored by the model, not by the fallback: what features say of those it learned from says less of
    others, and is mixed with the popularity of the items (`new_user_weight`). `moved_to` scores another dataset's users
    and items. Memory is 12 embedding_size (n_users + n_items + 2 n_buckets) bytes and 8 batch_size (batch_size +
    n_negatives). It needs torch: `pip install 'dorec[deep]'`.

    Args:
        embedding_size: length of the vectors.
        hidden: units of each tower's hidden layer.
        n_buckets: places that features are hashed to, on each side.
        ids: whether users and items with a history have a vector of their own too.
        id_dropout: how often that vector is left out while learning, so that features learn to do without.
        temperature: by which cosines are divided.
        n_negatives: items drawn for each batch.
        new_user_weight: of the log chances that the features of a user without a history tell; the rest is that of the
            log share of the interactions that an item has.
        learning_rate: of AdamW.
        reg: weight decay.
        epochs: passes over the interactions.
        batch_size: interactions of a step.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4], "i": ["tea", "milk", "tea", "milk", "tea", "soap", "oil"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> kind = {"i": ["tea", "milk", "soap", "oil"], "kind": ["drink", "drink", "house", "house"]}
        >>> data = data.with_items(kind, item="i")
        >>> TwoTower(embedding_size=8, n_buckets=64, epochs=40).fit(data).recommend([3], k=1).items.tolist()
        [['milk']]
    """

    embedding_size: int = 64
    hidden: int = 64
    n_buckets: int = 4096
    ids: bool = True
    id_dropout: float = 0.3
    temperature: float = 0.2
    n_negatives: int = 512
    new_user_weight: float = 0.35
    learning_rate: float = 0.005
    reg: float = 0.1
    epochs: int = 10
    batch_size: int = 1024

    def __post_init__(self) -> None:
        check_pairwise(self)
        for name in ("hidden", "n_buckets", "n_negatives", "batch_size"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise ConfigError(f"{name} is {value}; give a whole number from 1 on.")
        if not 0 <= self.id_dropout < 1:
            raise ConfigError(f"id_dropout is {self.id_dropout}; give a share from 0 to below 1.")
        if not 0 <= self.new_user_weight <= 1:
            raise ConfigError(f"new_user_weight is {self.new_user_weight}; give a weight from 0 to 1.")
        if not 0 < self.temperature < np.inf:
            raise ConfigError(f"temperature is {self.temperature}; give a number above 0, such as 0.2.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit both towers.

        Raises:
            ConfigError: torch is not installed.
            InputError: without ids, a side has no features.
            NotFinite: the loss overflows; the learning rate is too high.
        """
        load_torch()
        from dorec.recommend.neural.tower_network import learn_towers  # loads torch

        bins = [number_bins(*features_of(dataset, side)) for side in SIDES]
        features = self._features(dataset, bins[0], bins[1])
        for side, matrix in zip(SIDES, features, strict=True):
            if not self.ids and not matrix.nnz:
                raise InputError(f"The {side} have no features; join some with Dataset.with_{side}, or take ids=True.")
        towers = learn_towers(binary_history(dataset), features, self, context, label="TwoTower")
        users, items = (replace(tower, bins=edges) for tower, edges in zip(towers, bins, strict=True))
        return self._scorer(dataset, users, items)

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        f, h = self.embedding_size, self.hidden
        towers = []
        for side, n in zip(SIDES, (dataset.n_users, dataset.n_items), strict=True):
            inner = {"inner": (f, h), "inner_bias": (h,), "outer": (h, f)}
            towers.append(tower_from(arrays, side, {"ids": (n, f), "buckets": (self.n_buckets, f)} | inner))
        return self._scorer(dataset, towers[0], towers[1])

    def moved_to(self, dataset: Dataset, scorer: FittedRecommender) -> FittedRecommender:
        """The scorer's towers on another dataset: its users and items by their features, and by ids where known.

        Args:
            dataset: with features of the same columns.
            scorer: fitted by this learner.

        Raises:
            InputError: the scorer is of another model.
        """
        if not isinstance(scorer.model, TowerModel):
            raise InputError(f"The scorer is a {scorer.name}, not a two_tower; give what TwoTower.fit returned.")
        rows = (scorer.dataset.index_of(dataset.users), scorer.dataset.item_index_of(dataset.items))
        users, items = (
            replace(tower, ids=np.where((at >= 0)[:, None], tower.ids[np.maximum(at, 0)], np.float32(0.0)))
            for tower, at in zip((scorer.model.users, scorer.model.items), rows, strict=True)
        )
        return self._scorer(dataset, users, items)

    def _features(self, dataset: Dataset, *bins: Mapping[str, AnyArray]) -> Pair:
        users, items = (
            hashed_features(*features_of(dataset, side), edges, self.n_buckets)
            for side, edges in zip(SIDES, bins, strict=True)
        )
        return users, items

    def _scorer(self, dataset: Dataset, users: Tower, items: Tower) -> FittedRecommender:
        features = self._features(dataset, users.bins, items.bins)
        sides = [t.vectors(np.arange(x.shape[0]), x) for t, x in zip((users, items), features, strict=True)]
        history = binary_history(dataset)
        has_history = np.diff(history.indptr) > 0
        learned = (users.ids != 0).any(axis=1) if self.ids else has_history
        weight = np.where(learned, 1.0, self.new_user_weight)[:, None].astype(np.float32)
        # one more factor: of an item how popular it is, of a user how much that counts
        count = np.bincount(history.indices, minlength=dataset.n_items) + UNSEEN
        popular = np.log(count / count.sum())[:, None].astype(np.float32)
        factors = BiasedFactors(
            history,
            np.hstack([sides[0] * weight / np.float32(self.temperature), 1.0 - weight]),
            np.hstack([sides[1], popular]),
            np.zeros(dataset.n_items, dtype=np.float32),
        )
        known = has_history | learned | (np.diff(features[0].indptr) > 0)
        return fitted(dataset, self, "two_tower", TowerModel(factors, users, items), known=known)
