"""NOTEARS-MLP's model: a network for each variable, whose first layer says which others it reads; needs torch."""

import torch
from torch import Tensor, nn

from dorec.discover.neural.acyclic_training import AcyclicTraining
from dorec.domain.run import RunContext
from dorec.neural import seeded, to_tensor
from dorec.numeric.arrays import BoolArray, FloatArray

RIDGE = 0.005  # of the squared weights behind the first layer


class ColumnNetworks(nn.Module):
    """x_j ~ a_j + sum_i L_ij x_i + V_j tanh(b_j + sum_i W_ij x_i), for all j at once.

    The first weights are drawn large enough for a unit to bend within the data, or waves would be taken for lines.

    Example:
        >>> free = ~torch.eye(3, dtype=torch.bool)
        >>> network = ColumnNetworks(free.double(), 4, torch.Generator().manual_seed(0))
        >>> network(torch.zeros(7, 3, dtype=torch.float64)).shape, bool(network.squares().trace() == 0)
        (torch.Size([7, 3]), True)
    """

    free: Tensor  # (d, d), 1 where i -> j may be

    def __init__(self, free: Tensor, hidden: int, random: torch.Generator) -> None:
        super().__init__()
        d = len(free)

        def drawn(*shape: int) -> Tensor:
            return (2 * torch.rand(*shape, generator=random, dtype=torch.float64) - 1).to(free.device)

        self.register_buffer("free", free)
        self.first = nn.Parameter(drawn(d, d, hidden) / d**0.5)  # (cause, effect, unit)
        self.bend = nn.Parameter(drawn(d, hidden))
        self.last = nn.Parameter(drawn(d, hidden) / hidden**0.5)
        self.line = nn.Parameter(torch.zeros_like(free))  # (cause, effect)
        self.level = nn.Parameter(torch.zeros_like(free[0]))

    def forward(self, rows: Tensor) -> Tensor:
        """Expected values (n, d) of rows (n, d)."""
        d, hidden = self.last.shape
        read = rows @ (self.first * self.free[:, :, None]).reshape(d, d * hidden)
        units = torch.tanh(read.view(-1, d, hidden) + self.bend)
        return torch.einsum("njh,jh->nj", units, self.last) + rows @ (self.line * self.free) + self.level

    def squares(self) -> Tensor:
        """Squared weights of the first layer and of the line, (d, d) at [cause, effect]."""
        return ((self.first * self.first).sum(dim=2) + self.line * self.line) * self.free

    def ridge(self) -> Tensor:
        """The price of the last layer."""
        return RIDGE * (self.last * self.last).sum()


def column_network_slopes(
    rows: FloatArray,
    free: BoolArray,
    required: BoolArray,
    hidden: int,
    training: AcyclicTraining,
    context: RunContext,
) -> FloatArray:
    """The mean slopes (d, d) of the effects, at [cause, effect].

    Args:
        rows: (n, d), centred, of mean variance 1.
        free: (d, d), whether i -> j may be.
        required: (d, d), edges that must be.
        hidden: units of each network.
        training: penalties, steps and rounds.
        context: seed, device, threads and progress.

    Example:
        >>> import numpy as np
        >>> a, b = np.random.default_rng(0).normal(size=(2, 200))
        >>> rows, free = np.column_stack([a, a**2 - 1 + 0.3 * b]), np.array([[False, True], [False, False]])
        >>> training = AcyclicTraining(0.01, 40, 1, 1e-5, "")
        >>> bool(column_network_slopes(rows, free, ~free & False, 5, training, RunContext())[0, 1] > 1)
        True
    """
    device = context.device
    allowed, held = (to_tensor(mask.astype(float), device, torch.float64) for mask in (free, required))
    model = ColumnNetworks(allowed, hidden, seeded(context, "column networks"))
    return training.slopes(model, to_tensor(rows, device, torch.float64), held, context)
