"""The training loop: minibatches, Adam, stopping when the objective no longer falls."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dorec.domain.run import RunContext

Loss = Callable[[Tensor], Tensor]  # rows of the batch (b,) int64 -> a scalar to be lowered
Objective = Callable[[], float]  # what tells whether training still helps, lower is better


@dataclass(frozen=True)
class Training:
    """How a training went: the objective after each epoch, and whether it stopped because nothing fell any more.

    >>> Training((3.0, 1.0), stopped_early=False).best
    1.0
    """

    objectives: tuple[float, ...]
    stopped_early: bool

    @property
    def best(self) -> float:
        """The lowest objective."""
        return min(self.objectives)


@dataclass(frozen=True)
class TrainingLoop:
    """Lowers a loss over minibatches with Adam (Kingma, Ba 2015) until an objective no longer falls.

    The same seed gives the same parameters on one device: rows are shuffled by the stream "batches" of the context.

    Args:
        learning_rate: of Adam.
        epochs: passes over the rows, at most.
        batch_size: rows of a step; None for all of them.
        patience: epochs without a gain after which it stops; None to go on to the end.
        tolerance: the share of the objective that a gain must exceed.
        max_norm: a gradient longer than that is shortened to it; None for no bound.

    Example:
        >>> weight = nn.Parameter(torch.zeros(1))
        >>> y = torch.full((8,), 2.0)
        >>> loop = TrainingLoop(learning_rate=0.1, epochs=300, batch_size=4, patience=None)
        >>> training = loop.run([weight], lambda rows: ((y[rows] - weight) ** 2).mean(), n_rows=8)
        >>> round(float(weight.detach()), 2)
        2.0
    """

    learning_rate: float = 1e-3
    epochs: int = 100
    batch_size: int | None = 256
    patience: int | None = 10
    tolerance: float = 1e-4
    max_norm: float | None = None

    def run(
        self,
        parameters: Iterable[nn.Parameter],
        loss: Loss,
        n_rows: int,
        *,
        objective: Objective | None = None,
        after_step: Callable[[], None] | None = None,
        context: RunContext | None = None,
        label: str = "training",
    ) -> Training:
        """Train the parameters in place.

        Args:
            parameters: what is learned.
            loss: of the rows of one batch.
            n_rows: how many rows there are.
            objective: asked after each epoch; the mean loss of its batches if there is none.
            after_step: called after each step, as to project the parameters.
            context: seed, device, threads and progress.
            label: of the progress bar, and of the stream that shuffles.
        """
        context = context or RunContext(seed=0)
        kept = list(parameters)
        optimiser = torch.optim.Adam(kept, lr=self.learning_rate)
        shuffle = seeded(context, "batches", label)
        objectives: list[float] = []
        best, stale = float("inf"), 0
        with threads_of(context):
            for _ in context.track(range(self.epochs), label, self.epochs):
                losses = [
                    self._step(optimiser, kept, loss(rows), after_step)
                    for rows in _batches(n_rows, self.batch_size, shuffle, context.device)
                ]
                now = objective() if objective else float(torch.stack(losses).mean())
                objectives.append(now)
                stale = 0 if now < best - self.tolerance * abs(best) or best == float("inf") else stale + 1
                best = min(best, now)
                if self.patience is not None and stale >= self.patience:
                    return Training(tuple(objectives), stopped_early=True)
        return Training(tuple(objectives), stopped_early=False)

    def _step(
        self,
        optimiser: torch.optim.Optimizer,
        parameters: list[nn.Parameter],
        loss: Tensor,
        after_step: Callable[[], None] | None,
    ) -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self.max_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self.max_norm)
        optimiser.step()
        if after_step is not None:
            with torch.no_grad():
                after_step()
        return loss.detach()


def seeded(context: RunContext, *stream: str) -> torch.Generator:
    """A generator for a named stream of the context's seed, on the CPU: parameters are drawn there and moved.

    >>> a, b = (torch.rand(1, generator=seeded(RunContext(seed=1), "weights")) for _ in range(2))
    >>> bool(a == b)
    True
    """
    made = torch.Generator()
    made.manual_seed(int(context.rng(*stream).integers(2**62)))
    return made


@contextmanager
def threads_of(context: RunContext) -> Iterator[None]:
    """As many threads for torch as the context says, and what there were afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, context.threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _batches(n: int, size: int | None, shuffle: torch.Generator, device: str) -> Iterator[Tensor]:
    if size is None or size >= n:
        yield torch.arange(n, device=device)
        return
    order = torch.randperm(n, generator=shuffle).to(device)
    yield from order.split(size)
