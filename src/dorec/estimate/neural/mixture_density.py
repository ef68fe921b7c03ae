"""DeepIV's two networks: the density of the dose given the instruments, the outcome given the dose; needs torch."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dorec.neural import perceptron

LEAST_SPREAD = 1e-3  # of a component, for a dose of variance one


class Mixture(NamedTuple):
    """A Gaussian mixture for each unit."""

    log_share: Tensor  # (n, c)
    mean: Tensor  # (n, c)
    spread: Tensor  # (n, c)

    def log_density(self, dose: Tensor) -> Tensor:
        """The log-density (n,) of doses (n,).

        >>> one = Mixture(torch.zeros(1, 1), torch.zeros(1, 1), torch.ones(1, 1))
        >>> round(float(one.log_density(torch.zeros(1))), 4)
        -0.9189
        """
        away = (dose[:, None] - self.mean) / self.spread
        parts = self.log_share - 0.5 * away.square() - self.spread.log() - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(parts, dim=1)

    def sample(self, draws: int) -> Tensor:
        """Doses (n, draws) by torch's global random numbers."""
        which = torch.multinomial(self.log_share.exp(), draws, replacement=True)
        mean, spread = self.mean.gather(1, which), self.spread.gather(1, which)
        return mean + spread * torch.randn_like(mean)

    def take(self, rows: Tensor) -> "Mixture":
        """The mixtures of some units."""
        return Mixture(*(values[rows] for values in self))


class MixtureDensity(nn.Module):
    """A mixture density network (Bishop 1994): inputs (n, q) to a Gaussian mixture for each unit.

    >>> MixtureDensity(3, (8,), 4)(torch.ones(5, 3)).mean.shape
    torch.Size([5, 4])
    """

    def __init__(self, n_inputs: int, hidden: tuple[int, ...], components: int) -> None:
        super().__init__()
        self.inside = perceptron([n_inputs, *hidden], last=True)
        self.out = nn.Linear(hidden[-1], 3 * components)

    def forward(self, inputs: Tensor) -> Mixture:
        """The mixtures of units."""
        share, mean, spread = self.out(self.inside(inputs)).chunk(3, dim=1)
        return Mixture(functional.log_softmax(share, dim=1), mean, functional.softplus(spread) + LEAST_SPREAD)


class OutcomeNetwork(nn.Module):
    """The outcome of a dose given covariates.

    >>> OutcomeNetwork(2, (8,))(torch.ones(5, 7), torch.ones(5, 2)).shape
    torch.Size([5, 7])
    """

    def __init__(self, n_columns: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.inside = perceptron([n_columns + 1, *hidden, 1])

    def forward(self, doses: Tensor, X: Tensor) -> Tensor:
        """Outcomes (n, m) of doses (n, m) for units with covariates (n, p)."""
        wide = torch.cat([doses[..., None], X[:, None].expand(-1, doses.shape[1], -1)], dim=2)
        return self.inside(wide)[..., 0]


def slopes(network: Callable[[Tensor, Tensor], Tensor], doses: Tensor, X: Tensor) -> Tensor:
    """The derivative (n, m) of the outcome by the dose, at doses (n, m).

    >>> slopes(lambda doses, X: doses**2, torch.tensor([[1.0, 2.0]]), torch.ones(1, 1)).tolist()
    [[2.0, 4.0]]
    """
    at = doses.detach().clone().requires_grad_()
    return torch.autograd.grad(network(at, X).sum(), at)[0]


def two_sample_loss(network: Callable[[Tensor, Tensor], Tensor], X: Tensor, y: Tensor, doses: Tensor) -> Tensor:
    """The squared error (n,) of the expected outcome, unbiased: two halves of sampled doses (n, 2 s), never squared.

    The mean of one sample squared would pay for the spread of the outcome over the doses as well (Hartford et al. 2017,
    section 3.2).

    >>> two_sample_loss(lambda d, X: d, torch.ones(1, 1), torch.tensor([1.0]), torch.tensor([[0.0, 2.0]])).tolist()
    [-1.0]
    """
    first, second = network(doses, X).chunk(2, dim=1)
    return (y - first.mean(dim=1)) * (y - second.mean(dim=1))
