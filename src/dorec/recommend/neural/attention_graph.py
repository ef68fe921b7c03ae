"""Embeddings that attend to their neighbours in the graph of users and items; needs torch."""

from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from dorec.domain.run import RunContext
from dorec.numeric.graph_attention import attended, attention_slopes
from dorec.numeric.graph_smoothing import Bipartite, bipartite
from dorec.recommend.neural.graph_network import SPREAD, Sides


class Attend(torch.autograd.Function):
    """`attended` for tensors: what the nodes of one side read from those of the other."""

    @staticmethod
    def forward(ctx: Any, asks: Tensor, tells: Tensor, values: Tensor, graph: Bipartite, threads: int) -> Tensor:
        """What is read, (n, f); `graph.by_user` holds the edges of those who read."""
        given = [part.detach().float().cpu().numpy() for part in (asks, tells, values)]
        with np.errstate(over="ignore", invalid="ignore"):  # the training refuses what is not finite, by its loss
            told = attended(graph.by_user, given[0], given[1], given[2], threads)
        ctx.rest = (graph, given, told, threads)
        return torch.from_numpy(told[0]).to(values.device)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Any, ...]:
        """The slopes of asks, tells and values."""
        graph, given, told, threads = ctx.rest
        slope = np.ascontiguousarray(slopes[0].detach().float().cpu().numpy())
        with np.errstate(over="ignore", invalid="ignore"):
            found = attention_slopes(graph, (given[0], given[1], given[2]), told, slope, threads)
        return *(torch.from_numpy(part).to(slopes[0].device) for part in found), None, None


class GraphAttention(nn.Module):
    """One layer of Velickovic et al. (2018): both sides are projected, and each reads its neighbours on the other.

    >>> layer = GraphAttention(4, 2)
    >>> graph = bipartite(sparse.csr_matrix(np.ones((3, 2))))
    >>> [side.shape for side in layer(torch.ones(3, 4), torch.ones(2, 4), graph, 1)]
    [torch.Size([3, 4]), torch.Size([2, 4])]
    """

    def __init__(self, size: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.project = nn.Linear(size, size, bias=False)
        nn.init.eye_(self.project.weight)
        # what a user, an item asks and tells, of each head
        self.asks, self.tells = (nn.Parameter(torch.randn(2, n_heads, size // n_heads) * SPREAD) for _ in range(2))

    def forward(self, users: Tensor, items: Tensor, graph: Bipartite, threads: int) -> Sides:
        """What users (n, f) and items (m, f) read."""
        sides = [self.project(side) for side in (users, items)]
        heads = [side.unflatten(1, (self.n_heads, -1)) for side in sides]
        asks, tells = (
            [(side * weight).sum(dim=2) for side, weight in zip(heads, by, strict=True)]
            for by in (self.asks, self.tells)
        )
        other = Bipartite(by_user=graph.by_item, by_item=graph.by_user)
        read_users = Attend.apply(asks[0], tells[1], sides[1], graph, threads)
        read_items = Attend.apply(asks[1], tells[0], sides[0], other, threads)
        return functional.elu(read_users), functional.elu(read_items)


class AttentiveEmbeddings(nn.Module):
    """Embeddings averaged with what each layer of attention makes of them, each of length one.

    Example:
        >>> network = AttentiveEmbeddings(bipartite(sparse.csr_matrix(np.ones((3, 2)))), (3, 2), size=4, n_heads=2)
        >>> [side.shape for side in network()], round(float(network()[0].square().sum().detach()), 3)
        ([torch.Size([3, 4]), torch.Size([2, 4])], 3.0)
    """

    def __init__(
        self,
        graph: Bipartite,
        shape: tuple[int, int],
        *,
        size: int,
        n_layers: int = 1,
        n_heads: int = 1,
        threads: int = 1,
    ) -> None:
        super().__init__()
        self.graph, self.threads = graph, threads
        self.users, self.items = (nn.Parameter(torch.randn(n, size) * SPREAD) for n in shape)
        self.layers = nn.ModuleList(GraphAttention(size, n_heads) for _ in range(n_layers))

    def forward(self) -> Sides:
        """Users (n, f) and items (m, f)."""
        users, items = total = self.users, self.items
        for layer in self.layers:
            users, items = layer(users, items, self.graph, self.threads)
            total = (total[0] + users, total[1] + items)
        return functional.normalize(total[0], dim=1), functional.normalize(total[1], dim=1)

    def of_kinds(self) -> list[Sides]:
        """Both sides for the one kind of event."""
        return [self()]


def attentive_embeddings(history: sparse.csr_matrix, learner: Any, context: RunContext) -> AttentiveEmbeddings:
    """GAT's network on who has what (n, m), with the learner's `embedding_size`, `n_layers` and `n_heads`."""
    return AttentiveEmbeddings(
        bipartite(history),
        history.shape,
        size=learner.embedding_size,
        n_layers=learner.n_layers,
        n_heads=learner.n_heads,
        threads=context.threads,
    )
