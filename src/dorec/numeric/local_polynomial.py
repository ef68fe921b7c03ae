"""Local polynomials at a boundary: values and derivatives as linear functions of the outcome, and their bandwidths."""

import math
from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import FloatArray

START = 2.576  # of the normal reference bandwidth, triangular kernel
NEIGHBOURS = 3  # whose mean stands for the expected outcome of a unit in the variance


class Side(NamedTuple):
    """One side of a cutoff."""

    distance: FloatArray  # (m,) running variable less the cutoff, sorted
    outcome: FloatArray  # (m,)
    residual: FloatArray  # (m,) of the nearest neighbours
    weight: FloatArray  # (m,)


def triangular(u: FloatArray) -> FloatArray:
    """The triangular kernel, without its constant.

    >>> triangular(np.array([-0.5, 0.0, 2.0])).tolist()
    [0.5, 1.0, 0.0]
    """
    return np.maximum(1.0 - np.abs(u), 0.0)


def coefficients(distance: FloatArray, weight: FloatArray, order: int, bandwidth: float) -> FloatArray:
    """What each outcome counts for each coefficient of the local polynomial at distance 0, (order + 1, m).

    >>> d = np.linspace(0.0, 1.0, 50)
    >>> (coefficients(d, np.ones(50), 2, 0.8) @ (3.0 - 2.0 * d + d**2)).round(6).tolist()
    [3.0, -2.0, 1.0]
    """
    k = triangular(distance / bandwidth) * weight
    inside = np.flatnonzero(k)
    powers = (distance[inside] / bandwidth)[:, None] ** np.arange(order + 1)  # scaled, so that the system is stable
    left = powers * k[inside][:, None]
    out = np.zeros((order + 1, len(distance)))
    out[:, inside] = np.linalg.pinv(left.T @ powers, hermitian=True) @ left.T
    return np.asarray(out / bandwidth ** np.arange(order + 1)[:, None])


def neighbour_residuals(distance: FloatArray, outcome: FloatArray) -> FloatArray:
    """Outcome less the mean of the three nearest units, scaled to the size of an error, (m,); distances sorted.

    >>> neighbour_residuals(np.arange(8.0), np.ones(8)).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    m, j = len(distance), min(NEIGHBOURS, len(distance) - 1)
    steps = np.array([s for s in range(-NEIGHBOURS, NEIGHBOURS + 1) if s])
    at = np.arange(m)[:, None] + steps
    outside = (at < 0) | (at >= m)
    at = np.clip(at, 0, m - 1)
    gap = np.where(outside, np.inf, np.abs(distance[at] - distance[:, None]))
    nearest = np.take_along_axis(at, np.argsort(gap, axis=1, kind="stable")[:, :j], axis=1)
    return np.asarray((outcome - outcome[nearest].mean(axis=1)) * math.sqrt(j / (j + 1)))


def boundary_weights(side: Side, main: float, pilot: float) -> FloatArray:
    """What each outcome counts for the value at the boundary: local linear less its bias, (m,).

    The bias comes from the curvature of a local quadratic with bandwidth `pilot` (Calonico, Cattaneo, Titiunik 2014).
    """
    line = coefficients(side.distance, side.weight, 1, main)[0]
    curve = coefficients(side.distance, side.weight, 2, pilot)[2]
    return line - (line @ side.distance**2) * curve


def bandwidths(left: Side, right: Side) -> tuple[float, float]:
    """The bandwidths with the least squared error for the jump and for its bias, from three plug-in stages.

    Calonico, Cattaneo, Titiunik 2014 (doi:10.3982/ECTA11757), with their regularisation; one for both sides.
    """
    x = np.concatenate([left.distance, right.distance])
    iqr = float(np.subtract(*np.quantile(x, [0.75, 0.25]))) / 1.349
    spread = min(float(x.std(ddof=1)), iqr) or float(x.std(ddof=1))
    reach = max(-float(left.distance.min()), float(right.distance.max()))
    sides = (left, right)
    first = min(START * spread * len(x) ** -0.2, reach)
    first = max(first, _holding(left, 10), _holding(right, 10))
    whole = tuple(1.000001 * float(np.abs(side.distance).max()) for side in sides)
    third = min(_stage(sides, 3, 3, first, whole, regular=False), reach)
    pilot = min(_stage(sides, 2, 2, first, (third, third)), reach)
    return min(_stage(sides, 1, 0, first, (pilot, pilot)), reach), pilot


def _holding(side: Side, units: int) -> float:
    """The bandwidth that holds some units of a side."""
    return float(np.sort(np.abs(side.distance))[min(units, len(side.distance)) - 1]) * 1.000001


def _stage(
    sides: tuple[Side, Side],
    order: int,
    derivative: int,
    width: float,
    pilots: tuple[float, ...],
    *,
    regular: bool = True,
) -> float:
    """The bandwidth for a derivative by a polynomial of an order, from its error at another bandwidth."""
    variance, biases, noise = 0.0, [], 0.0
    for side, pilot in zip(sides, pilots, strict=True):
        counts = coefficients(side.distance, side.weight, order, width)[derivative]
        constant = float(counts @ side.distance ** (order + 1))
        higher = coefficients(side.distance, side.weight, order + 1, pilot)[order + 1]
        variance += float((counts * side.residual) @ (counts * side.residual))
        biases.append(constant * float(higher @ side.outcome))
        noise += 3 * constant**2 * float((higher * side.residual) @ (higher * side.residual))
    squared = (biases[1] - biases[0]) ** 2 + (noise if regular else 0.0)
    if squared <= 0 or variance <= 0:
        return math.inf
    ratio = (2 * derivative + 1) * variance / (2 * (order + 1 - derivative) * squared)
    return float(width * ratio ** (1 / (2 * order + 3)))


def boundary_density(distance: FloatArray, side: int, bandwidth: float, n: int) -> tuple[float, FloatArray]:
    """Density at the boundary of units on one side, as a share of all n, and each unit's influence on it, (m,).

    The slope of a local cubic through the empirical distribution function (Cattaneo, Jansson, Ma 2020,
    doi:10.1080/01621459.2019.1635480), so that nothing is binned.

    Args:
        distance: running variable less the cutoff on this side, sorted.
        side: 1 above the cutoff, -1 below.
        bandwidth: of the fit.
        n: all units, on both sides.
    """
    m = len(distance)
    below = 0 if side < 0 else n - m
    rank = (np.searchsorted(distance, distance, side="right") + below) / n
    counts = coefficients(distance, np.ones(m), 3, bandwidth)[1]
    # unit j stands in the distribution function of every i at or above it
    later = np.cumsum(counts[::-1])[::-1][np.searchsorted(distance, distance, side="left")]
    return float(counts @ rank), later
