"""WARP: steps grow with the rank of what should stand on top (Weston et al. 2011, doi:10.5591/978-1-57735-516-8)."""

from collections.abc import Mapping
from dataclasses import dataclass

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.numeric.pairwise_factors import warp_epoch
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.pairwise import binary_history, check_pairwise, factors_from, learn

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class WARP:
    """Like BPR, but items are drawn until one stands too near to what the user has, and a near one at once counts most.

    The loss looks at the top of the list. `max_trials` bounds the draws a step, and so the time.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4], "i": ["tea", "milk", "tea", "milk", "tea", "soap", "oil"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> scorer = WARP(embedding_size=4, learning_rate=0.05, reg=0.01).fit(data)
        >>> scorer.recommend([3], k=1).items.tolist()
        [['milk']]
    """

    embedding_size: int = 64
    learning_rate: float = 0.02
    reg: float = 0.1
    epochs: int = 20
    max_trials: int = 50

    def __post_init__(self) -> None:
        check_pairwise(self)
        if self.max_trials != int(self.max_trials) or self.max_trials < 1:
            raise ConfigError(f"max_trials is {self.max_trials}; give a whole number from 1 on.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the factors.

        Raises:
            NotFinite: the factors overflow; the learning rate is too high.
        """
        how = [self.learning_rate, self.reg, self.max_trials]
        return fitted(dataset, self, "warp", learn(binary_history(dataset), self, warp_epoch, how, context))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        return fitted(dataset, self, "warp", factors_from(arrays, binary_history(dataset), self.embedding_size))
