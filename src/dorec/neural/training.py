"""Full-batch training by L-BFGS-B, and a number of threads."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from scipy import optimize
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from dorec.domain.run import RunContext
from dorec.numeric.arrays import FloatArray

MEMORY = 20  # pairs of steps and gradients that L-BFGS keeps
EPS = float(np.finfo(float).eps)


def minimise(
    parameters: Iterable[nn.Parameter], loss: Callable[[], Tensor], max_steps: int, tolerance: float = 1e-8
) -> float:
    """Lower a loss by L-BFGS-B (Zhu, Byrd, Lu, Nocedal 1997), which leaves the parameters at the lowest; gives it.

    Args:
        parameters: what is learned, changed in place.
        loss: a scalar of all rows.
        max_steps: steps at most.
        tolerance: the share of the loss that a step must gain, or it ends.

    Example:
        >>> x = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        >>> round(minimise([x], lambda: ((x - 3) ** 2).sum() + 1, max_steps=20), 6)
        1.0
        >>> x.detach().round(decimals=3).tolist()
        [3.0, 3.0]
    """
    learned = list(parameters)

    def put(values: FloatArray) -> None:
        like = parameters_to_vector(learned)
        vector_to_parameters(torch.as_tensor(values, dtype=like.dtype, device=like.device), learned)

    def value_and_slope(values: FloatArray) -> tuple[float, FloatArray]:
        put(values)
        now = loss()
        slopes = torch.autograd.grad(now, learned)
        return float(now.detach()), parameters_to_vector(slopes).cpu().numpy().astype(np.float64)

    start = parameters_to_vector(learned).detach().cpu().numpy().astype(np.float64)
    at, lowest, _ = optimize.fmin_l_bfgs_b(value_and_slope, start, m=MEMORY, factr=tolerance / EPS, maxiter=max_steps)
    put(at)
    return float(lowest)


@contextmanager
def threads_of(context: RunContext) -> Iterator[None]:
    """As many threads for torch as the context says, and what there were afterwards.

    >>> with threads_of(RunContext(threads=1)):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, context.threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)
