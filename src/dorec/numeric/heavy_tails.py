"""Means of values with heavy tails, each with the influence of every value: Catoni's, winsorised, median of means."""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.weighted_quantile import weighted_quantile

STEPS = 200
NORMAL_MAD = 0.6744897501960817  # the median distance of a standard normal from 0


class RobustMeans(NamedTuple):
    """The mean of each arm, and the influence of each value on it: `value - truth` is, to first order, its mean."""

    value: FloatArray  # (k,)
    influence: FloatArray  # (n, k)


def catoni_means(x: FloatArray, arm: IntArray, weight: FloatArray, *, delta: float = 0.05) -> RobustMeans:
    """Catoni's M-estimator of the mean (2012, doi:10.1214/11-AIHP454) of each arm, with one scale for all arms.

    Each misses by no more than a mean of normals would with probability 1 - delta, if only the variance exists. One
    scale makes what the narrowing takes from a long tail the same in arms that are alike, so that it leaves their
    difference. The variance behind the scale is truncated where that costs least (Wang, Zheng, Zhou, Zhou 2021,
    doi:10.5705/ss.202018.0270).

    Args:
        x: values (n,).
        arm: codes (n,) from 0; every arm has values.
        weight: of each value (n,), averaging one.
        delta: the chance for which the bound is tuned.

    Example:
        >>> x = np.append(np.arange(100.0), 1e6)
        >>> bool(abs(catoni_means(x, np.zeros(101, dtype=int), np.ones(101)).value[0] - 50) < 50)
        True
    """
    k = int(arm.max()) + 1
    masses = np.eye(k)[arm] * weight[:, None]
    n = float((masses.sum(axis=0) ** 2 / (masses**2).sum(axis=0)).min())
    budget = min(float(np.log(1 / delta)), 0.25 * n)
    value = np.array([weighted_quantile(x, mass, 0.5) for mass in masses.T])
    influence = np.zeros((len(x), k))
    alpha = np.inf
    for _ in range(STEPS):
        left = x - value[arm]
        variance = truncated_variance(left, weight, budget * len(x) / n)
        if variance <= 0:
            return RobustMeans(value, influence)
        alpha = float(np.sqrt(2 * budget / (n * variance * (1 + 2 * budget / max(n - 2 * budget, 1.0)))))
        step = (masses.T @ _narrow(alpha * left)) / (masses.T @ _narrow_slope(alpha * left)) / alpha
        value = value + step
        if np.abs(step).max() * alpha <= 1e-12:
            break
    u = alpha * (x - value[arm])
    influence = len(x) * masses * _narrow(u)[:, None] / (alpha * (masses.T @ _narrow_slope(u)))
    return RobustMeans(value, influence)


def truncated_variance(x: FloatArray, weight: FloatArray, budget: float) -> float:
    """The mean of min(x^2, t^2) with t where n times its share of t^2 is `budget`: rare giants count t^2 each.

    >>> round(truncated_variance(np.append(np.tile([-1.0, 1.0], 50), 1e9), np.ones(101), 3.0), 1)
    1.5
    """
    order = np.argsort(np.abs(x), kind="stable")
    squares, mass = x[order] ** 2, weight[order]
    n, total = float(weight.sum() ** 2 / (weight**2).sum()), float(weight.sum())
    within, beyond = np.cumsum(mass * squares), total - np.cumsum(mass)
    # the first t that is a value at which the capped sum, in units of t, falls to the budget
    capped = within + beyond * squares
    last = (
        int(np.argmax(n * capped <= budget * squares * total)) if n * capped[-1] <= budget * squares[-1] * total else -1
    )
    if last <= 0:
        return float(within[-1] / total)
    cap = within[last - 1] / (budget * total / n - beyond[last - 1])
    return float((within[last - 1] + beyond[last - 1] * cap) / total)


