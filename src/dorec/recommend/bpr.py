"""BPR: what a user has ranks above what the user has not (Rendle et al. 2009, arXiv 1205.2618)."""

from collections.abc import Mapping
from dataclasses import dataclass

from dorec.domain.dataset import Dataset
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.numeric.pairwise_factors import bpr_epoch
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.pairwise import binary_history, check_pairwise, factors_from, learn

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class BPR:
    """Factors and item biases that put each item a user has before an item drawn from those the user has not.

    Memory is 12 embedding_size (n_users + n_items) + 40 n_interactions bytes; an epoch takes one step for each
    interaction, on one core, so that the same seed gives the same factors.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4], "i": ["tea", "milk", "tea", "milk", "tea", "soap", "oil"]}
        >>> scorer = BPR(embedding_size=4, epochs=200).fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> scorer.recommend([3], k=1).items.tolist()
        [['milk']]
    """

    embedding_size: int = 64
    learning_rate: float = 0.02
    reg: float = 0.02
    epochs: int = 100

    def __post_init__(self) -> None:
        check_pairwise(self)

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the factors.

        Raises:
            NotFinite: the factors overflow; the learning rate is too high.
        """
        model = learn(binary_history(dataset), self, bpr_epoch, [self.learning_rate, self.reg], context)
        return fitted(dataset, self, "bpr", model)

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        return fitted(dataset, self, "bpr", factors_from(arrays, binary_history(dataset), self.embedding_size))
