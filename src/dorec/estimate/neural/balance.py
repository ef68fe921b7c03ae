"""How far apart two samples of representations are: what CFRNet makes small; needs torch."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

SHARPNESS = 10.0  # of the entropic transport, over the mean cost (Cuturi 2013)
ROUNDS = 10  # of Sinkhorn's scaling, as in the authors' code
LEAST = 1e-9  # of the kernel, so that a point far from all others sends its mass somewhere
Distance = Literal["wasserstein", "mmd_linear", "mmd_rbf"]


def mmd_linear(a: Tensor, b: Tensor) -> Tensor:
    """The squared distance of the means of a (n, d) and b (m, d).

    >>> float(mmd_linear(torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0]])))
    4.0
    """
    return (a.mean(dim=0) - b.mean(dim=0)).square().sum()


def mmd_rbf(a: Tensor, b: Tensor) -> Tensor:
    """The squared maximum mean discrepancy under a Gaussian kernel (Gretton et al. 2012), as wide as the sample.

    >>> points = torch.tensor([[0.0], [1.0]])
    >>> float(mmd_rbf(points, points)), round(float(mmd_rbf(points, points + 9)), 2)
    (0.0, 1.37)
    """
    both = torch.cat([a, b])
    squares = _squared_distances(both, both)
    width = squares.detach().flatten().median().clamp(min=1e-6)
    kernel, n = torch.exp(-squares / width), len(a)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def wasserstein(a: Tensor, b: Tensor) -> Tensor:
    """The cost of the entropic transport between a (n, d) and b (m, d), distances as costs (Cuturi 2013).

    The plan is found by Sinkhorn's scaling and held fixed for the gradient.

    >>> round(float(wasserstein(torch.tensor([[0.0], [1.0]]), torch.tensor([[10.0], [11.0]]))), 2)
    10.0
    """
    cost = (_squared_distances(a, b) + 1e-10).sqrt()
    with torch.no_grad():
        kernel = torch.exp(-SHARPNESS * cost / cost.mean()) + LEAST
        columns = kernel.new_full((len(b),), 1.0)
        for _ in range(ROUNDS):
            rows = 1.0 / (len(a) * (kernel @ columns))
            columns = 1.0 / (len(b) * (rows @ kernel))
        plan = rows[:, None] * kernel * columns
    return (plan * cost).sum()


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "wasserstein": wasserstein,
    "mmd_linear": mmd_linear,
    "mmd_rbf": mmd_rbf,
}


def imbalance(representation: Tensor, arm: Tensor, n_arms: int, distance: Distance) -> Tensor:
    """The mean distance of each arm's representations (n, d) to those of the other arms; 0 for arms without a row.

    >>> points, arm = torch.tensor([[0.0], [0.0], [3.0]]), torch.tensor([0, 0, 1])
    >>> float(imbalance(points, arm, 2, "mmd_linear"))
    9.0
    """
    total = representation.new_zeros(())
    for a in range(1 if n_arms == 2 else 0, n_arms):
        inside = arm == a
        if bool(inside.any()) and not bool(inside.all()):
            total = total + DISTANCES[distance](representation[inside], representation[~inside])
    return total / (1 if n_arms == 2 else n_arms)


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    crossed = a.square().sum(dim=1)[:, None] + b.square().sum(dim=1) - 2 * a @ b.T
    return crossed.clamp(min=0.0)
