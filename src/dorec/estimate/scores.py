"""Orthogonal scores: arrays in, arrays out. A score is robust to small errors of both nuisances."""

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
