"""Several estimates at once: the distribution of the largest |t|, and p-values adjusted for how many were looked at.

Given the data, the Gaussian multiplier bootstrap of influence-function estimates is exactly N(0, C) with C the
correlation of the influences (Chernozhukov, Chetverikov, Kato 2013, doi:10.1214/13-AOS1161). Drawing k-dimensional
normals is therefore the same bootstrap at a cost that does not depend on the number of units.
"""

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.rng import Seed, generator


def cluster_sums(influence: FloatArray, cluster: AnyArray) -> FloatArray:
    """Sums of influence over each cluster, (g, k), in the order of sorted cluster labels."""
    _, code = np.unique(cluster, return_inverse=True)
    n_clusters = int(code.max()) + 1 if len(code) else 0
    return np.stack([np.bincount(code, weights=column, minlength=n_clusters) for column in influence.T], axis=1)


def correlation(covariance: FloatArray) -> FloatArray:
    """Correlation of a covariance matrix; a zero-variance row becomes independent of the rest."""
    sd = np.sqrt(np.diag(covariance))
    safe = np.where(sd > 0, sd, 1.0)
    out: FloatArray = covariance / np.outer(safe, safe)
    np.fill_diagonal(out, 1.0)
    return out


def t_draws(corr: FloatArray, n_draws: int, seed: Seed, dof: float | None = None) -> FloatArray:
    """Draws from N(0, corr), or from Student's t with `dof`, (n_draws, k); corr may be singular (paired contrasts)."""
    eigenvalue, eigenvector = np.linalg.eigh(corr)
    root = eigenvector * np.sqrt(np.clip(eigenvalue, 0.0, None))
    rng = generator(seed, "multiplier-bootstrap")
    draws: FloatArray = rng.standard_normal((n_draws, len(corr))) @ root.T
    return draws if dof is None else draws / np.sqrt(rng.chisquare(dof, (n_draws, 1)) / dof)


def max_t_quantile(
    corr: FloatArray, level: float, *, dof: float | None = None, n_draws: int = 20_000, seed: Seed = 0
) -> float:
    """The `level` quantile of max |t|: the critical value of simultaneous intervals; `dof` for small samples.

    >>> round(max_t_quantile(np.eye(1), 0.95), 1)
    2.0
    >>> 2.7 < max_t_quantile(np.eye(10), 0.95) < 2.9
    True
    """
    largest = np.abs(t_draws(corr, n_draws, seed, dof)).max(axis=1)
    return float(np.quantile(largest, level))


def holm(p_values: FloatArray) -> FloatArray:
    """Holm's step-down adjustment (1979); valid under any dependence.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    k = len(p_values)
    scaled = p_values[order] * (k - np.arange(k))
    return _unsort(np.minimum(np.maximum.accumulate(scaled), 1.0), order)


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Benjamini and Hochberg's adjustment (1995): the share of false discoveries among p-values at or below each.

    Valid for independent and for positively dependent tests.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.04, 0.04]
    """
    order = np.argsort(p_values)
    k = len(p_values)
    scaled = p_values[order] * k / np.arange(1, k + 1)
    return _unsort(np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0), order)


def romano_wolf(
    t: FloatArray, corr: FloatArray, *, dof: float | None = None, n_draws: int = 20_000, seed: Seed = 0
) -> FloatArray:
    """Romano-Wolf step-down p-values (2005, doi:10.1198/016214504000000539) from |t| and the correlation of the t's."""
    order = np.argsort(-np.abs(t))
    draws = np.abs(t_draws(corr, n_draws, seed, dof))[:, order]
    # the largest |t| among the hypotheses not yet rejected, for each step down
    largest = np.maximum.accumulate(draws[:, ::-1], axis=1)[:, ::-1]
    exceed = (largest >= np.abs(t)[order]).sum(axis=0)
    p = (1.0 + exceed) / (1.0 + n_draws)
    return _unsort(np.minimum(np.maximum.accumulate(p), 1.0), order)


def _unsort(values: FloatArray, order: IntArray) -> FloatArray:
    out = np.empty_like(values)
    out[order] = values
    return out