def winsorised_means(
    x: FloatArray, arm: IntArray, weight: FloatArray, *, share: float = 0.01, lower: bool = True
) -> RobustMeans:
    """The mean of each arm after values beyond the caps are pulled in to them (Tukey 1962), the same caps for all.

    The caps are the `share` and 1 - `share` quantiles of all values. It estimates the mean of values so capped, which
    is another number than the mean. The influence carries that the caps are estimated.

    Args:
        x: values (n,).
        arm: codes (n,) from 0; every arm has values.
        weight: of each value (n,), averaging one.
        share: of the values on a side.
        lower: whether small values are pulled in too.

    Example:
        >>> x = np.append(np.arange(99.0), 1e6)
        >>> winsorised_means(x, np.zeros(100, dtype=int), np.ones(100)).value.tolist()
        [49.5]
    """
    # where a level is met exactly, the cap is the inner value: the outer one may be a giant
    level = (1 - share) * (1 - 1e-9)
    high = weighted_quantile(x, weight, level)
    low = -weighted_quantile(-x, weight, level) if lower else -np.inf
    capped = np.clip(x, low, high)
    part = np.eye(int(arm.max()) + 1)[arm] * weight[:, None]
    part = part / part.mean(axis=0)
    value = np.asarray((part * capped[:, None]).mean(axis=0))
    influence = part * (capped[:, None] - value)
    for sign, cap in ((1.0, high), (-1.0, -low)):
        y = sign * x
        if not np.isfinite(cap) or np.mean(y == cap) > max(share, 2.0 / len(x)):  # an atom: the cap does not move
            continue
        moved = sign * weight * (level - (y <= cap)) / quantile_density(y, weight, level)
        influence = influence + (part[y > cap].sum(axis=0) / len(x)) * (moved - moved.mean())[:, None]
    return RobustMeans(value, influence)


def quantile_density(x: FloatArray, weight: FloatArray, level: float) -> float:
    """The density at a quantile from the distance of two quantiles around it (Siddiqui 1960)."""
    n = float(weight.sum() ** 2 / (weight**2).sum())
    h = min(n ** (-1 / 3), 0.5 * min(level, 1 - level))
    apart = weighted_quantile(x, weight, level + h) - weighted_quantile(x, weight, level - h)
    return float("inf") if apart <= 0 else 2 * h / apart


def median_of_means(x: FloatArray, arm: IntArray, weight: FloatArray, block: IntArray) -> RobustMeans:
    """The median of the means of blocks (Nemirovski, Yudin 1983) of each arm.

    The influence is alike for all of a block: standard errors are to be clustered by block, and take the means of
    blocks as normal. With blocks of one size in all arms, what the median takes from a long tail is the same in arms
    that are alike.

    Args:
        x: values (n,).
        arm: codes (n,) from 0.
        weight: of each value (n,), averaging one.
        block: codes (n,) from 0 without gaps, dealt at random within each arm; a block has values of one arm.

    Example:
        >>> x = np.append(np.full(99, 2.0), 1e9)
        >>> median_of_means(x, np.zeros(100, dtype=int), np.ones(100), np.arange(100) % 5).value.tolist()
        [2.0]
    """
    k = int(arm.max()) + 1
    count = np.bincount(block)
    means = np.bincount(block, weights=weight * x) / np.bincount(block, weights=weight)
    of_arm = np.zeros(len(count), dtype=np.int64)
    of_arm[block] = arm
    value, influence = np.empty(k), np.zeros((len(x), k))
    for a in range(k):
        mine = of_arm == a
        value[a] = np.median(means[mine])
        gaps = np.where(mine, means - value[a], 0.0)
        spread = float(np.median(np.abs(gaps[mine]))) / NORMAL_MAD
        held = max(float((gaps != 0).sum()), 1.0)  # the median's own block has none
        of_block = np.sign(gaps) * spread * np.sqrt(np.pi / 2 / (held * mine.sum()))
        influence[:, a] = len(x) * (of_block / count)[block]
    return RobustMeans(value, influence)


def _narrow(u: FloatArray) -> FloatArray:
    return np.asarray(np.sign(u) * np.log1p(np.abs(u) + u**2 / 2))


def _narrow_slope(u: FloatArray) -> FloatArray:
    a = np.abs(u)
    return np.asarray((1 + a) / (1 + a + a**2 / 2))
