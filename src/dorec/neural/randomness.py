"""Named streams for torch's own random numbers: weights, dropout and samples repeat, and nobody else's change."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dorec.domain.run import RunContext

WORDS = 2**62


def seeded(context: RunContext, *stream: str | int) -> torch.Generator:
    """A generator for a named stream of the context's seed, on the CPU: parameters are drawn there and moved.

    >>> a, b = (torch.rand(1, generator=seeded(RunContext(seed=1), "weights")) for _ in range(2))
    >>> bool(a == b)
    True
    """
    made = torch.Generator()
    made.manual_seed(int(context.rng(*stream).integers(WORDS)))
    return made


@contextmanager
def random_stream(context: RunContext, *stream: str | int) -> Iterator[None]:
    """Torch's global random numbers come from a named stream inside, and go on as they were afterwards.

    For what draws without asking for a generator: the first weights of layers, dropout, negative samples.

    >>> def drawn():
    ...     with random_stream(RunContext(seed=1), "weights"):
    ...         return float(torch.nn.Linear(1, 1).weight.detach())
    >>> drawn() == drawn()
    True
    """
    device = torch.device(context.device)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(context.rng(*stream).integers(WORDS)))
        yield
