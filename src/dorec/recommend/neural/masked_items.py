"""Packed windows some of whose places are hidden, and the network that reads around them; needs torch."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from dorec.neural import TransformerBlock
from dorec.numeric.arrays import IntArray
from dorec.recommend.neural.histories import Histories
from dorec.recommend.neural.sequence_network import SequenceNetwork, Shape
from dorec.recommend.neural.steps import Steps, steps_of
from dorec.recommend.neural.windows import cut, packed


@dataclass(frozen=True, eq=False)
class MaskedItems:
    """Rows of sequences, of which other places are hidden each time they are asked for."""

    steps: Steps
    mask: int  # the token of a hidden place
    masked: float
    last_only: float

    def draw(self, rows: Tensor) -> tuple[Steps, Tensor, None]:
        """Steps of some rows (b,) with hidden places, and what stood there (b, l), 0 for none."""
        steps = self.steps.take(rows)
        hidden = hidden_places(steps, self.masked, self.last_only)
        target = torch.where(hidden, steps.tokens, 0)
        return replace(steps, tokens=steps.tokens.masked_fill(hidden, self.mask)), target, None


def masked_items(histories: Histories, count: IntArray, shape: Shape, learner: Any) -> MaskedItems:
    """Windows over the first `count` (n_users,) events of each user who has two or more.

    Args:
        histories: of all users.
        count: events that are learned from.
        shape: of the network.
        learner: `masked`, `last_only`.
    """
    first, many = histories.start[:-1], count * (count >= 2)
    width = shape.width + 1  # one hidden behind as many as are read
    steps = steps_of(histories, packed(*cut(first, many, width), width))
    return MaskedItems(steps, shape.n_items + 1, learner.masked, learner.last_only)


def hidden_places(steps: Steps, masked: float, last_only: float) -> Tensor:
    """Which places of each row are hidden, (b, l): of each sequence a share, or its last alone, but one at least.

    >>> steps = Steps(torch.tensor([[3, 7, 5, 0]]), torch.tensor([[0, 0, 1, 4]]))
    >>> hidden_places(steps, masked=0.5, last_only=1.0).int().tolist()
    [[0, 1, 1, 0]]
    """
    segment, real = steps.segment, steps.tokens > 0
    last = real.clone()
    last[:, :-1] &= segment[:, 1:] != segment[:, :-1]
    drawn = torch.rand(segment.shape)
    lone = torch.rand(len(segment), segment.shape[1] + 1).gather(1, segment) < last_only
    hidden = real & torch.where(lone, last, drawn < masked)
    some = torch.zeros(len(segment), segment.shape[1] + 1).scatter_add(1, segment, hidden.float()).gather(1, segment)
    return hidden | (last & (some == 0))


class MaskedNetwork(SequenceNetwork):
    """Transformer blocks, each place reading the whole sequence (Sun et al. 2019).

    A hidden place keeps its kind of event, so that an item of a kind can be asked for.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(replace(shape, n_extra=1))
        self.asked = None
        blocks = (TransformerBlock(shape.size, shape.n_heads, shape.dropout) for _ in range(shape.n_blocks))
        self.blocks = nn.ModuleList(blocks)

    def read(self, sequence: Tensor, steps: Steps) -> Tensor:
        """The sequence (b, l, d) where each place has read all of its sequence."""
        allowed = steps.together[:, None]
        for block in self.blocks:
            sequence = block(sequence, allowed)
        return sequence

    def next_of(self, steps: Steps) -> Tensor:
        """What stands in a hidden place behind lines of one sequence each, of the strongest kind, (b, d)."""
        count = (steps.tokens > 0).sum(dim=1, keepdim=True)
        hidden = self(
            Steps(
                tokens=_behind(steps.tokens, count, self.shape.n_items + 1),
                segment=_behind(steps.segment, count, 0),
                place=None if steps.place is None else _behind(steps.place + 1, count, 0),
                kind=None if steps.kind is None else _behind(steps.kind, count, self.shape.n_kinds - 1),
            )
        )
        return hidden[torch.arange(len(count), device=count.device), count[:, 0]]


def _behind(values: Tensor, count: Tensor, new: int) -> Tensor:
    """Lines (b, l + 1) with one more value behind their first `count` (b, 1)."""
    longer = torch.cat([values, values[:, -1:]], dim=1)
    return longer.scatter(1, count, new)
