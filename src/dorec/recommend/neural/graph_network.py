"""Embeddings on the graph of users and items, how they are learned, and LightGCN's network; needs torch."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from dorec.domain.run import RunContext
from dorec.neural import Training, random_stream, threads_of, train
from dorec.numeric.arrays import AnyArray
from dorec.numeric.graph_smoothing import Bipartite, bipartite, smoothed

SPREAD = 0.1  # of the first embeddings
Sides: TypeAlias = tuple[Tensor, Tensor]


class Smooth(torch.autograd.Function):
    """`smoothed` for tensors: its gradient is the same product, since the operator is symmetric."""

    @staticmethod
    def forward(ctx: Any, users: Tensor, items: Tensor, graph: Bipartite, n_layers: int, threads: int) -> Sides:
        """Smoothed sides (n, f) and (m, f)."""
        ctx.rest = (graph, n_layers, threads)
        return _on_arrays(users, items, *ctx.rest)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Any, ...]:
        """The slopes, smoothed."""
        return *_on_arrays(slopes[0], slopes[1], *ctx.rest), None, None, None


def _on_arrays(users: Tensor, items: Tensor, graph: Bipartite, n_layers: int, threads: int) -> Sides:
    device = users.device
    sides = [side.detach().float().cpu().numpy() for side in (users, items)]
    with np.errstate(over="ignore", invalid="ignore"):  # the training refuses what is not finite, by its loss
        out = smoothed(graph, sides[0], sides[1], n_layers, threads=threads)
    return torch.from_numpy(out[0]).to(device), torch.from_numpy(out[1]).to(device)


class SmoothedEmbeddings(nn.Module):
    """Embeddings of users and items, smoothed over the graph of who has what, each of length one.

    Example:
        >>> network = SmoothedEmbeddings(bipartite(sparse.csr_matrix(np.ones((3, 2)))), (3, 2), size=4, n_layers=2)
        >>> [side.shape for side in network()], round(float(network()[0].square().sum().detach()), 3)
        ([torch.Size([3, 4]), torch.Size([2, 4])], 3.0)
    """

    def __init__(self, graph: Bipartite, shape: tuple[int, int], *, size: int, n_layers: int, threads: int = 1) -> None:
        super().__init__()
        self.graph, self.n_layers, self.threads = graph, n_layers, threads
        self.users, self.items = (nn.Parameter(torch.randn(n, size) * SPREAD) for n in shape)

    def forward(self) -> Sides:
        """Users (n, f) and items (m, f)."""
        users, items = Smooth.apply(self.users, self.items, self.graph, self.n_layers, self.threads)
        return functional.normalize(users, dim=1), functional.normalize(items, dim=1)

    def of_kinds(self) -> list[Sides]:
        """Both sides for the one kind of event."""
        return [self()]


class BehaviourEmbeddings(nn.Module):
    """Embeddings smoothed over the graph of each kind of event, mixed for each kind by weights of its own.

    Example:
        >>> graphs = [bipartite(sparse.csr_matrix(np.ones((3, 2)))), bipartite(sparse.csr_matrix((3, 2)))]
        >>> network = BehaviourEmbeddings(graphs, (3, 2), size=4, n_layers=2)
        >>> len(network.of_kinds()), [side.shape for side in network.of_kinds()[-1]]
        (2, [torch.Size([3, 4]), torch.Size([2, 4])])
    """

    def __init__(
        self, graphs: Sequence[Bipartite], shape: tuple[int, int], *, size: int, n_layers: int, threads: int = 1
    ) -> None:
        super().__init__()
        self.graphs, self.n_layers, self.threads = graphs, n_layers, threads
        self.users, self.items = (nn.Parameter(torch.randn(n, size) * SPREAD) for n in shape)
        self.mix = nn.Parameter(torch.zeros(len(graphs), len(graphs)))

    def of_kinds(self) -> list[Sides]:
        """Users (n, f) and items (m, f) for each kind of event, of length one."""
        parts = [Smooth.apply(self.users, self.items, graph, self.n_layers, self.threads) for graph in self.graphs]
        sides = [torch.stack(side) for side in zip(*parts, strict=True)]
        return [
            (
                functional.normalize(torch.einsum("k,knf->nf", share, sides[0]), dim=1),
                functional.normalize(torch.einsum("k,knf->nf", share, sides[1]), dim=1),
            )
            for share in torch.softmax(self.mix, dim=1)
        ]


class Positives:
    """The items of each user, as tensors.

    >>> own = Positives(sparse.csr_matrix(np.array([[1.0, 0.0], [1.0, 1.0]])), "cpu")
    >>> [part.tolist() for part in own.of(torch.tensor([1, 0]))]
    [[0, 0, 1], [0, 1, 0]]
    """

    def __init__(self, history: sparse.csr_matrix, device: str) -> None:
        self.indptr, self.indices = (
            torch.from_numpy(part.astype(np.int64)).to(device) for part in (history.indptr, history.indices)
        )

    def of(self, rows: Tensor) -> Sides:
        """For each positive of the rows (b,) its place in the batch and its item."""
        first, count = self.indptr[rows], self.count(rows)
        place = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), count)
        offset = torch.arange(len(place), device=rows.device) - (count.cumsum(0) - count)[place]
        return place, self.indices[first[place] + offset]

    def count(self, rows: Tensor) -> Tensor:
        """How many items each of the rows has."""
        return self.indptr[rows + 1] - self.indptr[rows]


def smoothed_embeddings(histories: Sequence[sparse.csr_matrix], learner: Any, context: RunContext) -> nn.Module:
    """LightGCN's network on who has what (n, m), with the learner's `embedding_size` and `n_layers`."""
    graphs, shape = [bipartite(history) for history in histories], histories[0].shape
    sizes = {"size": learner.embedding_size, "n_layers": learner.n_layers, "threads": context.threads}
    if len(graphs) == 1:
        return SmoothedEmbeddings(graphs[0], shape, **sizes)
    return BehaviourEmbeddings(graphs, shape, **sizes)


def softmax_loss(users: Tensor, items: Tensor, place: Tensor, item: Tensor) -> Tensor:
    """Mean over the positives of -log of the share that softmax over all items gives them.

    Args:
        users: (b, f), divided by the temperature.
        items: (m, f).
        place: of each positive in the batch.
        item: of each positive.

    >>> two = torch.eye(2)
    >>> round(float(softmax_loss(torch.zeros(1, 2), two, torch.tensor([0]), torch.tensor([1]))), 3)
    0.693
    """
    logits = users @ items.T
    total = torch.logsumexp(logits, dim=1)
    count = torch.bincount(place, minlength=len(users)).to(total.dtype)
    return (total @ count - logits[place, item].sum()) / max(len(place), 1)


def bpr_loss(users: Tensor, items: Tensor, place: Tensor, item: Tensor) -> Tensor:
    """Mean of -log sigmoid of how far each positive is ahead of an item drawn from all (Rendle et al. 2009).

    >>> ahead = bpr_loss(torch.zeros(1, 2), torch.eye(2), torch.tensor([0]), torch.tensor([1]))
    >>> round(float(ahead), 3)
    0.693
    """
    rival = torch.randint(len(items), item.shape).to(item.device)
    ahead = (users[place] * (items[item] - items[rival])).sum(dim=1)
    return -functional.logsigmoid(ahead).mean()


def learn_embeddings(
    histories: Sequence[sparse.csr_matrix],
    build: Callable[[], nn.Module],
    learner: Any,
    context: RunContext,
    *,
    label: str,
) -> tuple[AnyArray, AnyArray]:
    """Users' (n, f) and items' (m, f) vectors, whose products are scores, after the learner's epochs.

    Args:
        histories: who has what, (n, m), for each kind of event; the vectors are those for the last one.
        build: makes the network, whose `of_kinds` gives both sides' vectors of length one for each of them.
        learner: `temperature`, `loss`, `epochs`, `learning_rate`, `reg`, `batch_size`, `checkpoint`.
        context: seed, threads, device, progress.
        label: of the progress bar and of the random streams.
    """
    with random_stream(context, label, "weights"):
        network = build()
    positives = [Positives(history, context.device) for history in histories]
    measure = {"softmax": softmax_loss, "bpr": bpr_loss}[learner.loss]
    able = torch.from_numpy(np.flatnonzero(sum(np.diff(history.indptr) for history in histories))).to(context.device)

    def loss(rows: Tensor) -> Tensor:
        chosen = able[rows]
        total = sum(int(own.count(chosen).sum()) for own in positives)
        parts = [
            measure(users[chosen] / learner.temperature, items, *own.of(chosen))
            * (int(own.count(chosen).sum()) / total)
            for own, (users, items) in zip(positives, network.of_kinds(), strict=True)
        ]
        return torch.stack(parts).sum()

    training = Training(
        learning_rate=learner.learning_rate,
        reg=learner.reg,
        epochs=learner.epochs,
        batch_size=learner.batch_size,
        max_norm=None,
        patience=None,
    )
    if len(able):
        folder = Path(learner.checkpoint) if learner.checkpoint else None
        train(network, loss, len(able), training, context=context, label=label, checkpoint=folder)
    network.to(context.device)
    with torch.no_grad(), threads_of(context):
        users, items = network.of_kinds()[-1]
    return (users / learner.temperature).cpu().numpy(), items.cpu().numpy()
