"""How likely each of several uncertain numbers is the largest: the propensities of Thompson sampling."""

import math

import numpy as np
from scipy.special import ndtr

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray
from dorec.numeric.compiled import kernel

BLOCK = 1 << 20  # normal numbers drawn at once
LEAST = 1e-12  # a standard deviation; keeps a certain number from being divided by 0


def best_of_normals(
    mean: FloatArray,
    deviation: FloatArray,
    allowed: BoolArray,
    rng: np.random.Generator,
    n_draws: int = 16,
    scale: FloatArray | None = None,
) -> FloatArray:
    """P(the largest of independent normals is the j-th), (m, k): an unbiased estimate, positive wherever it can be.

    Given that the largest is t, it is the j-th with probability h_j(t) / sum h, h = density / distribution function:
    each draw counts for every number in that share (Rao-Blackwell), not just for the one that won it. Two allowed
    numbers have a closed form, which needs no draws.

    Args:
        mean: (m, k).
        deviation: (m, k), 0 or more.
        allowed: (m, k); what isn't gets 0. Each row allows one at least.
        rng: where the draws come from.
        n_draws: of the largest number, for each row.
        scale: (n_draws, k) by which the deviations are multiplied in each draw: a mixture of normals such as
            Student's t. Then two numbers have no closed form either.

    Example:
        >>> both = np.ones((1, 2), bool)
        >>> p = best_of_normals(np.array([[0.0, 1.0]]), np.ones((1, 2)), both, np.random.default_rng(0))
        >>> p.round(4).tolist()
        [[0.2398, 0.7602]]
    """
    m, k = mean.shape
    deviation = np.maximum(deviation, LEAST)
    chance = np.zeros((m, k))
    open_rows = allowed.sum(axis=1)
    if scale is None:
        pairs = np.flatnonzero(open_rows == 2)
        chance[pairs] = best_of_two(mean[pairs], deviation[pairs], allowed[pairs])
    rest = np.flatnonzero(open_rows != 2) if scale is None else np.arange(m)
    spread = np.ones((n_draws, k)) if scale is None else scale
    step = max(1, BLOCK // (n_draws * k))
    for start in range(0, len(rest), step):
        rows = rest[start : start + step]
        normal = rng.standard_normal((len(rows), n_draws, k), dtype=np.float32)
        chance[rows] = _shares(mean[rows], deviation[rows], allowed[rows], spread, normal)
    return chance


def best_of_two(mean: FloatArray, deviation: FloatArray, allowed: BoolArray) -> FloatArray:
    """The same for rows that allow two numbers: Phi(difference / deviation of the difference).

    >>> best_of_two(np.zeros((1, 3)), np.ones((1, 3)), np.array([[True, False, True]])).tolist()
    [[0.5, 0.0, 0.5]]
    """
    pair = np.argsort(~allowed, axis=1, kind="stable")[:, :2]
    row = np.arange(len(mean))[:, None]
    means, variances = mean[row, pair], deviation[row, pair] ** 2
    first = ndtr((means[:, 0] - means[:, 1]) / np.sqrt(variances.sum(axis=1)))
    chance = np.zeros(mean.shape)
    chance[row, pair] = np.column_stack([first, 1.0 - first])
    return chance


def best_of_draws(drawn: FloatArray, allowed: BoolArray) -> FloatArray:
    """The share of draws in which each number is the largest, (m, k), for numbers that vary together.

    Args:
        drawn: (m, k, n_draws).
        allowed: (m, k).

    Example:
        >>> best_of_draws(np.array([[[1.0, 1.0, 3.0], [2.0, 2.0, 2.0]]]), np.ones((1, 2), bool)).round(2).tolist()
        [[0.33, 0.67]]
    """
    m, k, n_draws = drawn.shape
    won = np.where(allowed[:, :, None], drawn, -np.inf).argmax(axis=1)
    counts = np.bincount((won + k * np.arange(m)[:, None]).ravel(), minlength=m * k)
    return np.asarray(counts.reshape(m, k) / n_draws)


def best_of_shared(
    design: FloatArray,
    coefficients: FloatArray,
    root: FloatArray,
    allowed: BoolArray,
    rng: np.random.Generator,
    n_draws: int,
    scale: FloatArray | None,
) -> FloatArray:
    """P(the largest is the j-th), (m, k), of linear functions of one coefficient vector ~ normal(., root' root).

    Two have a closed form where the scale is known; else the draws are shared by the rows.

    Args:
        design: (m, k, p).
        coefficients: (p,).
        root: (p, p).
        allowed: (m, k).
        rng: where the draws come from.
        n_draws: of the coefficients.
        scale: (n_draws,) by which the deviations are multiplied.

    Example:
        >>> best_of_shared(np.array([[[0.0], [1.0]]]), np.zeros(1), np.eye(1), np.ones((1, 2), bool),
        ...                np.random.default_rng(0), 8, None)
        array([[0.5, 0.5]])
    """
    m, k, p = design.shape
    if k == 2 and scale is None and allowed.all():
        apart = design[:, 0] - design[:, 1]
        mean = np.column_stack([apart @ coefficients, np.zeros(m)])
        deviation = np.column_stack([np.linalg.norm(apart @ root.T, axis=1), np.full(m, 1e-12)])
        return best_of_two(mean, deviation, allowed)
    spread = np.ones(n_draws) if scale is None else scale
    drawn = coefficients[:, None] + root.T @ (rng.standard_normal((p, n_draws)) * spread)
    chance = np.empty((m, k))
    step = max(1, BLOCK // (k * n_draws))
    for start in range(0, m, step):
        rows = slice(start, start + step)
        chance[rows] = best_of_draws(design[rows] @ drawn, allowed[rows])
    return chance


@kernel
def _shares(
    mean: FloatArray, deviation: FloatArray, allowed: BoolArray, scale: FloatArray, normal: AnyArray
) -> FloatArray:
    m, k = mean.shape
    n_draws = normal.shape[1]
    chance = np.zeros((m, k))
    share = np.zeros(k)
    for i in range(m):
        for j in range(n_draws):
            top = -np.inf
            for a in range(k):
                if allowed[i, a]:
                    top = max(top, mean[i, a] + deviation[i, a] * scale[j, a] * normal[i, j, a])
            total = 0.0
            for a in range(k):
                share[a] = 0.0
                if allowed[i, a]:
                    width = deviation[i, a] * scale[j, a]
                    z = (top - mean[i, a]) / width
                    if z < -30.0:  # the distribution function is all but 0 here, and the ratio all but -z
                        share[a] = -z / width
                    elif z < 38.0:
                        share[a] = math.exp(-0.5 * z * z) / (1.2533141373155001 * math.erfc(-z * 0.7071067811865476))
                        share[a] /= width
                    total += share[a]
            for a in range(k):
                chance[i, a] += share[a] / (total * n_draws)
    return chance
