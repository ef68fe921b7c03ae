"""What the neural searches share: training under a growing price of cycles."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dorec.discover.neural.network_search import NetworkSettings
from dorec.domain.run import RunContext
from dorec.neural import TrainingLoop, to_array
from dorec.numeric.arrays import FloatArray

RHO_MAX = 1e12


def walk_excess(squares: Tensor) -> Tensor:
    """tr((I + A / d)^d) - d for A (d, d) that is nowhere negative (Yu et al. 2019); 0 where A has no cycle.

    >>> round(float(walk_excess(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))), 3)
    0.5
    """
    d = len(squares)
    step = torch.eye(d, dtype=squares.dtype, device=squares.device) + squares / d
    return torch.linalg.matrix_power(step, d).trace() - d


@dataclass
class Price:
    """Multipliers of the augmented Lagrangian."""

    rho: float = 1.0
    alpha: float = 0.0

    def of(self, excess: Tensor) -> Tensor:
        """What cycles cost now."""
        return 0.5 * self.rho * excess * excess + self.alpha * excess


def train_acyclic(
    module: nn.Module,
    loss: Callable[[Tensor], Tensor],
    squares: Callable[[], Tensor],
    n_rows: int,
    settings: NetworkSettings,
    *,
    after_step: Callable[[], None],
    context: RunContext,
    label: str,
) -> float:
    """Train in rounds, each with a higher price of cycles, until their excess is below the tolerance; gives it.

    Args:
        module: whose parameters are trained in place.
        loss: of the rows of a batch, penalties included.
        squares: strength of each edge, squared, (d, d).
        settings: epochs of a round, rounds, and the excess at which it ends.
        n_rows, after_step, context, label: as `TrainingLoop.run` has them.
    """
    price, h = Price(), float("inf")
    loop = TrainingLoop(settings.learning_rate, settings.epochs, settings.batch_size, patience=None)

    def priced(rows: Tensor) -> Tensor:
        return loss(rows) + price.of(walk_excess(squares()))

    for _ in context.track(range(settings.max_rounds), label, settings.max_rounds):
        quiet = RunContext(context.seed, context.threads, context.device)
        loop.run(module.parameters(), priced, n_rows, after_step=after_step, context=quiet, label=label)
        with torch.no_grad():
            excess = float(walk_excess(squares()))
        if excess <= settings.h_tolerance or price.rho >= RHO_MAX:
            return excess
        price.alpha += price.rho * excess
        if excess > 0.25 * h:
            price.rho *= 10
        h = excess
    return h


def mean_slopes(network: nn.Module, rows: Tensor) -> FloatArray:
    """How strongly each variable's expectation reacts to each other one, (d, d) at [cause, effect].

    The root mean square of the partial derivatives over the rows (n, d), which is how Zheng et al. (2020) define that
    a function depends on a variable: in units of the effect for each unit of the cause, as linear weights are.
    """
    sent = rows[:, None, :].repeat(1, rows.shape[1], 1).requires_grad_()
    network(sent).sum().backward()
    slopes = sent.grad
    assert slopes is not None
    found: FloatArray = to_array((slopes * slopes).mean(dim=0).sqrt().T)
    return found
