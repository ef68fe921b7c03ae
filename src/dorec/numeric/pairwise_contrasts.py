"""All differences between alternatives at once: what may be said of which is better, however many are compared.

The largest standardised difference between any two of K alternatives has the distribution of Tukey's range with the
covariance that the data show, drawn as in `multiplicity`. Bounds with its quantile hold for every pair together, so
also for the alternative that looks best (Hsu 1996, Multiple Comparisons, section 4.1).
"""

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray
from dorec.numeric.multiplicity import correlation, t_draws
from dorec.numeric.rng import Seed

CHUNK = 4_000_000  # numbers in memory at once
ROUNDING = 1e-12  # share of the variances below which a difference has none


def contrast_errors(covariance: FloatArray, k: int) -> FloatArray:
    """Standard errors of the differences of k alternatives in each of m aims, (k, k, m).

    Args:
        covariance: of the values, (k m, k m), the aims of the first alternative first.
        k: number of alternatives.

    Example:
        >>> contrast_errors(np.array([[1.0, 0.5], [0.5, 1.0]]), 2)[0, 1].tolist()
        [1.0]
    """
    m = len(covariance) // k
    blocks = covariance.reshape(k, m, k, m)
    shared = np.einsum("ajbj->abj", blocks)
    own = np.einsum("aja->aj", np.einsum("ajbj->ajb", blocks))
    variance = own[:, None] + own[None] - 2 * shared
    return np.sqrt(np.where(variance > ROUNDING * (own[:, None] + own[None]), variance, 0.0))


def contrast_quantile(
    covariance: FloatArray,
    k: int,
    level: float,
    *,
    dof: float | None = None,
    n_draws: int = 10_000,
    seed: Seed = 0,
) -> float:
    """The `level` quantile of the largest |t| over all pairs of k alternatives and all aims.

    >>> round(contrast_quantile(np.eye(3), 3, 0.95) * 2**0.5, 1)  # the studentised range of three: 3.31
    3.3
    """
    error = contrast_errors(covariance, k)
    a, b = np.triu_indices(k, 1)
    safe = np.where(error[a, b] > 0, error[a, b], np.inf)
    spread = np.sqrt(np.diag(covariance))
    draws = t_draws(correlation(covariance), n_draws, seed, dof) * spread
    largest = np.zeros(n_draws)
    step = max(1, CHUNK // max(safe.size, 1))
    for start in range(0, n_draws, step):
        z = draws[start : start + step].reshape(-1, k, len(covariance) // k)
        if len(a):
            largest[start : start + step] = (np.abs(z[:, a] - z[:, b]) / safe).max(axis=(1, 2))
    return float(np.quantile(largest, level))


def not_dominated(values: FloatArray) -> BoolArray:
    """Which of k alternatives are on the front, (..., k): none is at least as good in all aims and better in one.

    Args:
        values: (..., k, m), larger is better.

    Example:
        >>> not_dominated(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0], [2.0, 2.0]])).tolist()
        [True, True, False, True]
    """
    other, one = values[..., :, None, :], values[..., None, :, :]
    dominated = np.all(other >= one, axis=-1) & np.any(other > one, axis=-1)
    return np.asarray(~np.any(dominated, axis=-2))


def front_probability(
    values: FloatArray, covariance: FloatArray, *, n_draws: int = 2_000, seed: Seed = 0
) -> FloatArray:
    """How often each alternative is on the front, (k,), when the values (k, m) are drawn anew with their errors.

    >>> front_probability(np.array([[0.0], [9.0]]), np.eye(2)).round(1).tolist()
    [0.0, 1.0]
    """
    k, m = values.shape
    error = t_draws(correlation(covariance), n_draws, seed) * np.sqrt(np.diag(covariance))
    step, held = max(1, CHUNK // max(k * k * m, 1)), np.zeros(k)
    for start in range(0, n_draws, step):
        held += not_dominated(values + error[start : start + step].reshape(-1, k, m)).sum(axis=0)
    return held / n_draws
