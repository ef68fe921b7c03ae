"""The graph autoencoder's model: variables send messages along a weighted graph and read their sum; needs torch."""

import torch
from torch import Tensor, nn

from dorec.discover.neural.acyclic_training import AcyclicTraining
from dorec.domain.run import RunContext
from dorec.neural import seeded, to_tensor
from dorec.numeric.arrays import BoolArray, FloatArray

RIDGE = 0.002  # of the squared weights of both networks: without it they grow while the graph's weights shrink


class MessageNetwork(nn.Module):
    """x_j ~ a_j + g2(b_j + sum_i A_ij g1(x_i)): one step of message passing; all variables share g1 and g2.

    Both networks have a linear term beside their hidden units.

    Example:
        >>> free = ~torch.eye(3, dtype=torch.bool)
        >>> network = MessageNetwork(free.double(), 4, torch.Generator().manual_seed(0))
        >>> network(torch.zeros(7, 3, dtype=torch.float64)).shape, bool(network.squares().trace() == 0)
        (torch.Size([7, 3]), True)
    """

    free: Tensor  # (d, d), 1 where i -> j may be

    def __init__(self, free: Tensor, hidden: int, random: torch.Generator) -> None:
        super().__init__()
        d = len(free)

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter((2 * torch.rand(*shape, generator=random, dtype=torch.float64) - 1).to(free.device))

        self.register_buffer("free", free)
        self.graph = drawn(d, d)  # (cause, effect)
        self.sent, self.sent_bend, self.sent_last, self.sent_line = (drawn(*s) for s in ((hidden,),) * 3 + ((1,),))
        self.read, self.read_bend, self.read_last, self.read_line = (drawn(*s) for s in ((hidden,),) * 3 + ((1,),))
        self.shift = nn.Parameter(torch.zeros_like(free[0]))
        self.level = nn.Parameter(torch.zeros_like(free[0]))
        with torch.no_grad():  # units bend within the data, and what is read starts small
            for parameter, factor in ((self.graph, 0.3), (self.sent, 2.0), (self.sent_bend, 2.0)):
                parameter.mul_(factor)
            for parameter in (self.sent_last, self.read_last):
                parameter.div_(hidden**0.5)

    def forward(self, rows: Tensor) -> Tensor:
        """Expected values (n, d) of rows (n, d)."""
        message = torch.tanh(rows[..., None] * self.sent + self.sent_bend) @ self.sent_last + rows * self.sent_line
        total = message @ (self.graph * self.free) + self.shift
        units = torch.tanh(total[..., None] * self.read + self.read_bend)
        return units @ self.read_last + total * self.read_line + self.level

    def squares(self) -> Tensor:
        """The graph's squared weights, (d, d) at [cause, effect]."""
        return self.graph * self.graph * self.free

    def ridge(self) -> Tensor:
        """The price of both networks."""
        sent = (self.sent, self.sent_bend, self.sent_last, self.sent_line)
        read = (self.read, self.read_bend, self.read_last, self.read_line)
        return RIDGE * torch.stack([(weights * weights).sum() for weights in sent + read]).sum()


def message_network_slopes(
    rows: FloatArray,
    free: BoolArray,
    required: BoolArray,
    hidden: int,
    training: AcyclicTraining,
    context: RunContext,
) -> FloatArray:
    """The mean slopes (d, d) of the effects, at [cause, effect]; arguments as for `column_network_slopes`.

    Example:
        >>> import numpy as np
        >>> a, b = np.random.default_rng(0).normal(size=(2, 200))
        >>> rows, free = np.column_stack([a, np.cos(2 * a) + 0.1 * b]), np.array([[False, True], [False, False]])
        >>> training = AcyclicTraining(0.01, 60, 1, 1e-5, "")
        >>> bool(message_network_slopes(rows, free, ~free & False, 5, training, RunContext())[0, 1] > 1)
        True
    """
    device = context.device
    allowed, held = (to_tensor(mask.astype(float), device, torch.float64) for mask in (free, required))
    model = MessageNetwork(allowed, hidden, seeded(context, "message network"))
    return training.slopes(model, to_tensor(rows, device, torch.float64), held, context)
