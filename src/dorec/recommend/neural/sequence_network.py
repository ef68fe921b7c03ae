"""Networks that read a history of items: what SASRec, HSTU and BERT4Rec share, and SASRec's own; needs torch."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dorec.neural import TransformerBlock
from dorec.recommend.neural.steps import Steps

SPREAD = 0.02  # of the first embeddings


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How large a network is."""

    n_items: int
    width: int  # places
    size: int  # of an embedding
    n_blocks: int
    n_heads: int
    dropout: float
    n_kinds: int = 0  # of events; 0 where kinds are not told apart
    n_extra: int = 0  # tokens beside the items, each of which may stand behind a whole history


class Asked(nn.Module):
    """What a place has read, turned to what is asked of it: the next event of a kind.

    >>> Asked(3, 8)(torch.ones(2, 5, 8), torch.ones(2, 5, dtype=torch.int64)).shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, n_kinds: int, size: int) -> None:
        super().__init__()
        self.kinds, self.norm = nn.Embedding(n_kinds, size), nn.LayerNorm(size)
        self.feed = nn.Sequential(nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size))

    def forward(self, sequence: Tensor, asked: Tensor) -> Tensor:
        """The sequence (b, l, d) with kinds (b, l) asked of each place."""
        return sequence + self.feed(self.norm(sequence) + self.kinds(asked))


class SequenceNetwork(nn.Module, ABC):
    """Items, places and kinds of events as embeddings, blocks that read them, and a norm.

    What a history asks for is a vector in the space of the items' embeddings.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.items = nn.Embedding(shape.n_items + 1 + shape.n_extra, shape.size, padding_idx=0)
        self.places = nn.Embedding(shape.width + shape.n_extra, shape.size)
        self.kinds = nn.Embedding(shape.n_kinds, shape.size) if shape.n_kinds else None
        self.asked = Asked(shape.n_kinds, shape.size) if shape.n_kinds else None
        self.norm, self.dropout = nn.LayerNorm(shape.size), nn.Dropout(shape.dropout)
        for table in (self.items, self.places, self.kinds):
            if table is not None:
                nn.init.normal_(table.weight, std=SPREAD)

    @property
    def table(self) -> Tensor:
        """The items' embeddings, (n_items, d)."""
        return self.items.weight[1 : self.shape.n_items + 1]

    def forward(self, steps: Steps, asked: Tensor | None = None) -> Tensor:
        """What each place asks for next, (b, l, d); of which kind is `asked` (b, l)."""
        sequence = self.items(steps.tokens) * self.shape.size**0.5
        if steps.place is not None:
            sequence = sequence + self.places(steps.place)
        if self.kinds is not None:
            sequence = sequence + self.kinds(steps.kind)
        sequence = self.read(self.dropout(sequence), steps)
        if self.asked is not None:
            sequence = self.asked(sequence, asked)
        return self.norm(sequence)

    @abstractmethod
    def read(self, sequence: Tensor, steps: Steps) -> Tensor:
        """The sequence (b, l, d) where each place has read those it may see."""

    def next_of(self, steps: Steps) -> Tensor:
        """What comes after lines of one sequence each, of the strongest kind, (b, d)."""
        last = (steps.tokens > 0).sum(dim=1) - 1
        asked = None if self.asked is None else torch.full_like(steps.tokens, self.shape.n_kinds - 1)
        hidden = self(steps, asked)
        return hidden[torch.arange(len(last), device=last.device), last]


class SASRecNetwork(SequenceNetwork):
    """Transformer blocks, each place reading the ones before it (Kang, McAuley 2018)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        blocks = (TransformerBlock(shape.size, shape.n_heads, shape.dropout) for _ in range(shape.n_blocks))
        self.blocks = nn.ModuleList(blocks)

    def read(self, sequence: Tensor, steps: Steps) -> Tensor:
        """The sequence (b, l, d) where each place has read those before it."""
        allowed = steps.before[:, None]
        for block in self.blocks:
            sequence = block(sequence, allowed)
        return sequence
