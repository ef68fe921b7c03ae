"""HSTU's blocks: attention without a softmax, biased by distance and by time, that gates what it reads; needs torch."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dorec.recommend.neural.sequence_network import SPREAD, SequenceNetwork, Shape
from dorec.recommend.neural.steps import Steps

AGES = 64  # classes of time between two events
A_CLASS = 0.5  # of log2 seconds


def ages(time: Tensor) -> Tensor:
    """The class of the time from each place to each (b, l, l): half a doubling of the seconds each.

    >>> ages(torch.tensor([[0, 1, 5, 86_405]]))[0, -1].tolist()
    [33, 33, 33, 0]
    """
    apart = (time[:, :, None] - time[:, None, :]).abs().float()
    return (torch.log2(apart + 1) / A_CLASS).round().long().clamp_(max=AGES - 1)


class HSTUBlock(nn.Module):
    """One layer of Zhai et al. (2024): u, v, q, k = SiLU(linear(x)); x + linear(norm(SiLU(qk' + bias) v / n) * u).

    >>> block = HSTUBlock(8, 2, width=5)
    >>> block(torch.ones(3, 5, 8), torch.ones(3, 5, 5, dtype=torch.bool).tril(), None, None).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, size: int, n_heads: int, *, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.n_heads, self.width = n_heads, width
        self.project, self.out = nn.Linear(size, 4 * size), nn.Linear(size, size)
        self.before, self.between = nn.LayerNorm(size), nn.LayerNorm(size)
        self.by_distance, self.by_age = nn.Embedding(width, 1), nn.Embedding(AGES, 1)
        for table in (self.by_distance, self.by_age):
            nn.init.normal_(table.weight, std=SPREAD)
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequence: Tensor, allowed: Tensor, distance: Tensor | None, age: Tensor | None) -> Tensor:
        """The sequence (b, l, d) where each place has read the allowed ones; distance and age are (b, l, l)."""
        gate, v, q, k = functional.silu(self.project(self.before(sequence))).chunk(4, dim=-1)
        q, k, v = (x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for x in (q, k, v))
        weights = q @ k.transpose(-1, -2)
        if distance is not None:
            weights = weights + self.by_distance(distance)[:, None, :, :, 0]
        if age is not None:
            weights = weights + self.by_age(age)[:, None, :, :, 0]
        weights = functional.silu(weights).masked_fill(~allowed[:, None], 0.0) / self.width
        read = (weights @ v).transpose(1, 2).flatten(2)
        return sequence + self.dropout(self.out(self.between(read) * gate))


class HSTUNetwork(SequenceNetwork):
    """HSTU's layers, each place reading the ones before it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.blocks = nn.ModuleList(
            HSTUBlock(shape.size, shape.n_heads, width=shape.width, dropout=shape.dropout)
            for _ in range(shape.n_blocks)
        )

    def read(self, sequence: Tensor, steps: Steps) -> Tensor:
        """The sequence (b, l, d) where each place has read those before it."""
        allowed = steps.before
        distance = age = None
        if steps.place is not None and steps.time is not None:
            # across two sequences either may be anything: nothing is read there
            distance = (steps.place[:, None, :] - steps.place[:, :, None]).clamp(min=0)
            age = ages(steps.time)
        for block in self.blocks:
            sequence = block(sequence, allowed, distance, age)
        return sequence
