"""Bounds on a policy's value that hold in every sample, not only in large ones."""

import math

import numpy as np

from dorec.domain.errors import InputError, NoInterval, NotIndependent
from dorec.domain.estimate import Estimate, Interval
from dorec.numeric.arrays import FloatArray

MEANS = ("IPS", "DoublyRobust", "MRDR")  # values that are means of scores


def bernstein_interval(estimate: Estimate, score_range: float, level: float = 0.95) -> Interval:
    """Empirical Bernstein interval (Maurer and Pontil 2009, arXiv 0907.3740) of a value that is a mean of scores.

    It holds at every n, where the normal interval may fall short because the largest weights have not been seen yet.
    For bounds that hold at every look while the log grows, see `dorec.experiment.ConfidenceSequence`.

    Args:
        estimate: by IPS, DoublyRobust or MRDR, on independent rows.
        score_range: the width of the range in which a row's score must lie, known beforehand: for IPS the largest
            possible weight times the largest reward, where rewards start at 0.
        level: of confidence.

    Raises:
        InputError: the scores seen already span more than `score_range`.
        NoInterval: the value is no mean of scores.
        NotIndependent: rows are clustered.

    Example:
        >>> made = Estimate.of_mean(np.tile([0.0, 2.0], 500), method="IPS")
        >>> [round(bound, 2) for bound in bernstein_interval(made, score_range=2.0)]
        [0.89, 1.11]
    """
    if not 0 < level < 1 or not score_range > 0:
        raise InputError(f"level is {level} and score_range {score_range}; give a level in (0, 1) and a range above 0.")
    influence = _scores(estimate)
    if (seen := float(np.ptp(influence))) > score_range * (1 + 1e-9):
        raise InputError(f"score_range is {score_range:g}, but the scores seen span {seen:g}; give a range that holds.")
    n = len(influence)
    log = math.log(4 / (1 - level))
    width = math.sqrt(2 * influence.var(ddof=1) * log / n) + 7 * score_range * log / (3 * (n - 1))
    return Interval(estimate.value - width, estimate.value + width)


def _scores(estimate: Estimate) -> FloatArray:
    if np.ndim(estimate.value) or estimate.influence is None or estimate.method not in MEANS:
        raise NoInterval(
            f"{estimate.method or 'this estimate'} is no mean of bounded scores",
            remedy=f"use one of {', '.join(MEANS)} (without clip)",
        )
    if estimate.cluster is not None:
        raise NotIndependent("rows of one cluster are dependent", remedy="keep one row of each cluster")
    return estimate.influence
