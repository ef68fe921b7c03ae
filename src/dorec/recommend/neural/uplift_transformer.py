"""A Transformer with treatment tokens: what comes of showing an item now, and of not showing it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError, InputError, TooFewUnits, TooLarge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.recommend.exposure_log import ExposureLog
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.neural import load_torch
from dorec.recommend.neural.sequence_settings import check_sequence
from dorec.recommend.pair_effects import PairEffects

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True)
class UpliftTransformer:
    """Effect of showing item i to user u now: the difference of two potential outcomes, both told by one network.

    A token stands for a session and an item: whether the item was shown, and what the user did with it. A question is
    an item with a treatment token, shown or not shown; it reads the tokens of earlier sessions, each fainter the more
    sessions ago, and answers with the chance of each kind of event (as in the causal Transformer of Melnychuk et al.
    2022, arXiv 2204.07258, without its balancing). What is learned from is what happened: the cross-entropy of the rows
    of the log, those shown with weight 1 - p and those not shown with weight p, for a chance p to be shown as logged or
    as learned from the log. So both arms weigh p (1 - p), as `UpliftRanker` does. Embeddings of items
    begin at `ALS`'s factors of the responses; a tenth of the pieces of histories tells when to stop. `UpliftRanker` was
    far ahead in `ShopWorld` (docs/measured.md): a few thousand responses are little for this network. There are no
    intervals. Needs torch: `pip install 'dorec[deep]'`.

    Memory is 16 n_users n_items bytes for effects and values, and 4 batch_size (max_length + rows of a piece)^2 n_heads
    for a batch.

    Args:
        embedding_size: of an item, a multiple of `n_heads`.
        n_blocks: Transformer blocks.
        n_heads: of attention.
        max_length: latest tokens that are read.
        dropout: share of units left out in training.
        learning_rate: of AdamW.
        reg: decoupled weight decay.
        epochs: at most.
        patience: epochs without a better validation after which it stops; None to go on to the end.
        batch_size: users of one step.
        max_cells: the most pairs whose effects may be held.
        checkpoint: a folder in which an interrupted training is kept and goes on.

    Example:
        >>> from dorec.simulate import ShopWorld
        >>> log = ExposureLog.from_events(ShopWorld(n_users=60, n_items=15, seed=1).event_table())
        >>> ranker = UpliftTransformer(embedding_size=8, epochs=2).fit(log, context=RunContext(threads=1))
        >>> ranker.recommend(["u000000"], k=2, exclude_seen=False).items.shape
        (1, 2)
    """

    embedding_size: int = 32
    n_blocks: int = 1
    n_heads: int = 2
    max_length: int = 100
    dropout: float = 0.2
    learning_rate: float = 3e-3
    reg: float = 0.1
    epochs: int = 60
    patience: int | None = 5
    batch_size: int = 16
    max_cells: int = 50_000_000
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        check_sequence(self)
        if self.max_cells < 1:
            raise ConfigError(f"max_cells is {self.max_cells}; give how many pairs may be held, from 1 on.")

    def fit(self, log: ExposureLog, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Learn the potential outcomes, and tell the effect of each pair as of the end of the log.

        Raises:
            ConfigError: torch is not installed, or the checkpoint is another training's.
            TooLarge: more pairs than `max_cells`.
            TooFewUnits: fewer than two users.
            NotFinite: the loss overflows; the learning rate is too high.
        """
        data = log.responses
        if data.n_users * data.n_items > self.max_cells:
            raise TooLarge(
                f"{data.n_users:,} users x {data.n_items:,} items are more than {self.max_cells:,} pairs",
                remedy="raise max_cells, or rank candidates of a first stage",
            )
        if data.n_users < 2:
            raise TooFewUnits("the log has one user alone", remedy="give a log of more users")
        load_torch()
        from dorec.recommend.neural.uplift_network import fit_effects  # loads torch

        effect, value = fit_effects(log, log.chances(context), self, context)
        return fitted(data, self, "uplift_transformer", PairEffects(effect, value, (1.0, 0.0)))

    def restore(self, arrays: Mapping[str, AnyArray], log_or_dataset: Any) -> FittedRecommender:
        """The ranker from what `to_arrays` gave, on the responses that it was fitted on."""
        data = log_or_dataset.responses if isinstance(log_or_dataset, ExposureLog) else log_or_dataset
        tables = [np.asarray(arrays[name], dtype=np.float32) for name in ("effect", "value")]
        if any(t.shape != (data.n_users, data.n_items) for t in tables):
            raise InputError(f"The tables are {tables[0].shape}; these data have {(data.n_users, data.n_items)} pairs.")
        return fitted(data, self, "uplift_transformer", PairEffects(tables[0], tables[1], (1.0, 0.0)))
