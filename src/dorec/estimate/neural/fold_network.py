"""Training one fold's network by the shared loop, and asking it; needs torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dorec.domain.run import RunContext
from dorec.estimate.neural.arm_network import Batch
from dorec.estimate.neural.cross_fitted import DeepLearner, Said, TrainingRows
from dorec.neural import Training, random_stream, to_array, to_tensor, train
from dorec.numeric.arrays import FloatArray, IntArray

HELD_OUT = 0.2  # of the rows, on which early stopping looks
ASKED_AT_ONCE = 4096  # rows of a forward pass without gradients
Objective = Callable[[Any, Batch], Tensor]  # network, batch -> mean loss


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldNetwork:
    """A trained network with the scale of its columns."""

    module: nn.Module
    middle: FloatArray  # (p,)
    spread: FloatArray  # (p,)
    binary: bool
    device: str

    def predict(self, X: FloatArray, tokens: IntArray | None = None) -> Said:
        """Outcome in each arm, (m, k), and propensities where the network has a head for them."""
        outcomes, chances = [], []
        with torch.no_grad():
            for rows in np.array_split(np.arange(len(X)), max(1, -(-len(X) // ASKED_AT_ONCE))):
                asked = tensor_of((X[rows] - self.middle) / self.spread, self.device)
                none = torch.zeros(0, device=self.device)
                read = None if tokens is None else to_tensor(tokens[rows], self.device)
                heads = self.module(Batch(asked, none, none, none, read))
                outcomes.append(to_array(heads.outcome.sigmoid() if self.binary else heads.outcome))
                chances.append(None if heads.arm is None else to_array(heads.arm.exp()))
        parts = [part for part in chances if part is not None]
        return Said(np.concatenate(outcomes), np.concatenate(parts) if parts else None)


def fit_fold_network(
    make: Callable[[int], nn.Module],
    objective: Objective,
    rows: TrainingRows,
    learner: DeepLearner,
    context: RunContext,
    label: str,
) -> FoldNetwork:
    """A network trained on four fifths of the rows, stopped by the others.

    Args:
        make: a fresh network for a number of columns.
        objective: what is made small.
        rows: standardised here by their own mean and spread.
        learner: steps, batches, patience.
        context: seed, device, threads and progress.
        label: names the random streams and the progress bar.
    """
    middle, spread = rows.X.mean(axis=0), rows.X.std(axis=0)
    spread = np.where(spread > 1e-12 * (1.0 + np.abs(middle)), spread, 1.0)
    device = context.device
    everyone = Batch(
        X=tensor_of((rows.X - middle) / spread, device),
        arm=to_tensor(rows.arm, device),
        y=tensor_of(rows.y, device),
        weight=tensor_of(rows.weight, device),
        tokens=None if rows.tokens is None else to_tensor(rows.tokens, device),
    )
    shuffled = context.rng(label, "held out").permutation(len(rows.y))
    n_held = max(1, round(HELD_OUT * len(shuffled)))
    learned = everyone.take(to_tensor(np.sort(shuffled[n_held:]), device))
    held = to_tensor(np.sort(shuffled[:n_held]), device)
    with random_stream(context, label, "weights"):
        module = make(rows.X.shape[1]).to(device=device, dtype=precision(device))
    chunk = max(learner.batch_size, ASKED_AT_ONCE // 4)

    def validation() -> float:
        return sum(float(objective(module, everyone.take(part))) * len(part) for part in held.split(chunk)) / len(held)

    training = Training(
        learning_rate=learner.learning_rate,
        reg=learner.reg,
        epochs=learner.epochs,
        batch_size=learner.batch_size,
        patience=learner.patience,
    )
    train(
        module,
        lambda batch: objective(module, learned.take(batch)),
        len(shuffled) - n_held,
        training,
        validation=validation,
        context=context,
        label=label,
    )
    return FoldNetwork(module=module, middle=middle, spread=spread, binary=rows.binary, device=device)


def precision(device: str) -> torch.dtype:
    """Double on the CPU, so that a shift or another order of the rows leaves no trace; single on an accelerator."""
    return torch.float64 if torch.device(device).type == "cpu" else torch.float32


def tensor_of(values: FloatArray, device: str) -> Tensor:
    """Numbers in the precision of the device."""
    return to_tensor(values, device, precision(device))
