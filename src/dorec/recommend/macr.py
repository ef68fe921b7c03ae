"""MACR: what an item's popularity alone would score, taken off (Wei et al. 2021, arXiv 2010.15363)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.numeric.popularity_factors import counterfactual_epoch
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.pairwise import binary_history, check_pairwise
from dorec.recommend.popularity_removal import ScaledFactors, scaled_from, without_bias

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class MACR:
    """The match of user and item less what the item gets without any match: (x'y - reference) sigmoid(b_i).

    An interaction has three causes: the match, the item on its own (popularity), and the user on their own (activity).
    All are learned together; the score is the total effect less the direct effect of item and user, in a world where
    the match is held at `reference`.

    Args:
        reference: the match that is taken for none; larger values take more popularity off; choose
            it on held-out data, for matches grow with training.
        item_weight: of the loss by which items tell interactions on their own.
        user_weight: the same of users.
        n_negatives: pairs drawn against each interaction.
        embedding_size: number of factors.
        learning_rate: of the steps.
        reg: weight decay.
        epochs: passes over the interactions.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4], "i": ["tea", "milk", "tea", "milk", "tea", "soap", "oil"]}
        >>> scorer = MACR(embedding_size=4, epochs=300).fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> scorer.recommend([3], k=1).items.tolist()
        [['milk']]
    """

    reference: float = 1.0
    item_weight: float = 0.1
    user_weight: float = 0.1
    n_negatives: int = 1
    embedding_size: int = 64
    learning_rate: float = 0.05
    reg: float = 0.02
    epochs: int = 100

    def __post_init__(self) -> None:
        check_pairwise(self)
        for name in ("item_weight", "user_weight"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a number from 0 on.")
        if not np.isfinite(self.reference):
            raise ConfigError(f"reference is {self.reference}; give a number.")
        if self.n_negatives != int(self.n_negatives) or self.n_negatives < 1:
            raise ConfigError(f"n_negatives is {self.n_negatives}; give a whole number from 1 on.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the three branches.

        Raises:
            NotFinite: the factors overflow; the learning rate is too high.
        """
        history = binary_history(dataset)
        rng, size = context.rng("macr"), self.embedding_size
        users, items = (rng.standard_normal((n, size)) / size for n in history.shape)
        of_item, of_user = np.zeros(dataset.n_items), np.zeros(dataset.n_users)
        owner = np.repeat(np.arange(dataset.n_users), np.diff(history.indptr))
        at, kept = history.indices.astype(np.int64), (history.indptr, history.indices)
        how = np.array([self.learning_rate, self.reg, self.item_weight, self.user_weight, self.n_negatives])
        for _ in context.track(range(self.epochs), "MACR epochs", self.epochs):
            steps = (rng.permutation(len(at)), owner, at)
            counterfactual_epoch(steps, kept, (users, items, of_item, of_user), how, rng)
        factors = without_bias(history, users, items, self)
        scale = expit(of_item).astype(np.float32)
        return fitted(dataset, self, "macr", ScaledFactors(factors, scale, self.reference, False))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        return fitted(dataset, self, "macr", scaled_from(arrays, dataset, self.embedding_size, positive=False))
