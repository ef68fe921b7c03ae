"""Importance weights made smaller, and what each way and degree of it does to a doubly robust mean, in one pass."""

import numpy as np

from dorec.numeric.arrays import FloatArray
from dorec.numeric.compiled import kernel

CLIP, SWITCH, OPTIMISTIC, HARMONIC = 0, 1, 2, 3


@kernel
def shrink(weight: float, kind: int, degree: float) -> float:
    """One weight, shrunk.

    CLIP cuts it at `degree`; SWITCH drops it above `degree`; OPTIMISTIC gives degree w / (w^2 + degree); HARMONIC gives
    w / (1 - degree + degree w). An infinite degree (0 for HARMONIC) changes nothing.

    >>> shrink(4.0, CLIP, 3.0), shrink(4.0, SWITCH, 3.0), shrink(4.0, OPTIMISTIC, 16.0), shrink(4.0, HARMONIC, 0.5)
    (3.0, 0.0, 2.0, 1.6)
    """
    if kind == HARMONIC:
        return weight / (1.0 - degree + degree * weight)
    if degree == np.inf:
        return weight
    if kind == CLIP:
        return min(weight, degree)
    if kind == SWITCH:
        return weight if weight <= degree else 0.0
    return degree * weight / (weight * weight + degree)


@kernel
def shrunk(weights: FloatArray, kind: int, degree: float) -> FloatArray:
    """Each weight (n,), shrunk.

    >>> shrunk(np.array([1.0, 4.0]), CLIP, 3.0).tolist()
    [1.0, 3.0]
    """
    out = np.empty(len(weights))
    for i in range(len(weights)):
        out[i] = shrink(weights[i], kind, degree)
    return out


@kernel
def shrunk_moments(
    weights: FloatArray, of_policy: FloatArray, residual: FloatArray, kind: int, degrees: FloatArray
) -> FloatArray:
    """For each degree: the mean and variance of the scores, and those of what shrinking took away, (k, 4).

    A score is `of_policy + shrunk weight x residual`, all (n,); what was taken away is `(weight - shrunk) x residual`.

    >>> shrunk_moments(np.array([1.0, 3.0]), np.zeros(2), np.ones(2), CLIP, np.array([2.0]))[0].tolist()
    [1.5, 0.5, 0.5, 0.5]
    """
    n, k = len(weights), len(degrees)
    out = np.zeros((k, 4))
    for c in range(k):
        total = square = lost = lost_square = 0.0
        for i in range(n):
            less = shrink(weights[i], kind, degrees[c])
            score = of_policy[i] + less * residual[i]
            gap = (weights[i] - less) * residual[i]
            total += score
            square += score * score
            lost += gap
            lost_square += gap * gap
        out[c, 0], out[c, 2] = total / n, lost / n
        out[c, 1] = max(square - total * total / n, 0.0) / (n - 1)
        out[c, 3] = max(lost_square - lost * lost / n, 0.0) / (n - 1)
    return out
