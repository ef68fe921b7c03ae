"""The one minibatch loop: seeded batches, AdamW, early stopping with the best weights kept, exact resumption."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from dorec.domain.errors import ConfigError, NotFinite
from dorec.domain.run import RunContext
from dorec.neural.randomness import random_stream
from dorec.neural.training import threads_of
from dorec.neural.training_state import Trained, TrainingState

Loss = Callable[[Tensor], Tensor]  # rows (b,) int64 of a batch, on the device -> their mean loss, a scalar
Validation = Callable[[], float]  # what early stopping looks at after each epoch; lower is better


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is trained; the same for every network of every station.

    Args:
        learning_rate: of AdamW (Loshchilov, Hutter 2019).
        reg: decoupled weight decay.
        epochs: passes over the rows, at most.
        batch_size: rows of one forward pass.
        accumulate: batches whose gradients make one step, as if they were one batch.
        max_norm: a gradient longer than this is shortened to it; None for no bound.
        patience: epochs without a better validation after which it stops; None to go on to the end.

    Example:
        >>> Training(epochs=5).batch_size
        256
    """

    learning_rate: float = 1e-3
    reg: float = 0.0
    epochs: int = 100
    batch_size: int = 256
    accumulate: int = 1
    max_norm: float | None = 5.0
    patience: int | None = 10

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give 1 or more.")
        if not self.learning_rate > 0 or not self.reg >= 0:
            raise ConfigError(
                f"learning_rate is {self.learning_rate} and reg is {self.reg}; give a learning rate above 0 and a reg "
                "of 0 or more."
            )
        for name in ("max_norm", "patience"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a number above 0, or None for no bound.")


def train(
    module: nn.Module,
    loss: Loss,
    n_rows: int,
    training: Training,
    *,
    validation: Validation | None = None,
    context: RunContext,
    label: str = "training",
    checkpoint: Path | None = None,
) -> Trained:
    """Train a network in place and leave it with its best weights, in evaluation mode.

    Batches, dropout and whatever else draws from torch inside `loss` follow from the context's seed, the label and the
    number of the epoch, so that a training that goes on from a checkpoint ends in the same bits as one in one go. On a
    GPU that computes in bfloat16 the forward pass does so where that is safe; elsewhere it keeps the parameters'
    precision.

    Args:
        module: what is learned; moved to the context's device.
        loss: mean loss of the rows of a batch.
        n_rows: how many rows there are to learn from.
        training: steps, batches, when to stop.
        validation: asked after each epoch without gradients, the network in evaluation mode.
        context: seed, device, threads and progress.
        label: of the progress bar and of the random streams.
        checkpoint: a folder that is written after each epoch, and from which a training goes on where it has one.

    Raises:
        NotFinite: the loss, the gradient or the validation is no longer a finite number.
        ConfigError: the checkpoint is of another network, other settings, another seed or label.
        IntegrityError: the checkpoint's bytes are not those that were written.

    Example:
        >>> line, x = nn.Linear(1, 1), torch.linspace(-1, 1, 64)[:, None]
        >>> fit = Training(learning_rate=0.1, epochs=40, batch_size=16)
        >>> done = train(line, lambda rows: ((line(x[rows]) - 3 * x[rows]) ** 2).mean(), 64, fit, context=RunContext())
        >>> round(float(line.weight.detach()), 2), done.epochs
        (3.0, 40)
    """
    module.to(context.device)
    fused = torch.device(context.device).type in ("cpu", "cuda")
    optimiser = torch.optim.AdamW(
        module.parameters(), lr=training.learning_rate, weight_decay=training.reg, fused=fused
    )
    facts = {"label": label, "seed": context.seed, "n_rows": n_rows, **_binding(training)}
    state = TrainingState(module=module, optimiser=optimiser, facts=facts, folder=checkpoint)
    done, best = state.restore()
    with threads_of(context):
        for epoch in context.track(range(done.epochs + 1, training.epochs + 1), label, training.epochs - done.epochs):
            if _waited_enough(done, training):
                done = replace(done, stopped_early=True)
                break
            with random_stream(context, label, "epoch", epoch):
                module.train()
                losses = (*done.losses, _one_epoch(module, optimiser, loss, n_rows, training, context.device))
                module.eval()
                with torch.no_grad():
                    validations = done.validations if validation is None else (*done.validations, float(validation()))
            done = replace(done, losses=losses, validations=validations)
            _refuse_not_finite(done, label)
            if done.best_epoch == epoch:
                best = {name: values.detach().clone() for name, values in module.state_dict().items()}
            state.keep(done, best)
    if best:
        module.load_state_dict(best)
    module.eval()
    return done


def in_mixed_precision(device: str) -> bool:
    """Whether a device's forward passes run in bfloat16: GPUs that have it, not those that emulate it.

    >>> in_mixed_precision("cpu")
    False
    """
    return torch.device(device).type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _waited_enough(done: Trained, training: Training) -> bool:
    """Whether so many epochs brought no better validation that more would not either."""
    patience = training.patience
    return patience is not None and bool(done.validations) and done.epochs - done.best_epoch >= patience


def _one_epoch(
    module: nn.Module, optimiser: torch.optim.Optimizer, loss: Loss, n_rows: int, training: Training, device: str
) -> float:
    """Every row once, in a random order; the mean loss, NaN where a loss or a gradient was not finite."""
    kind, mixed = torch.device(device).type, in_mixed_precision(device)
    total = torch.zeros((), dtype=torch.float64 if kind == "cpu" else torch.float32, device=device)
    parameters = [p for p in module.parameters() if p.requires_grad]
    for step in torch.randperm(n_rows).split(training.batch_size * training.accumulate):
        optimiser.zero_grad(set_to_none=True)
        for rows in step.split(training.batch_size):
            with torch.autocast(kind, dtype=torch.bfloat16, enabled=mixed):
                value = loss(rows.to(device))
            (value * (len(rows) / len(step))).backward()
            total += value.detach() * (len(rows) / n_rows)
        norm = nn.utils.clip_grad_norm_(parameters, training.max_norm or math.inf)
        total += torch.where(torch.isfinite(norm), 0.0, torch.nan)
        optimiser.step()
    return float(total)


def _refuse_not_finite(done: Trained, label: str) -> None:
    last = {"loss": done.losses[-1], **({"validation": done.validations[-1]} if done.validations else {})}
    if not all(map(math.isfinite, last.values())):
        raise NotFinite(
            f"{label}: the loss or its gradient is no longer a finite number in epoch {done.epochs}",
            remedy="lower the learning rate, give a max_norm, and look for extreme values in the columns",
            evidence={"epoch": done.epochs, "losses": done.losses[-5:], **last},
        )


def _binding(training: Training) -> dict[str, object]:
    """Settings that must be the same for a training to go on; how long it goes on may change."""
    return {name: value for name, value in asdict(training).items() if name not in ("epochs", "patience")}
