"""Blocks that several networks share: a perceptron of any depth, a Transformer over padded histories."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

FEED_FORWARD = 4  # width of a Transformer's second sublayer, in embeddings


def perceptron(sizes: Sequence[int], *, last: bool = False) -> nn.Sequential:
    """Linear layers from sizes[0] inputs to sizes[-1] outputs with ELU between; behind the last one too, where asked.

    >>> [type(layer).__name__ for layer in perceptron([5, 8, 1])]
    ['Linear', 'ELU', 'Linear']
    """
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ELU()]
    return nn.Sequential(*(layers if last else layers[:-1]))


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) of queries over a padded sequence.

    >>> attend = Attention(8, 2)
    >>> attend(torch.ones(3, 1, 8), torch.ones(3, 5, 8), torch.ones(3, 1, 1, 5, dtype=torch.bool)).shape
    torch.Size([3, 1, 8])
    """

    def __init__(self, size: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query, self.key, self.value, self.out = (nn.Linear(size, size) for _ in range(4))

    def forward(self, queries: Tensor, sequence: Tensor, allowed: Tensor) -> Tensor:
        """Answers (n, q, d) to queries (n, q, d) over (n, l, d); who may see whom is broadcast to (n, heads, q, l)."""
        q, k, v = (
            layer(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for layer, x in ((self.query, queries), (self.key, sequence), (self.value, sequence))
        )
        answer = functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return self.out(answer.transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    """Attention and a perceptron, each added to its input and normalised before (pre-norm).

    >>> block = TransformerBlock(8, 2)
    >>> block(torch.ones(3, 5, 8), torch.ones(5, 5, dtype=torch.bool).tril()).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, size: int, n_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention = Attention(size, n_heads)
        self.before, self.between = nn.LayerNorm(size), nn.LayerNorm(size)
        self.feed = nn.Sequential(nn.Linear(size, FEED_FORWARD * size), nn.GELU(), nn.Linear(FEED_FORWARD * size, size))
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequence: Tensor, allowed: Tensor) -> Tensor:
        """The sequence (n, l, d) where each place has read those it may see."""
        normal = self.before(sequence)
        sequence = sequence + self.dropout(self.attention(normal, normal, allowed))
        return sequence + self.dropout(self.feed(self.between(sequence)))


class HistoryEncoder(nn.Module):
    """Padded histories of tokens to a vector for each place, which has read the places before it.

    Token 0 is padding and stands on the left, so that the last place is the latest token. A place is told from its
    distance to the end.

    >>> encoder = HistoryEncoder(n_tokens=10, length=4, size=8)
    >>> encoder(torch.tensor([[0, 0, 3, 9], [1, 2, 3, 4]])).shape
    torch.Size([2, 4, 8])
    """

    def __init__(
        self, *, n_tokens: int, length: int, size: int, n_layers: int = 1, n_heads: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(n_tokens + 1, size, padding_idx=0)
        self.places = nn.Parameter(torch.randn(length, size) * 0.1)
        self.blocks = nn.ModuleList(TransformerBlock(size, n_heads, dropout) for _ in range(n_layers))
        self.norm, self.dropout = nn.LayerNorm(size), nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """What each place of tokens (n, l) stands for, (n, l, d)."""
        length = tokens.shape[1]
        sequence = self.dropout(self.tokens(tokens) + self.places[-length:])
        causal = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()
        itself = torch.eye(length, dtype=torch.bool, device=tokens.device)  # so that padding sees something
        allowed = (causal & (tokens != 0)[:, None, :]) | itself
        for block in self.blocks:
            sequence = block(sequence, allowed[:, None])
        return self.norm(sequence)
