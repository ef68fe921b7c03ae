"""LightGCN: embeddings smoothed over the graph of users and items (He et al. 2020, arXiv 2002.02126)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.neural import load_torch
from dorec.recommend.neural.histories import kind_histories
from dorec.recommend.pairwise import BiasedFactors, binary_history, check_pairwise, factors_from

DEFAULT_CONTEXT = RunContext()
LOSSES = ("softmax", "bpr")


@dataclass(frozen=True, kw_only=True)
class LightGCN:
    """Embeddings of users and items averaged with those of their neighbours, up to `n_layers` steps away.

    score_ui is the cosine of both sides' averages over the temperature. The default loss is the softmax over all items
    (Wu et al. 2022, arXiv 2201.02327, find it ahead of the paper's pairs at a fraction of the epochs); "bpr" draws one
    rival an interaction. A step smooths all embeddings once there and once back, so its time is 4 n_layers
    n_interactions embedding_size, and batch_size n_items embedding_size for the softmax; memory is 4 batch_size n_items
    bytes, three times, and 24 embedding_size (n_users + n_items). It needs torch: `pip install 'dorec[deep]'`.

    Args:
        embedding_size: length of the embeddings.
        n_layers: steps over the graph; 0 is plain matrix factorisation.
        loss: "softmax" or "bpr".
        temperature: by which cosines are divided.
        learning_rate: of AdamW.
        reg: weight decay.
        epochs: passes over the users.
        batch_size: users of a step.
        typed: tell kinds of events (view, cart, purchase) apart: the embeddings are smoothed over the graph of each
            kind, mixed for each kind as is learned, and the strongest kind is scored; a step takes so many times as
            long as there are kinds.
        checkpoint: a folder in which an interrupted training is kept and goes on.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4], "i": ["tea", "milk", "tea", "milk", "tea", "soap", "oil"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> LightGCN(embedding_size=4, epochs=30).fit(data).recommend([3], k=1).items.tolist()
        [['milk']]
    """

    embedding_size: int = 64
    n_layers: int = 2
    loss: Literal["softmax", "bpr"] = "softmax"
    temperature: float = 0.2
    learning_rate: float = 0.01
    reg: float = 1.0
    epochs: int = 60
    batch_size: int = 1024
    typed: bool = False
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        check_graph(self)

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the embeddings; on the CPU the same seed gives the same ones, whatever the number of threads.

        Raises:
            ConfigError: torch is not installed, or the checkpoint is another training's.
            InputError: kinds of events are asked for and the dataset has none.
            NotFinite: the loss overflows; the learning rate is too high.
        """
        load_torch()
        from dorec.recommend.neural.graph_network import learn_embeddings, smoothed_embeddings  # loads torch

        history = binary_history(dataset)
        histories = kind_histories(dataset) if self.typed else [history]
        build = partial(smoothed_embeddings, histories, self, context)
        users, items = learn_embeddings(histories, build, self, context, label="LightGCN")
        bias = np.zeros(dataset.n_items, dtype=np.float32)
        return fitted(dataset, self, "lightgcn", BiasedFactors(history, users, items, bias))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        return fitted(dataset, self, "lightgcn", factors_from(arrays, binary_history(dataset), self.embedding_size))


def check_graph(learner: Any) -> None:
    """Refuse hyperparameters of models on the graph that are out of their bounds."""
    check_pairwise(learner)
    if learner.n_layers != int(learner.n_layers) or learner.n_layers < 0:
        raise ConfigError(f"n_layers is {learner.n_layers}; give a whole number from 0 on.")
    if learner.batch_size != int(learner.batch_size) or learner.batch_size < 1:
        raise ConfigError(f"batch_size is {learner.batch_size}; give a whole number from 1 on.")
    if learner.loss not in LOSSES:
        raise ConfigError(f"loss is {learner.loss!r}; allowed: {', '.join(map(repr, LOSSES))}.")
    if not 0 < learner.temperature < np.inf:
        raise ConfigError(f"temperature is {learner.temperature}; give a number above 0, such as 0.2.")
