"""Training DeepIV's two stages by the shared loop, and asking the second; needs torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dorec.domain.run import RunContext
from dorec.estimate.neural.fold_network import HELD_OUT, precision, tensor_of
from dorec.estimate.neural.mixture_density import Mixture, MixtureDensity, OutcomeNetwork, slopes, two_sample_loss
from dorec.neural import Training, random_stream, to_array, to_tensor, train
from dorec.numeric.arrays import FloatArray, IntArray

HELD_DRAWS = 64  # doses for each held-out unit, drawn once, by which the second stage is stopped


class StageSettings(NamedTuple):
    """Shapes of both networks, and how they are trained."""

    hidden: tuple[int, ...]
    components: int
    draws: int
    training: dict[str, Any]  # fields of Training


@dataclass(frozen=True, eq=False, kw_only=True)
class Stages:
    """What both stages learned, in standard units."""

    outcome: OutcomeNetwork
    expected_dose: FloatArray  # (n,) of each unit by the first stage
    held: IntArray  # positions of the units that early stopping looked at
    device: str

    def curve(self, doses: FloatArray, X: FloatArray) -> FloatArray:
        """Outcomes (n, m) of doses (m,) for units with covariates (n, p)."""
        with torch.no_grad():
            asked = tensor_of(doses, self.device).expand(len(X), -1)
            return to_array(self.outcome(asked, tensor_of(X, self.device)))

    def slopes(self, doses: FloatArray, X: FloatArray) -> FloatArray:
        """Derivatives (n, m) at doses (n, m) for units with covariates (n, p)."""
        return to_array(slopes(self.outcome, tensor_of(doses, self.device), tensor_of(X, self.device)))


class Columns(NamedTuple):
    """The study in standard units, in canonical order."""

    X: FloatArray  # (n, p)
    Z: FloatArray  # (n, q)
    dose: FloatArray  # (n,)
    y: FloatArray  # (n,)
    weight: FloatArray  # (n,)


def fit_stages(columns: Columns, settings: StageSettings, context: RunContext) -> Stages:
    """The density of the dose given instruments and covariates, then the outcome by doses drawn from it."""
    device = context.device
    X, Z, dose, y, weight = (tensor_of(values, device) for values in columns)
    order = context.rng("DeepIV", "held out").permutation(len(y))
    n_held = max(1, round(HELD_OUT * len(y)))
    held, learned = (to_tensor(np.sort(rows), device) for rows in (order[:n_held], order[n_held:]))
    seen = torch.cat([X, Z], dim=1)
    with random_stream(context, "DeepIV", "weights"):
        first = MixtureDensity(seen.shape[1], settings.hidden, settings.components).to(device, precision(device))
        second = OutcomeNetwork(X.shape[1], settings.hidden).to(device, precision(device))

    def surprise(rows: Tensor) -> Tensor:
        mixture: Mixture = first(seen[rows])
        return -(weight[rows] * mixture.log_density(dose[rows])).mean()

    def run(network: Any, loss: Callable[[Tensor], Tensor], validation: Callable[[], float], label: str) -> None:
        fit = Training(**settings.training)
        train(
            network, lambda b: loss(learned[b]), len(learned), fit, validation=validation, context=context, label=label
        )

    run(first, surprise, lambda: float(surprise(held)), "DeepIV, first stage")
    with torch.no_grad(), random_stream(context, "DeepIV", "held-out doses"):
        density = Mixture(*(values.detach() for values in first(seen)))
        drawn = density.take(held).sample(2 * HELD_DRAWS)

    def error(rows: Tensor) -> Tensor:
        doses = density.take(rows).sample(2 * settings.draws)
        return (weight[rows] * two_sample_loss(second, X[rows], y[rows], doses)).mean()

    def held_error() -> float:
        return float((weight[held] * two_sample_loss(second, X[held], y[held], drawn)).mean())

    run(second, error, held_error, "DeepIV, second stage")
    expected = to_array((density.log_share.exp() * density.mean).sum(dim=1))
    return Stages(outcome=second, expected_dose=expected, held=np.sort(order[:n_held]), device=device)
