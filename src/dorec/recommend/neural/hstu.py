"""HSTU: what comes next, by how long ago things happened (Zhai et al. 2024, arXiv 2402.17152)."""

from collections.abc import Mapping
from dataclasses import dataclass

from dorec.domain.dataset import Dataset
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.neural import load_torch
from dorec.recommend.neural.sequence_settings import check_sequence

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class HSTU:
    """SASRec with HSTU's layers: weights of attention that need not add up to one, a bias for the time between events.

    Each weight is SiLU(q'k + bias of the distance + bias of the time between the two events), so that how strong a
    taste is shows beside what it is; what is read gates the layer's own values, and there is no second sublayer. The
    loss, the packed windows and the early stop are SASRec's. Needs torch: `pip install 'dorec[deep]'`.

    Without times the order of events is unknown: then histories are read in another order in each epoch, and the biases
    are left out.

    Memory is 16 n_items embedding_size bytes and what one batch needs; a window is `max_length` events.

    Args:
        embedding_size: of an item, a multiple of `n_heads`.
        n_blocks: layers.
        n_heads: of attention.
        max_length: latest events that are read.
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
        >>> scorer = HSTU(embedding_size=8, epochs=30, learning_rate=0.01).fit(data, context=RunContext(threads=1))
        >>> scorer.recommend([3], k=1).items.tolist()
        [['soap']]
    """

    embedding_size: int = 64
    n_blocks: int = 2
    n_heads: int = 2
    max_length: int = 50
    dropout: float = 0.2
    learning_rate: float = 1e-3
    reg: float = 0.0
    epochs: int = 100
    patience: int | None = 5
    batch_size: int = 32
    n_negatives: int | None = None
    typed: bool = False
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        check_sequence(self)

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Train the network.

        Raises:
            ConfigError: torch is not installed, or the checkpoint is another training's.
            InputError: kinds of events are asked for and the dataset has none.
            NotFinite: the loss overflows; the learning rate is too high.
        """
        load_torch()
        from dorec.recommend.neural.hstu_network import HSTUNetwork  # loads torch
        from dorec.recommend.neural.sequence_training import fit_next_item

        return fitted(dataset, self, "hstu", fit_next_item(dataset, self, HSTUNetwork, context))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        load_torch()
        from dorec.recommend.neural.hstu_network import HSTUNetwork  # loads torch
        from dorec.recommend.neural.sequence_training import restore_sequences

        return fitted(dataset, self, "hstu", restore_sequences(dataset, self, HSTUNetwork, arrays))
