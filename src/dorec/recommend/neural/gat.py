"""GAT: users and items attend to their neighbours in their graph (Velickovic et al. 2018, arXiv 1710.10903)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.neural import load_torch
from dorec.recommend.neural.lightgcn import check_graph
from dorec.recommend.pairwise import BiasedFactors, binary_history, factors_from

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True, kw_only=True)
class GAT:
    """LightGCN whose neighbours count by learned attention, not by how many they are.

    A layer projects all embeddings, and each node reads its neighbours on the other side, weighted by a softmax over
    what it asks and what they tell, through an ELU. score_ui is the cosine of both sides' averages over the layers, the
    embeddings themselves among them, over the temperature. Losses are LightGCN's. The weights of the edges are never
    kept, so that memory is LightGCN's and 4 (n_users + n_items) embedding_size n_layers bytes; time is about five times
    as long. On MovieLens 100K it is neither ahead of LightGCN nor behind (docs/measured.md). It needs torch:
    `pip install 'dorec[deep]'`.

    Args:
        embedding_size: length of the embeddings, a multiple of `n_heads`.
        n_layers: steps over the graph; 0 is plain matrix factorisation.
        n_heads: of attention, each for a part of the embedding.
        loss: "softmax" or "bpr".
        temperature: by which cosines are divided.
        learning_rate: of AdamW.
        reg: weight decay.
        epochs: passes over the users.
        batch_size: users of a step.
        checkpoint: a folder in which an interrupted training is kept and goes on.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4], "i": ["tea", "milk", "tea", "milk", "tea", "soap", "oil"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> GAT(embedding_size=4, epochs=30).fit(data).recommend([3], k=1).items.tolist()
        [['milk']]
    """

    embedding_size: int = 64
    n_layers: int = 2
    n_heads: int = 2
    loss: Literal["softmax", "bpr"] = "softmax"
    temperature: float = 0.2
    learning_rate: float = 0.01
    reg: float = 1.0
    epochs: int = 60
    batch_size: int = 1024
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        check_graph(self)
        size, heads = self.embedding_size, self.n_heads
        if heads != int(heads) or heads < 1 or size % heads:
            raise ConfigError(f"n_heads is {heads} and embedding_size {size}; give a divisor of embedding_size.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the embeddings; on the CPU the same seed gives the same ones, whatever the number of threads.

        Raises:
            ConfigError: torch is not installed, or the checkpoint is another training's.
            NotFinite: the loss overflows; the learning rate is too high.
        """
        load_torch()
        from dorec.recommend.neural.attention_graph import attentive_embeddings  # loads torch
        from dorec.recommend.neural.graph_network import learn_embeddings

        history = binary_history(dataset)
        build = partial(attentive_embeddings, history, self, context)
        users, items = learn_embeddings([history], build, self, context, label="GAT")
        bias = np.zeros(dataset.n_items, dtype=np.float32)
        return fitted(dataset, self, "gat", BiasedFactors(history, users, items, bias))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        return fitted(dataset, self, "gat", factors_from(arrays, binary_history(dataset), self.embedding_size))
