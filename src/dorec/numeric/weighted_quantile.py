"""Quantiles of values that count unequally."""

import numpy as np

from dorec.numeric.arrays import FloatArray


def weighted_quantile(values: FloatArray, weight: FloatArray, level: float) -> float:
    """The smallest value at or below which the share `level` of the weight lies; the middle where it is met exactly.

    Args:
        values: (n,).
        weight: (n,), at least zero, not all zero.
        level: from 0 to 1.

    Example:
        >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.ones(3), 0.5)
        2.0
        >>> weighted_quantile(np.array([1.0, 2.0]), np.array([1.0, 3.0]), 0.5)
        2.0
        >>> weighted_quantile(np.arange(4.0), np.ones(4), 0.5)
        1.5
    """
    order = np.argsort(values, kind="stable")
    order = order[weight[order] > 0]
    below = np.cumsum(weight[order])
    wanted = level * below[-1]
    at = min(int(np.searchsorted(below, wanted * (1 - 1e-12))), len(order) - 1)
    met = abs(below[at] - wanted) <= 1e-12 * below[-1] and at + 1 < len(order)
    return float((values[order[at]] + values[order[at + 1]]) / 2 if met else values[order[at]])


def weighted_mad(residuals: FloatArray, weight: FloatArray) -> float:
    """The median distance from 0, scaled to the standard deviation of a normal.

    >>> round(weighted_mad(np.array([-1.0, 0.0, 1.0, 50.0]), np.ones(4)), 3)
    1.483
    """
    return weighted_quantile(np.abs(residuals), weight, 0.5) / 0.6744897501960817
