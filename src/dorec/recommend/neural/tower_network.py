"""Two towers of ids and hashed features, and the sampled softmax that they learn by; needs torch."""

from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from dorec.domain.run import RunContext
from dorec.neural import Training, random_stream, train
from dorec.numeric.arrays import BoolArray
from dorec.recommend.towers import Tower

SPREAD = 0.1  # of the first vectors


class Features(NamedTuple):
    """A sparse matrix whose rows are looked up."""

    indptr: Tensor  # (n + 1,)
    buckets: Tensor  # (entries,)
    values: Tensor  # (entries,)

    def of(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Buckets and values of the rows, one row after another, and where each begins."""
        first, count = self.indptr[rows], self.indptr[rows + 1] - self.indptr[rows]
        begin = count.cumsum(0) - count
        at = torch.arange(int(count.sum()), device=rows.device) + torch.repeat_interleave(first - begin, count)
        return self.buckets[at], self.values[at], begin


def features_on(matrix: sparse.csr_matrix, device: str) -> Features:
    """The matrix as tensors.

    >>> features_on(sparse.csr_matrix(np.eye(2)), "cpu").of(torch.tensor([1]))[0].tolist()
    [1]
    """
    parts = (matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data.astype(np.float32))
    return Features(*(torch.from_numpy(part).to(device) for part in parts))


class TowerNetwork(nn.Module):
    """One side's vectors: of ids (dropped now and then, so that features learn to stand alone) and of features.

    >>> tower = TowerNetwork(torch.ones(3, dtype=torch.bool), 8, size=4, hidden=2, id_dropout=0.5)
    >>> tower(torch.tensor([0, 2]), features_on(sparse.csr_matrix(np.ones((3, 8))), "cpu")).shape
    torch.Size([2, 4])
    """

    def __init__(self, with_id: Tensor, n_buckets: int, *, size: int, hidden: int, id_dropout: float) -> None:
        super().__init__()
        self.ids = nn.Parameter(torch.randn(len(with_id), size) * SPREAD * with_id[:, None])
        self.bag = nn.EmbeddingBag(n_buckets, size, mode="sum")
        nn.init.normal_(self.bag.weight, std=SPREAD)
        self.inner, self.outer = nn.Linear(size, hidden), nn.Linear(hidden, size, bias=False)
        self.id_dropout = id_dropout

    def forward(self, rows: Tensor, features: Features) -> Tensor:
        """Vectors of length one, (b, f)."""
        buckets, values, begin = features.of(rows)
        own = self.ids[rows]
        if self.training and self.id_dropout:
            own = own * (torch.rand(len(rows), 1, device=own.device) >= self.id_dropout)
        z = own + self.bag(buckets, begin, per_sample_weights=values)
        return functional.normalize(z + self.outer(functional.elu(self.inner(z))), dim=1)

    def taken(self) -> dict[str, Any]:
        """The arrays of a `Tower`."""
        parts = {
            "ids": self.ids,
            "buckets": self.bag.weight,
            "inner": self.inner.weight.T,
            "inner_bias": self.inner.bias,
            "outer": self.outer.weight.T,
        }
        return {name: np.ascontiguousarray(part.detach().cpu().numpy()) for name, part in parts.items()}


def sampled_softmax(users: Tensor, items: Tensor, target: Tensor, log_chance: Tensor) -> Tensor:
    """Mean of -log of each target's share among the sampled items, less the log of their chance of being sampled.

    The correction makes the sample stand for all items (Yi et al. 2019, doi:10.1145/3298689.3346996).

    Args:
        users: (b, f), divided by the temperature.
        items: sampled (c, f).
        target: of each user, a position among the sampled.
        log_chance: of each sampled item, (c,).

    >>> two = torch.eye(2)
    >>> round(float(sampled_softmax(torch.zeros(1, 2), two, torch.tensor([0]), torch.log(torch.tensor([1.0, 0.5])))), 3)
    1.099
    """
    return functional.cross_entropy(users @ items.T - log_chance, target)


class Sampler:
    """The items of a batch, and some others drawn alike from all that anybody has; with each one's chance to be in."""

    def __init__(self, count: Tensor, batch_size: int, n_negatives: int) -> None:
        self.able = torch.nonzero(count > 0)[:, 0]
        share = count.double() / count.sum()
        missed = batch_size * torch.log1p(-share.clamp(max=1 - 1e-12))
        missed = missed + n_negatives * float(np.log1p(-1 / (len(self.able) + 1)))
        self.log_chance = torch.log(-torch.expm1(missed)).float()
        self.n_negatives = n_negatives

    def sample(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Distinct sampled items (c,), and the place of each of these items among them."""
        drawn = self.able[torch.randint(len(self.able), (self.n_negatives,)).to(self.able.device)]
        found, place = torch.unique(torch.cat([items, drawn]), return_inverse=True)
        return found, place[: len(items)]


class Pairs(NamedTuple):
    """What is learned from: who has what, and what both sides' features say."""

    user: Tensor  # (m,)
    item: Tensor  # (m,)
    features: tuple[Features, Features]


def learn_towers(
    history: sparse.csr_matrix,
    features: tuple[sparse.csr_matrix, sparse.csr_matrix],
    learner: Any,
    context: RunContext,
    *,
    label: str,
) -> list[Tower]:
    """Both towers after the learner's epochs.

    Args:
        history: who has what, (n, m).
        features: of users (n, b) and items (m, b).
        learner: a `TwoTower`.
        context: seed, threads, device, progress.
        label: of the progress bar and of the random streams.
    """
    has_some: list[BoolArray] = [
        np.diff(history.indptr) > 0,
        np.bincount(history.indices, minlength=history.shape[1]) > 0,
    ]
    with random_stream(context, label, "weights"):
        network = nn.ModuleList(
            TowerNetwork(
                torch.from_numpy(able & learner.ids),
                learner.n_buckets,
                size=learner.embedding_size,
                hidden=learner.hidden,
                id_dropout=learner.id_dropout,
            )
            for able in has_some
        )
    if history.nnz:
        _train(network, _pairs(history, features, context.device), learner, context, label)
    towers = []
    for side, able in zip(network, has_some, strict=True):
        parts = side.taken()
        parts["ids"][~(able & learner.ids)] = 0.0
        towers.append(Tower(**parts))
    return towers


def _pairs(history: sparse.csr_matrix, features: tuple[sparse.csr_matrix, sparse.csr_matrix], device: str) -> Pairs:
    user = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    sides = (features_on(features[0], device), features_on(features[1], device))
    users, items = (torch.from_numpy(part.astype(np.int64)).to(device) for part in (user, history.indices))
    return Pairs(users, items, sides)


def _train(network: nn.ModuleList, pairs: Pairs, learner: Any, context: RunContext, label: str) -> None:
    count = torch.bincount(pairs.item, minlength=int(pairs.features[1].indptr.shape[0]) - 1)
    batch_size = min(learner.batch_size, len(pairs.item))
    sampler = Sampler(count, batch_size, learner.n_negatives)
    if not learner.ids:
        for side in network:
            side.ids.requires_grad_(False)

    def loss(rows: Tensor) -> Tensor:
        sampled, target = sampler.sample(pairs.item[rows])
        users = network[0](pairs.user[rows], pairs.features[0])
        items = network[1](sampled, pairs.features[1])
        return sampled_softmax(users / learner.temperature, items, target, sampler.log_chance[sampled])

    training = Training(
        learning_rate=learner.learning_rate,
        reg=learner.reg,
        epochs=learner.epochs,
        batch_size=learner.batch_size,
        max_norm=None,
        patience=None,
    )
    train(network, loss, len(pairs.item), training, context=context, label=label)
