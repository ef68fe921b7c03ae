"""How wrong weights would have to be: a weighted mean over all weights within a factor of those that are known."""

import numpy as np

from dorec.numeric.arrays import FloatArray

LIMIT = 1_000.0  # the largest factor that is looked for


def least_weighted_mean(weights: FloatArray, values: FloatArray, factor: float) -> float:
    """The least of sum(a v) / sum(a) over all weights a between w / factor and w * factor, each on its own.

    The least is reached where small values have the large weights, so one pass over the sorted values finds it: the
    marginal sensitivity model (Tan 2006; Zhao, Small and Bhattacharya 2019, arXiv 1711.11286).

    Args:
        weights: (n,), 0 or more.
        values: (n,).
        factor: 1 or more.

    Example:
        >>> least_weighted_mean(np.ones(2), np.array([0.0, 1.0]), 2.0)
        0.2
    """
    order = np.argsort(values, kind="stable")
    w, v = weights[order], values[order]
    up, down = np.cumsum(w), np.cumsum(w * v)
    # the first i rows times the factor, the others divided by it
    total = factor * up + (up[-1] - up) / factor
    return float(((factor * down + (down[-1] - down) / factor) / total).min())


def factor_to(weights: FloatArray, values: FloatArray, threshold: float) -> float:
    """The factor by which weights may be wrong before their weighted mean can be as small as a threshold.

    1 where it is as small already; infinite where 1,000 is not enough.

    Example:
        >>> round(factor_to(np.ones(2), np.array([0.0, 1.0]), 0.2), 6)
        2.0
    """
    if least_weighted_mean(weights, values, 1.0) <= threshold:
        return 1.0
    if least_weighted_mean(weights, values, LIMIT) > threshold:
        return float("inf")
    low, high = 0.0, float(np.log(LIMIT))
    for _ in range(50):
        middle = (low + high) / 2
        reached = least_weighted_mean(weights, values, float(np.exp(middle))) <= threshold
        low, high = (low, middle) if reached else (middle, high)
    return float(np.exp(high))
