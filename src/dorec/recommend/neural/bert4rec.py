"""BERT4Rec: what is hidden, from the events before and after it (Sun et al. 2019, arXiv 1904.06690)."""

from collections.abc import Mapping
from dataclasses import dataclass

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.neural import load_torch
from dorec.recommend.neural.sequence_settings import check_sequence

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class BERT4Rec:
    """A Transformer that reads a history in both directions and tells which items were hidden in it.

    In each epoch other places are hidden: in most histories a share `masked` of them, in some the last one alone, which
    is what is asked for when items are recommended. The loss is the cross-entropy over the whole catalogue at the
    hidden places. Only those teach anything, so that it needs more epochs than SASRec (Petrov, Macdonald 2022, arXiv
    2207.07483). Packed windows, the early stop and what happens without times are SASRec's, but for the order: without
    times it is not read at all. Needs torch: `pip install 'dorec[deep]'`.

    Memory is 16 n_items embedding_size bytes and what one batch needs; a window is `max_length` events and one hidden.

    Args:
        embedding_size: of an item, a multiple of `n_heads`.
        n_blocks: Transformer blocks.
        n_heads: of attention.
        max_length: latest events that are read.
        masked: share of the places that are hidden.
        last_only: share of the histories of which the last event alone is hidden.
        dropout: share of units left out in training.
        learning_rate: of AdamW.
        reg: decoupled weight decay.
        epochs: at most.
        patience: epochs without a better validation after which it stops; None to go on to the end.
        batch_size: windows of one step.
        n_negatives: items drawn for each batch in place of the whole catalogue, for very large ones; None for all.
        typed: tell kinds of events (view, cart, purchase) apart, and ask for the strongest one.
        checkpoint: a folder in which an interrupted training is kept and goes on.

    Example:
        >>> rows = {"u": [1, 1, 1, 2, 2, 2, 3, 3], "i": ["tea", "milk", "soap"] * 2 + ["tea", "milk"], "t": range(8)}
        >>> data = Dataset.from_interactions({k: list(v) for k, v in rows.items()}, user="u", item="i", time="t")
        >>> scorer = BERT4Rec(embedding_size=8, epochs=40, learning_rate=0.01).fit(data, context=RunContext(threads=1))
        >>> scorer.recommend([3], k=1).items.tolist()
        [['soap']]
    """

    embedding_size: int = 64
    n_blocks: int = 2
    n_heads: int = 2
    max_length: int = 50
    masked: float = 0.3
    last_only: float = 0.2
    dropout: float = 0.2
    learning_rate: float = 1e-3
    reg: float = 0.0
    epochs: int = 200
    patience: int | None = 10
    batch_size: int = 32
    n_negatives: int | None = None
    typed: bool = False
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        check_sequence(self)
        if not 0 < self.masked < 1:
            raise ConfigError(f"masked is {self.masked}; give a share above 0 and below 1, such as 0.3.")
        if not 0 <= self.last_only <= 1:
            raise ConfigError(f"last_only is {self.last_only}; give a share from 0 to 1.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Train the network.

        Raises:
            ConfigError: torch is not installed, or the checkpoint is another training's.
            InputError: kinds of events are asked for and the dataset has none.
            NotFinite: the loss overflows; the learning rate is too high.
        """
        load_torch()
        from dorec.recommend.neural.masked_items import MaskedNetwork, masked_items  # loads torch
        from dorec.recommend.neural.sequence_training import fit_sequences

        return fitted(dataset, self, "bert4rec", fit_sequences(dataset, self, MaskedNetwork, masked_items, context))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        load_torch()
        from dorec.recommend.neural.masked_items import MaskedNetwork  # loads torch
        from dorec.recommend.neural.sequence_training import restore_sequences

        return fitted(dataset, self, "bert4rec", restore_sequences(dataset, self, MaskedNetwork, arrays))
