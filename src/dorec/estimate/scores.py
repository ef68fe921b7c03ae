"""Orthogonal scores: arrays in, arrays out. A score is robust to small errors of both nuisances."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.query import Population
from dorec.numeric.arrays import FloatArray, IntArray


class ArmMeans(NamedTuple):
    """Mean outcome of each arm in a population, and the influence of each unit on it."""

    value: FloatArray  # (k,)
    influence: FloatArray  # (n, k)


def augmented_outcomes(y: FloatArray, arm: IntArray, mu: FloatArray, e: FloatArray, weight: FloatArray) -> FloatArray:
    """Doubly robust outcome of each unit in each arm, (n, k) (Robins, Rotnitzky, Zhao 1994, doi:10.2307/2290910).

    The inverse-propensity weights of an arm are scaled to average one, which tames them where they are extreme.

    Args:
        y: outcome (n,).
        arm: codes (n,).
        mu: E[y | x, arm] (n, k).
        e: P(arm | x) (n, k).
        weight: of each unit (n,), averaging one.
    """
    taken = np.eye(mu.shape[1])[arm]
    inverse = taken / e
    inverse = inverse / np.average(inverse, axis=0, weights=weight)
    return mu + inverse * (y[:, None] - mu)


def mean_of(outcomes: FloatArray, weight: FloatArray) -> ArmMeans:
    """Arm means over all units from their augmented outcomes."""
    value = np.average(outcomes, axis=0, weights=weight)
    return ArmMeans(value, weight[:, None] * (outcomes - value))


def weighted_means(
    y: FloatArray,
    arm: IntArray,
    mu: FloatArray,
    e: FloatArray,
    *,
    population: Population,
    known: bool,
    weight: FloatArray,
) -> ArmMeans:
    """Arm means in the treated, the control or the overlap population (Li, Li 2019, doi:10.1214/19-AOAS1282).

    A unit counts h(x) = 1 - e_0, e_0, or 1 / sum_a(1 / e_a). Where the propensities are estimated, the score carries
    the derivative of h, so that it stays orthogonal to them.
    """
    taken = np.eye(mu.shape[1])[arm]
    h, slope = tilt(e, population)
    moved = np.zeros(len(y)) if known else (slope * (taken - e)).sum(axis=1)
    mass = weight * (h + moved)
    total = mass.mean()
    numerator = mass[:, None] * mu + (weight * h)[:, None] * taken / e * (y[:, None] - mu)
    value = numerator.mean(axis=0) / total
    return ArmMeans(value, (numerator - mass[:, None] * value) / total)


def tilt(e: FloatArray, population: Population) -> tuple[FloatArray, FloatArray]:
    """How much a unit counts in a population, (n,), and the derivative by each propensity, (n, k).

    >>> h, _ = tilt(np.array([[0.5, 0.5], [0.9, 0.1]]), "overlap")
    >>> h.round(2).tolist()
    [0.25, 0.09]
    """
    slope = np.zeros_like(e)
    if population == "all":
        return np.ones(len(e)), slope
    if population == "overlap":
        h = 1.0 / (1.0 / e).sum(axis=1)
        return h, (h[:, None] / e) ** 2
    if population in ("treated", "control"):
        sign = 1.0 if population == "control" else -1.0
        slope[:, 0] = sign
        return (e[:, 0] if population == "control" else 1.0 - e[:, 0]), slope
    raise InputError(f"population is {population!r}; allowed: 'all', 'treated', 'control', 'overlap'.")


def imputed_means(
    y: FloatArray, mu: FloatArray, balance: FloatArray, member: FloatArray, weight: FloatArray
) -> ArmMeans:
    """Arm means of the members of a population, from predictions that each arm's own residuals correct.

    Args:
        y: outcome (n,).
        mu: E[y | x, arm] (n, k).
        balance: what the residual of a unit stands for in its own arm, (n, k); 0 in the other arms.
        member: 1 for units of the population, else 0, (n,).
        weight: of each unit (n,), averaging one.
    """
    mass = weight * member
    total = mass.mean()
    numerator = mass[:, None] * mu + weight[:, None] * balance * (y[:, None] - mu)
    value = numerator.mean(axis=0) / total
    return ArmMeans(value, (numerator - mass[:, None] * value) / total)


def median_of_splits(parts: Sequence[ArmMeans], groups: IntArray | None = None) -> ArmMeans:
    """The median over repeated cross-fittings (Chernozhukov et al. 2018, definition 3.3, doi:10.1111/ectj.12097).

    Taken for the first arm's mean and for each contrast with it. The influence is the splits' average, scaled so that
    its variance is the median over splits of (variance + squared distance to the median): luck of the folds widens
    the interval.

    Args:
        parts: the arm means of each split.
        groups: codes (n,) of units that vary together.

    Example:
        >>> influence = np.array([[-1.0, -1.0], [1.0, 1.0]])
        >>> parts = [ArmMeans(np.array([0.0, a]), influence * (1.0, a)) for a in (1.0, 2.0, 9.0)]
        >>> median_of_splits(parts).value.tolist()
        [0.0, 2.0]
    """
    if len(parts) == 1:
        return parts[0]
    value, influence = median_of_repeats(
        np.array([_contrasts(p.value) for p in parts]), np.array([_contrasts(p.influence) for p in parts]), groups
    )
    influence[:, 1:] += influence[:, :1]
    return ArmMeans(np.append(value[:1], value[0] + value[1:]), influence)


def median_of_repeats(
    values: FloatArray, influences: FloatArray, groups: IntArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """The median (k,) of values (repeats, k), and influences (n, k) whose variance knows how the repeats differ.

    >>> influences = np.array([[[-1.0], [1.0]]] * 3)
    >>> value, influence = median_of_repeats(np.array([[1.0], [2.0], [4.0]]), influences)
    >>> value.tolist(), bool(influence[1, 0] > 1.0)
    ([2.0], True)
    """
    value, average = np.median(values, axis=0), influences.mean(axis=0)
    spread = np.array([_variance(i, groups) for i in influences]) + (values - value) ** 2
    plain = _variance(average, groups)
    scale = np.sqrt(np.divide(np.median(spread, axis=0), plain, out=np.ones_like(plain), where=plain > 0))
    return value, np.asarray(average * scale)


def _contrasts(arms: FloatArray) -> FloatArray:
    """The first of k arms and each other one less the first, along the last axis."""
    return np.concatenate([arms[..., :1], arms[..., 1:] - arms[..., :1]], axis=-1)


def _variance(influence: FloatArray, groups: IntArray | None) -> FloatArray:
    """The variance of the mean of each column of influences (n, k), (k,)."""
    if groups is not None:
        influence = np.stack([np.bincount(groups, weights=column) for column in influence.T], axis=1)
        return np.asarray((influence**2).sum(axis=0)) / len(groups) ** 2
    return np.asarray((influence**2).sum(axis=0)) / len(influence) ** 2
