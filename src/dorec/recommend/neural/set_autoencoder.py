"""Mult-VAE's network, its training and the model that comes out; needs torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from dorec.domain.dataset import Dataset
from dorec.domain.run import RunContext
from dorec.neural import random_stream, train
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.neural.histories import histories_of
from dorec.recommend.neural.sequence_model import restored
from dorec.recommend.neural.sequence_training import HELD_OUT, SMALL, training_of
from dorec.recommend.pairwise import binary_history

USERS = 1024  # read at once


class SetAutoencoder(nn.Module):
    """Sets of items to codes and back.

    >>> net = SetAutoencoder(n_items=9, hidden=8, size=3, dropout=0.5)
    >>> net.decoded(net.mean_of(torch.tensor([4, 7, 1]), torch.tensor([0, 2]))).shape
    torch.Size([2, 8])
    """

    def __init__(self, *, n_items: int, hidden: int, size: int, dropout: float) -> None:
        super().__init__()
        self.size, self.dropout = size, dropout
        self.first, self.first_bias = nn.Embedding(n_items, hidden), nn.Parameter(torch.zeros(hidden))
        nn.init.xavier_normal_(self.first.weight)
        self.to_code, self.from_code = nn.Linear(hidden, 2 * size), nn.Linear(size, hidden)
        self.out = nn.Linear(hidden, n_items)

    def code(self, items: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (b, size) of the codes of sets, which stand one after another in `items`."""
        count = torch.diff(starts, append=torch.tensor([len(items)], device=starts.device))
        share = (1.0 / count.clamp(min=1).sqrt()).repeat_interleave(count)
        share = functional.dropout(share, self.dropout, self.training)
        sums = functional.embedding_bag(
            items, self.first.weight, starts, mode="sum", per_sample_weights=share.to(self.first.weight.dtype)
        )
        mean, spread = self.to_code(torch.tanh(sums + self.first_bias)).chunk(2, dim=1)
        return mean, spread

    def mean_of(self, items: Tensor, starts: Tensor) -> Tensor:
        """The mean code of sets, (b, size)."""
        return self.code(items, starts)[0]

    def decoded(self, code: Tensor) -> Tensor:
        """What the last layer reads, (b, hidden)."""
        return torch.tanh(self.from_code(code))

    def loss(self, items: Tensor, starts: Tensor, beta: float) -> Tensor:
        """Mean over the sets of -log likelihood of their items plus beta times the divergence of their codes."""
        mean, spread = self.code(items, starts)
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * spread) if self.training else mean
        told = functional.log_softmax(self.out(self.decoded(code)).float(), dim=1)
        count = torch.diff(starts, append=torch.tensor([len(items)], device=starts.device))
        row = torch.arange(len(starts), device=starts.device).repeat_interleave(count)
        apart = 0.5 * (mean**2 + torch.exp(spread) - 1.0 - spread).sum(dim=1).mean()
        return beta * apart - told[row, items].sum() / len(starts)


@dataclass(frozen=True, eq=False)
class SetModel:
    """score_ui = what is decoded from user u's set of items, as a vector, times item i's weights, plus its bias."""

    history: sparse.csr_matrix  # (n_users, n_items) binary
    network: SetAutoencoder

    @cached_property
    def vectors(self) -> AnyArray:
        """What is decoded for each user, (n_users, hidden) float32. Made once, when first needed."""
        n = self.history.shape[0]
        parts = [self._decoded(np.arange(a, min(n, a + USERS))) for a in range(0, n, USERS)]
        return np.concatenate(parts)

    @cached_property
    def out(self) -> tuple[AnyArray, AnyArray]:
        """Weights (n_items, hidden) and biases (n_items,) of the items."""
        return self.network.out.weight.detach().cpu().numpy(), self.network.out.bias.detach().cpu().numpy()

    def scores(self, users: IntArray) -> AnyArray:
        """Scores (u, n_items), single precision."""
        weights, bias = self.out
        return self.vectors[users] @ weights.T + bias

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history (h,) with -1 at its end, and what each adds to each item, (h + 1, len(items)).

        An item's part is what the score loses when the set is read without it; what the parts leave, or count twice,
        is the last one.
        """
        history = self.history.indices[self.history.indptr[user] : self.history.indptr[user + 1]].astype(np.int64)
        weights, bias = (part[items].astype(np.float64) for part in self.out)
        whole, without = self.vectors[user].astype(np.float64), self._without_each(history)
        parts = (whole - without) @ weights.T
        return np.append(history, -1), np.vstack([parts, whole @ weights.T + bias - parts.sum(axis=0)])

    def arrays(self) -> dict[str, AnyArray]:
        """The network's parameters."""
        return {name: values.detach().cpu().numpy() for name, values in self.network.state_dict().items()}

    def _without_each(self, history: IntArray) -> FloatArray:
        """What is decoded without each item of a history (h, hidden)."""
        first, network, n = self.network.first.weight, self.network, len(history)
        with torch.no_grad():
            own = first[torch.from_numpy(history).to(first.device)]
            sums = (own.sum(dim=0) - own) / max(n - 1, 1) ** 0.5
            mean = network.to_code(torch.tanh(sums + network.first_bias))[:, : network.size]
            return np.asarray(network.decoded(mean).cpu().numpy().astype(np.float64))

    def _decoded(self, users: IntArray) -> AnyArray:
        items, starts = sets_of(self.history, users, str(self.network.first.weight.device))
        with torch.no_grad():
            return np.asarray(self.network.decoded(self.network.mean_of(items, starts)).cpu().numpy())


