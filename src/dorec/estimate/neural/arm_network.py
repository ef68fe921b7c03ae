"""A representation that all arms share, an outcome head for each arm, perhaps a head for the arm; needs torch."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dorec.neural import perceptron

LEAST = 0.01  # of a propensity that divides


class Heads(NamedTuple):
    """What a network says of units."""

    outcome: Tensor  # (n, k) means, or log-odds of an outcome of two values
    representation: Tensor  # (n, d)
    arm: Tensor | None  # (n, k) log-probabilities


class Batch(NamedTuple):
    """Rows of one forward pass."""

    X: Tensor  # (n, p) standardised
    arm: Tensor  # (n,)
    y: Tensor  # (n,)
    weight: Tensor  # (n,)
    tokens: Tensor | None  # (n, l)

    def take(self, rows: Tensor) -> "Batch":
        """Some of the rows."""
        return Batch(*(None if values is None else values[rows] for values in self))


class ArmNetwork(nn.Module):
    """TARNet's network; with `normalised` CFRNet's, with `arm_head` DragonNet's.

    Example:
        >>> network = ArmNetwork(n_columns=3, n_arms=2, hidden=(8,), head=(4,))
        >>> heads = network(Batch(torch.ones(5, 3), *(torch.zeros(5) for _ in range(3)), None))
        >>> heads.outcome.shape, heads.representation.shape, heads.arm
        (torch.Size([5, 2]), torch.Size([5, 8]), None)
    """

    def __init__(
        self,
        *,
        n_columns: int,
        n_arms: int,
        hidden: tuple[int, ...],
        head: tuple[int, ...],
        normalised: bool = False,
        arm_head: bool = False,
    ) -> None:
        super().__init__()
        self.representation = perceptron([n_columns, *hidden], last=True)
        self.heads = nn.ModuleList(perceptron([hidden[-1], *head, 1]) for _ in range(n_arms))
        self.normalised = normalised
        self.arm = nn.Linear(hidden[-1], n_arms) if arm_head else None
        self.shift = nn.Parameter(torch.zeros(n_arms)) if arm_head else None  # of targeted regularisation

    def forward(self, batch: Batch) -> Heads:
        """Outcome in each arm, representation, and chances of the arms."""
        inside = self.representation(batch.X)
        if self.normalised:
            inside = functional.normalize(inside, dim=1)
        outcome = torch.cat([head(inside) for head in self.heads], dim=1)
        return Heads(outcome, inside, None if self.arm is None else functional.log_softmax(self.arm(inside), dim=1))


def outcome_loss(said: Tensor, y: Tensor, weight: Tensor, binary: bool) -> Tensor:
    """Mean squared error, or cross-entropy of log-odds where the outcome has two values.

    >>> float(outcome_loss(torch.zeros(2), torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]), binary=False))
    5.0
    """
    if binary:
        return functional.binary_cross_entropy_with_logits(said, y, weight)
    return (weight * (said - y).square()).mean()


def factual(heads: Heads, batch: Batch) -> Tensor:
    """The outcome that each unit is expected to have in the arm that it was in, (n,)."""
    return heads.outcome.gather(1, batch.arm[:, None])[:, 0]


def targeted(heads: Heads, batch: Batch, shift: Tensor) -> Tensor:
    """The factual outcome moved along the clever covariate (Shi, Blei, Veitch 2019): by shift / P(arm | x), (n,)."""
    assert heads.arm is not None
    chance = heads.arm.exp().gather(1, batch.arm[:, None])[:, 0].clamp(min=LEAST)
    return factual(heads, batch) + shift[batch.arm] / chance


def dragon_loss(heads: Heads, batch: Batch, shift: Tensor, prices: tuple[float, float], binary: bool) -> Tensor:
    """Outcome, arm and targeted regularisation (Shi, Blei, Veitch 2019, equations 2.2 and 3.2).

    Args:
        heads: what the network says of the batch.
        batch: outcomes, arms and weights.
        shift: of each arm's outcome along its inverse propensity, (k,).
        prices: of the arm's cross-entropy and of the targeted outcome.
        binary: whether the outcome is 0 or 1.
    """
    assert heads.arm is not None
    arm = (batch.weight * functional.nll_loss(heads.arm, batch.arm, reduction="none")).mean()
    loss = outcome_loss(factual(heads, batch), batch.y, batch.weight, binary) + prices[0] * arm
    if not prices[1]:
        return loss
    return loss + prices[1] * outcome_loss(targeted(heads, batch, shift), batch.y, batch.weight, binary)
