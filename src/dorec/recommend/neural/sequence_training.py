"""How networks that read histories are trained: the loss, the early stop, the model that comes out; needs torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from dorec.domain.dataset import Dataset
from dorec.domain.run import RunContext
from dorec.neural import Training, random_stream, train
from dorec.numeric.arrays import AnyArray, BoolArray, IntArray
from dorec.recommend.neural.cross_entropy import full_cross_entropy, sampled_cross_entropy
from dorec.recommend.neural.histories import Histories, histories_of
from dorec.recommend.neural.next_items import next_items
from dorec.recommend.neural.sequence_model import SequenceModel, restored
from dorec.recommend.neural.sequence_network import SequenceNetwork, Shape
from dorec.recommend.neural.steps import Steps, steps_of
from dorec.recommend.neural.windows import lines

HELD_OUT = 1000  # users, at most, whose last event tells when to stop
SMALL = 20_000  # events; to train on fewer, threads cost more than they bring
BLOCK = 2**22  # scores of held-out users at once

Build = Callable[[Shape], SequenceNetwork]


class Questions(Protocol):
    """Rows of sequences, and which items a network is to tell at which places of them."""

    @property
    def steps(self) -> Steps:
        """What stands in the rows, before anything is asked."""
        ...

    def draw(self, rows: Tensor) -> tuple[Steps, Tensor, Tensor | None]:
        """What is read (b, l), the tokens to be told (b, l), 0 for none, and of which kind these are."""
        ...


Ask = Callable[[Histories, IntArray, Shape, Any], Questions]


def fit_next_item(dataset: Dataset, learner: Any, build: Build, context: RunContext) -> SequenceModel:
    """The model of a learner with SASRec's hyperparameters, trained to tell at each place what the user did next."""

    def ask(histories: Histories, count: IntArray, shape: Shape, learner: Any) -> Questions:
        del learner
        return next_items(histories, count, shape.width)

    return fit_sequences(dataset, learner, build, ask, context)


def fit_sequences(dataset: Dataset, learner: Any, build: Build, ask: Ask, context: RunContext) -> SequenceModel:
    """The model of a learner with SASRec's hyperparameters, trained on what `ask` makes of the histories."""
    histories = histories_of(dataset, typed=learner.typed)
    name = type(learner).__name__
    with random_stream(context, name, "weights"):
        network = build(shape_of(dataset, histories, learner))
    held = held_out(histories, context)
    count = histories.count - held
    questions = ask(histories, count, network.shape, learner)
    n_rows = len(questions.steps.tokens)
    if n_rows:
        how = replace(context, threads=1) if count.sum() < SMALL else context

        def loss(rows: Tensor) -> Tensor:
            steps, target, kind = questions.draw(rows.cpu())
            there = target > 0
            asked = None if kind is None else kind.to(context.device)
            vectors = network(steps.to(context.device), asked)[there.to(context.device)]
            return catalogue_loss(vectors, network.table, (target[there] - 1).to(context.device), learner.n_negatives)

        train(
            network,
            loss,
            n_rows,
            training_of(learner),
            validation=Judge(histories, network, held).misplaced if held.any() else None,
            context=how,
            label=name,
            checkpoint=Path(learner.checkpoint) if learner.checkpoint else None,
        )
    return SequenceModel(histories, network.eval())


def restore_sequences(dataset: Dataset, learner: Any, build: Build, arrays: Mapping[str, AnyArray]) -> SequenceModel:
    """The model that `arrays` took apart.

    Raises:
        InputError: they are those of other settings or data.
    """
    histories = histories_of(dataset, typed=learner.typed)
    return SequenceModel(histories, restored(build(shape_of(dataset, histories, learner)), arrays))


def shape_of(dataset: Dataset, histories: Histories, learner: Any) -> Shape:
    """How large the learner's network is on a dataset."""
    return Shape(
        n_items=dataset.n_items,
        width=learner.max_length,
        size=learner.embedding_size,
        n_blocks=learner.n_blocks,
        n_heads=learner.n_heads,
        dropout=learner.dropout,
        n_kinds=len(histories.kinds),
    )


def training_of(learner: Any) -> Training:
    """The settings of the loop among a learner's hyperparameters."""
    names = ("learning_rate", "reg", "epochs", "batch_size", "patience")
    return Training(**{name: getattr(learner, name) for name in names})


def catalogue_loss(vectors: Tensor, table: Tensor, targets: Tensor, n_negatives: int | None) -> Tensor:
    """Cross-entropy over the whole catalogue, or over so many drawn items."""
    if n_negatives is None or n_negatives >= len(table):
        return full_cross_entropy(vectors, table, targets)
    drawn = torch.randint(len(table), (n_negatives,)).to(vectors.device)
    return sampled_cross_entropy(vectors, table, targets, drawn)


def held_out(histories: Histories, context: RunContext) -> BoolArray:
    """Users whose last event is kept from training to tell when to stop, (n_users,): of three events or more."""
    able = np.flatnonzero(histories.count >= 3)
    if len(able) > HELD_OUT:
        able = context.rng("held-out users").choice(able, HELD_OUT, replace=False)
    held = np.zeros(len(histories.count), dtype=bool)
    held[able] = True
    return held


@dataclass(frozen=True, eq=False)
class Judge:
    """How well a network places the last event of held-out users among all items that they did not have before."""

    histories: Histories
    network: SequenceNetwork
    held: BoolArray  # (n_users,)

    def misplaced(self) -> float:
        """1 - mean NDCG of the last event over the whole ranking."""
        users = np.flatnonzero(self.held)
        gains = [self._gains(some) for some in np.array_split(users, self._n_blocks(len(users)))]
        return 1.0 - float(np.concatenate(gains).mean())

    def _n_blocks(self, n_users: int) -> int:
        each = max(self.network.shape.n_items, self.network.shape.width**2)
        return min(n_users, -(-n_users * each // BLOCK))

    def _gains(self, users: IntArray) -> AnyArray:
        histories, width = self.histories, self.network.shape.width
        last = histories.start[users + 1] - 1
        count = np.minimum(histories.count[users] - 1, width)
        device = str(next(self.network.parameters()).device)
        steps = steps_of(histories, lines(last - count, count, int(count.max()))).to(device)
        scores = (self.network.next_of(steps) @ self.network.table.T).float().cpu().numpy()
        target = histories.items[last]
        own = scores[np.arange(len(users)), target][:, None].copy()
        row = np.repeat(np.arange(len(users)), histories.count[users] - 1)
        begin = histories.start[users]
        seen = np.concatenate([np.arange(a, b) for a, b in zip(begin.tolist(), last.tolist(), strict=True)])
        scores[row, histories.items[seen]] = -np.inf
        rank = (scores > own).sum(axis=1)
        return np.asarray(1.0 / np.log2(rank + 2.0))
