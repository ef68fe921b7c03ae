"""A Transformer over histories that a token for each treatment asks for its outcome; needs torch."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dorec.estimate.neural.arm_network import Batch, Heads
from dorec.neural import Attention, HistoryEncoder


class HistoryNetwork(nn.Module):
    """Potential outcomes and the chance of each arm, from histories and covariates.

    The history is encoded once; then a token for each treatment reads it (and the covariates) and gives the outcome
    under that treatment, and one more token gives the chances of the arms.

    Example:
        >>> network = HistoryNetwork(n_columns=2, n_arms=3, n_tokens=9, length=4, size=8)
        >>> none = torch.zeros(5)
        >>> heads = network(Batch(torch.ones(5, 2), none, none, none, torch.ones(5, 4, dtype=torch.int64)))
        >>> heads.outcome.shape, heads.arm.exp().sum(dim=1).detach().round(decimals=3).tolist()
        (torch.Size([5, 3]), [1.0, 1.0, 1.0, 1.0, 1.0])
    """

    def __init__(
        self,
        *,
        n_columns: int,
        n_arms: int,
        n_tokens: int,
        length: int,
        size: int,
        n_layers: int = 1,
        n_heads: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = HistoryEncoder(
            n_tokens=n_tokens, length=length, size=size, n_layers=n_layers, n_heads=n_heads, dropout=dropout
        )
        self.columns = nn.Sequential(nn.Linear(n_columns, size), nn.ELU(), nn.Linear(size, size))
        self.asked = nn.Parameter(torch.randn(n_arms + 1, size) * 0.1)  # a token for each treatment, one for the choice
        self.attention = Attention(size, n_heads)
        self.feed = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))
        self.outcome, self.arm = nn.Linear(size, 1), nn.Linear(size, n_arms)

    def forward(self, batch: Batch) -> Heads:
        """Outcome in each arm, what the token of the choice has read, and the chances of the arms."""
        assert batch.tokens is not None
        unit = self.columns(batch.X)[:, None]
        read = torch.cat([unit, self.encoder(batch.tokens)], dim=1)
        there = functional.pad(batch.tokens != 0, (1, 0), value=True)[:, None, None]
        asked: Tensor = unit + self.asked
        answer = asked + self.attention(asked, read, there)
        answer = answer + self.feed(answer)
        choice = answer[:, -1]
        return Heads(self.outcome(answer[:, :-1])[..., 0], choice, functional.log_softmax(self.arm(choice), dim=1))
