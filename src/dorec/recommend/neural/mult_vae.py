"""Mult-VAE: what a user likes as a code of the whole set of items (Liang et al. 2018, arXiv 1802.05814)."""

from collections.abc import Mapping
from dataclasses import dataclass

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.neural import load_torch
from dorec.recommend.neural.sequence_settings import check_numbers, check_whole

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class MultVAE:
    """A variational autoencoder of sets of items with a multinomial likelihood.

    A user's items, some left out in training, go through one hidden layer to a normal distribution over codes; a code
    goes through one hidden layer to a softmax over all items. Scores are the logits at the mean of the code. The order
    of events is not read; where there are times, each user's last event tells when to stop, else one drawn for each, of
    up to 1,000 users. Needs torch: `pip install 'dorec[deep]'`.

    Memory is 32 n_items hidden bytes, and 12 batch_size n_items for a batch.

    Args:
        embedding_size: of the code.
        hidden: units of both hidden layers.
        dropout: share of a user's items left out in training.
        beta: weight of the code's divergence from a standard normal one.
        learning_rate: of AdamW.
        reg: decoupled weight decay.
        epochs: at most.
        patience: epochs without a better validation after which it stops; None to go on to the end.
        batch_size: users of one step.
        checkpoint: a folder in which an interrupted training is kept and goes on.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4, 5], "i": ["tea", "milk", "tea", "milk", "tea", "soap", "oil", "oil"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> scorer = MultVAE(embedding_size=4, hidden=16, epochs=60, learning_rate=0.01, beta=0.01).fit(data)
        >>> scorer.recommend([3, 5], k=1).items.tolist()
        [['milk'], ['soap']]
    """

    embedding_size: int = 200
    hidden: int = 600
    dropout: float = 0.5
    beta: float = 0.2
    learning_rate: float = 1e-3
    reg: float = 0.0
    epochs: int = 200
    patience: int | None = 10
    batch_size: int = 100
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        check_whole(self, ("embedding_size", "hidden", "epochs", "batch_size"))
        check_whole(self, ("patience",) if self.patience is not None else ())
        check_numbers(self)
        if not 0 <= self.beta < float("inf"):
            raise ConfigError(f"beta is {self.beta}; give a number from 0 on, such as 0.2.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Train the network.

        Raises:
            ConfigError: torch is not installed, or the checkpoint is another training's.
            NotFinite: the loss overflows; the learning rate is too high.
        """
        load_torch()
        from dorec.recommend.neural.set_autoencoder import fit_autoencoder  # loads torch

        return fitted(dataset, self, "mult_vae", fit_autoencoder(dataset, self, context))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        load_torch()
        from dorec.recommend.neural.set_autoencoder import restore_autoencoder  # loads torch

        return fitted(dataset, self, "mult_vae", restore_autoencoder(dataset, self, arrays))