def fit_autoencoder(dataset: Dataset, learner: Any, context: RunContext) -> SetModel:
    """The model of Mult-VAE's hyperparameters."""
    history = binary_history(dataset)
    with random_stream(context, "MultVAE", "weights"):
        network = network_of(dataset, learner)
    users, target = held_out_items(dataset, context)
    learned = history.copy()
    learned[users, target] = 0.0
    learned.eliminate_zeros()
    rows = np.flatnonzero(np.diff(learned.indptr))

    def loss(some: Tensor) -> Tensor:
        return network.loss(*sets_of(learned, rows[some.cpu().numpy()], context.device), learner.beta)

    def misplaced() -> float:
        scores = SetModel(learned, network).scores(users)
        own = scores[np.arange(len(users)), target][:, None].copy()
        scores[learned[users].nonzero()] = -np.inf
        return 1.0 - float((1.0 / np.log2((scores > own).sum(axis=1) + 2.0)).mean())

    if len(rows):
        train(
            network,
            loss,
            len(rows),
            training_of(learner),
            validation=misplaced if len(users) else None,
            context=replace(context, threads=1) if history.nnz < SMALL else context,
            label="MultVAE",
            checkpoint=Path(learner.checkpoint) if learner.checkpoint else None,
        )
    return SetModel(history, network.eval())


def restore_autoencoder(dataset: Dataset, learner: Any, arrays: Mapping[str, AnyArray]) -> SetModel:
    """The model that `arrays` took apart.

    Raises:
        InputError: they are those of other settings or data.
    """
    return SetModel(binary_history(dataset), restored(network_of(dataset, learner), arrays))


def network_of(dataset: Dataset, learner: Any) -> SetAutoencoder:
    """The learner's network before it has learned."""
    return SetAutoencoder(
        n_items=dataset.n_items, hidden=learner.hidden, size=learner.embedding_size, dropout=learner.dropout
    )


def sets_of(history: sparse.csr_matrix, users: IntArray, device: str) -> tuple[Tensor, Tensor]:
    """The items of users, one set after another, and where each begins (b,)."""
    part = history[users]
    items, starts = part.indices.astype(np.int64), part.indptr[:-1].astype(np.int64)
    return torch.from_numpy(items).to(device), torch.from_numpy(starts).to(device)


def held_out_items(dataset: Dataset, context: RunContext) -> tuple[IntArray, IntArray]:
    """Users of three items or more, at most 1,000, and an item of each that is kept from training: the last new one."""
    histories = histories_of(dataset)
    user = np.repeat(np.arange(dataset.n_users), histories.count)
    # the first time of each pair, so that what is held out was never seen before
    _, new = np.unique(user * dataset.n_items + histories.items, return_index=True)
    new = np.sort(new)
    count = np.bincount(user[new], minlength=dataset.n_users)
    users = np.flatnonzero(count >= 3)
    if len(users) > HELD_OUT:
        users = np.sort(context.rng("held-out users").choice(users, HELD_OUT, replace=False))
    back = 1 if histories.ordered else context.rng("held-out items").integers(1, count[users] + 1)
    return users, histories.items[new[np.cumsum(count)[users] - back]]
