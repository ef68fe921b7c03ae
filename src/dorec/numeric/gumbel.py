"""Gumbel noise of choices that were seen: what would have been chosen had the odds been others."""

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray


def posterior_gumbel(log_p: FloatArray, chosen: IntArray, rng: np.random.Generator) -> FloatArray:
    """Noise (n, k) under which `argmax(log_p + noise)` is what was chosen, drawn from its posterior.

    The largest of the k perturbed values is a standard Gumbel whatever was chosen, and the others are Gumbels cut off
    at it (Maddison, Tarlow, Minka 2014, arXiv:1411.0030). With other odds in the place of `log_p`, the argmax is the
    counterfactual choice of the Gumbel-max model (Oberst, Sontag 2019, arXiv:1905.05824).

    Args:
        log_p: log probabilities, (n, k); rows sum to one. Of a choice with probability 0 nothing is learned.
        chosen: (n,) positions, each with a probability above 0.
        rng: where the noise comes from.

    Example:
        >>> log_p = np.log([[0.5, 0.3, 0.2]] * 3)
        >>> noise = posterior_gumbel(log_p, np.array([0, 1, 2]), np.random.default_rng(0))
        >>> (log_p + noise).argmax(axis=1).tolist()
        [0, 1, 2]
    """
    rows = np.arange(len(chosen))
    free = rng.gumbel(size=log_p.shape)
    top = rng.gumbel(size=len(chosen))
    cut = -np.logaddexp(-top[:, None], -(log_p + free))
    cut[rows, chosen] = top
    possible = np.isfinite(log_p)
    noise: FloatArray = np.where(possible, cut - np.where(possible, log_p, 0.0), free)
    return noise
