"""Popularity as a common cause of what is shown and of what is chosen, cut by adjustment (Zhang et al. 2021)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.numeric.popularity_factors import deconfounded_epoch
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.pairwise import binary_history, check_pairwise
from dorec.recommend.popularity_removal import ScaledFactors, relative_popularity, scaled_from, without_bias

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class PopularityDeconfounded:
    """Factors of what users like once popularity has had its say: the score in training is match x popularity^power.

    Popular items are shown more and chosen for being popular. Because popularity enters training as a factor of its
    own, the match is freed of it, and recommending by the match is recommending as if popularity were set by hand
    (doi:10.1145/3404835.3462875). `inject` puts some back in, where what is popular is also what people will want.

    Args:
        power: of popularity in training; 0 is plain factorisation.
        inject: of popularity in the scores; 0 leaves it out.
        embedding_size: number of factors.
        learning_rate: of the steps.
        reg: weight decay.
        epochs: passes over the interactions.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4], "i": ["tea", "milk", "tea", "milk", "tea", "soap", "oil"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> scorer = PopularityDeconfounded(embedding_size=4, epochs=200, learning_rate=0.05).fit(data)
        >>> scorer.recommend([3], k=1).items.tolist()
        [['milk']]
    """

    power: float = 0.2
    inject: float = 0.0
    embedding_size: int = 64
    learning_rate: float = 0.02
    reg: float = 0.02
    epochs: int = 100

    def __post_init__(self) -> None:
        check_pairwise(self)
        for name in ("power", "inject"):
            if not 0 <= getattr(self, name) <= 4:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a number from 0 to 4, such as 0.2.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the factors.

        Raises:
            NotFinite: the factors overflow; the learning rate is too high.
        """
        history = binary_history(dataset)
        popularity = relative_popularity(history)
        rng = context.rng("popularity_deconfounded")
        size = self.embedding_size
        users, items = (rng.standard_normal((n, size)) / size for n in history.shape)
        owner = np.repeat(np.arange(dataset.n_users), np.diff(history.indptr))
        at, kept = history.indices.astype(np.int64), (history.indptr, history.indices)
        how = np.array([self.learning_rate, self.reg])
        strength = popularity**self.power
        for _ in context.track(range(self.epochs), "deconfounded epochs", self.epochs):
            deconfounded_epoch((rng.permutation(len(at)), owner, at), kept, (users, items, strength), how, rng)
        factors = without_bias(history, users, items, self)
        scale = (popularity**self.inject).astype(np.float32)
        return fitted(dataset, self, "popularity_deconfounded", ScaledFactors(factors, scale, 0.0, self.inject > 0))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        model = scaled_from(arrays, dataset, self.embedding_size, positive=self.inject > 0)
        return fitted(dataset, self, "popularity_deconfounded", model)
