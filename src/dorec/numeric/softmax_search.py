"""Softmax-linear policies that maximise an objective of their probabilities, by L-BFGS with analytic gradients."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax

from dorec.numeric.arrays import FloatArray, IntArray


class Slope(NamedTuple):
    """An objective and how it grows with the probability of each action, (n, k)."""

    value: float
    by_probability: FloatArray


def maximise(
    x: FloatArray, objective: Callable[[FloatArray], Slope], starts: Sequence[FloatArray], ridge: float
) -> FloatArray:
    """The coefficients (d, k) of softmax(x @ coefficients) with the largest objective less half the ridge of all.

    The objective is not concave, so the best of several starts is taken; none of them can end below where it began.

    Args:
        x: columns (n, d), the constant among them; on like scales.
        objective: of the probabilities (n, k).
        starts: coefficients (d, k) to start from.
        ridge: times half the sum of squares of the coefficients.

    Example:
        >>> gain = np.array([[0.0, 1.0], [1.0, 0.0]])
        >>> x = np.array([[1.0, -1.0], [1.0, 1.0]])
        >>> made = maximise(x, lambda p: Slope(float((p * gain).mean()), gain / gain.size), [np.zeros((2, 2))], 1e-4)
        >>> softmax(x @ made, axis=1).round(1).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    from scipy.optimize import minimize  # loaded on use: it takes half a second

    shape = starts[0].shape

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        theta = flat.reshape(shape)
        p = softmax(x @ theta, axis=1)
        made = objective(p)
        by_logit = p * (made.by_probability - np.einsum("ij,ij->i", p, made.by_probability)[:, None])
        gradient = x.T @ by_logit - ridge * theta
        return -(made.value - ridge / 2 * float(flat @ flat)), -gradient.ravel()

    found: list[Any] = [minimize(loss, start.ravel(), jac=True, method="L-BFGS-B") for start in starts]
    return np.asarray(min(found, key=lambda one: one.fun).x.reshape(shape))


def cautious_mean(values: FloatArray, penalty: float) -> tuple[float, FloatArray]:
    """The mean less `penalty` standard errors, and its gradient by the values (n,).

    >>> cautious_mean(np.array([1.0, 2.0, 3.0]), 0.0)[0], round(cautious_mean(np.array([1.0, 2.0, 3.0]), 1.0)[0], 3)
    (2.0, 1.423)
    """
    n, mean = len(values), float(values.mean())
    centred = values - mean
    variance = float(centred @ centred) / (n - 1)
    if not variance > 0:
        return mean, np.full(n, 1 / n)
    error = np.sqrt(variance / n)
    return float(mean - penalty * error), 1 / n - penalty * centred / ((n - 1) * n * error)


def cautious_ratio(weights: FloatArray, reward: FloatArray, penalty: float) -> tuple[float, FloatArray]:
    """The self-normalised mean of rewards less `penalty` of its standard errors, and its gradient by the weights (n,).

    >>> round(cautious_ratio(np.array([1.0, 1.0, 2.0]), np.array([0.0, 1.0, 1.0]), 0.0)[0], 3)
    0.75
    """
    total = float(weights.sum())
    if not total > 0:
        return -np.inf, np.zeros(len(weights))
    value = float(weights @ reward) / total
    gap = reward - value
    by_value = gap / total
    squared = float((weights * gap) @ (weights * gap)) / total**2
    if not squared > 0:
        return value, by_value
    lean = float(weights @ (weights * gap))
    by_square = 2 * weights * gap**2 / total**2 - 2 * squared / total - 2 * lean / total**2 * by_value
    error = np.sqrt(squared)
    return float(value - penalty * error), by_value - penalty * by_square / (2 * error)


def cautious_log_value(
    probability: FloatArray, logged: FloatArray, reward: FloatArray, *, penalty: float, clip: float, normalise: bool
) -> tuple[float, FloatArray]:
    """What a log says a policy is worth, less `penalty` standard errors, and the gradient by the probabilities (n,).

    Args:
        probability: of the logged action under the policy, (n,).
        logged: its logged propensity, (n,).
        reward: (n,).
        penalty: standard errors taken off.
        clip: largest weight; beyond it the gradient is 0.
        normalise: divide by the sum of the weights in the place of n.

    Example:
        >>> half = np.full(2, 0.5)
        >>> cautious_log_value(half, half, np.array([1.0, 3.0]), penalty=0.0, clip=9.0, normalise=False)[0]
        2.0
    """
    raw = probability / logged
    weights = np.minimum(raw, clip)
    if normalise:
        value, by_weight = cautious_ratio(weights, reward, penalty)
    else:
        value, by_term = cautious_mean(weights * reward, penalty)
        by_weight = by_term * reward
    return value, np.where(raw < clip, by_weight / logged, 0.0)


def at_logged(slope: FloatArray, action: IntArray, k: int) -> FloatArray:
    """A gradient by the probability of the logged action (n,) as one by all probabilities, (n, k).

    >>> at_logged(np.array([2.0]), np.array([1]), 3).tolist()
    [[0.0, 2.0, 0.0]]
    """
    out = np.zeros((len(slope), k))
    out[np.arange(len(slope)), action] = slope
    return out
