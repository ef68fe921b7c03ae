"""Training networks under a growing price of cycles; needs torch."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from dorec.domain.run import RunContext
from dorec.neural import minimise, threads_of, to_array
from dorec.numeric.arrays import FloatArray

RHO_MAX = 1e12
SMOOTH = 1e-6  # added to a squared strength before its root is taken, which has no slope at 0


class GraphNetwork(Protocol):
    """A model of every variable by the others, whose parameters say who reads whom."""

    def __call__(self, rows: Tensor) -> Tensor:
        """Expected values (n, d) of rows (n, d)."""
        ...

    def squares(self) -> Tensor:
        """How strongly each cause is read by each effect, squared, (d, d); 0 where an edge may not be."""
        ...

    def ridge(self) -> Tensor:
        """What the other parameters' sizes cost, a scalar."""
        ...


def walk_excess(squares: Tensor) -> Tensor:
    """tr((I + A / d)^d) - d for A (d, d) that is nowhere negative (Yu et al. 2019); 0 where A has no cycle.

    >>> round(float(walk_excess(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))), 3)
    0.5
    """
    d = len(squares)
    step = torch.eye(d, dtype=squares.dtype, device=squares.device) + squares / d
    return torch.linalg.matrix_power(step, d).trace() - d


@dataclass(frozen=True)
class AcyclicTraining:
    """Least squares with a group lasso on the edges, in rounds that make cycles dearer.

    Args:
        reg: of the edges' strengths; required ones are not penalised.
        max_steps: of each round.
        max_rounds: multipliers of the augmented Lagrangian.
        h_tolerance: the excess of walks at which it ends.
        label: of the progress bar.
    """

    reg: float
    max_steps: int
    max_rounds: int
    h_tolerance: float
    label: str

    def slopes(self, model: GraphNetwork, rows: Tensor, required: Tensor, context: RunContext) -> FloatArray:
        """Train the model in place and give `mean_slopes`; required (d, d) edges close cycles whatever their strength.

        Args:
            model: an nn.Module in float64.
            rows: (n, d), centred, of mean variance 1.
            required: (d, d), 1 where an edge must be, else 0.
            context: threads and progress.
        """
        assert isinstance(model, nn.Module)
        rho, alpha, before = 1.0, 0.0, float("inf")

        def loss() -> Tensor:
            error, squares = rows - model(rows), model.squares()
            excess = walk_excess(squares + required)
            lasso = ((squares + SMOOTH).sqrt() * (1 - required)).sum()
            fit = 0.5 * (error * error).sum() / len(rows) + self.reg * lasso + model.ridge()
            return fit + 0.5 * rho * excess * excess + alpha * excess

        with threads_of(context):
            for _ in context.track(range(self.max_rounds), self.label, self.max_rounds):
                minimise(model.parameters(), loss, self.max_steps)
                with torch.no_grad():
                    excess = float(walk_excess(model.squares() + required))
                if excess <= self.h_tolerance or rho >= RHO_MAX:
                    break
                alpha += rho * excess
                rho *= 10 if excess > 0.25 * before else 1
                before = excess
            return mean_slopes(model, rows)


def mean_slopes(model: GraphNetwork, rows: Tensor) -> FloatArray:
    """How strongly each variable's expectation reacts to each other one, (d, d) at [cause, effect].

    The root mean square of the partial derivatives over the rows (n, d), which is how Zheng et al. (2020) define that
    a function depends on a variable: in units of the effect for each unit of the cause, as linear weights are.

    Example:
        >>> chain = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
        >>> mean_slopes(lambda rows: rows @ chain, torch.randn(5, 2)).tolist()
        [[0.0, 2.0], [0.0, 0.0]]
    """
    sent = rows.detach().clone().requires_grad_()
    expected = model(sent)
    columns = [torch.autograd.grad(expected[:, j].sum(), sent, retain_graph=True)[0] for j in range(rows.shape[1])]
    found: FloatArray = to_array(torch.stack([(c * c).mean(dim=0).sqrt() for c in columns], dim=1))
    return found
