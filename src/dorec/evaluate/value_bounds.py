"""Bounds on a policy's value that hold in every sample, not only in large ones."""

import math
from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import InputError, NoInterval, NotIndependent
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate.off_policy import Target, importance_weights, policy_matrix
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.betting import lower_bounds

MEANS = ("IPS", "DoublyRobust", "MRDR")  # values that are means of scores


def bernstein_interval(estimate: Estimate, score_range: float, level: float = 0.95) -> Interval:
    """Empirical Bernstein interval (Maurer and Pontil 2009, arXiv 0907.3740) of a value that is a mean of scores.

    It holds at every n, where the normal interval may fall short because the largest weights have not been seen yet.
    For bounds that hold at every look while the log grows, see `confidence_sequence`.

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


@dataclass(frozen=True, eq=False)
class ValueSequence:
    """Bounds on a policy's value after some of the rows, all of which hold at once.

    Example:
        >>> made = ValueSequence(np.array([10, 100]), np.array([0.1, 0.4]), np.array([0.9, 0.6]))
        >>> made.interval()
        Interval(lower=0.4, upper=0.6)
    """

    rows: IntArray  # (k,)
    lower: FloatArray  # (k,)
    upper: FloatArray  # (k,)

    def interval(self) -> Interval:
        """The bounds at the last look."""
        return Interval(float(self.lower[-1]), float(self.upper[-1]))


def confidence_sequence(
    feedback: LoggedFeedback,
    propensities: Target,
    *,
    reward_range: tuple[float, float] = (0.0, 1.0),
    level: float = 0.95,
    looks: AnyArray | None = None,
) -> ValueSequence:
    """Bounds on the value that hold at every n and at every look while the log grows, in the order of its rows.

    By betting (Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro 2022, arXiv 2210.10768): the weighted reward is
    bounded from below through its bets, the value from above through those on the weighted loss. Weights need no bound,
    the logging policy may have learned while it logged, and support that is missing widens the bounds. They are for a
    policy that was fixed before the log began.

    Args:
        feedback: the log, in the order in which it grew.
        propensities: of the policy that is judged, (n, n_actions), of the logged actions alone, (n,), or a Policy.
        reward_range: the range in which a reward must lie, known beforehand.
        level: of confidence that all bounds hold.
        looks: numbers of rows, rising, (k,); by default thirty, evenly spread on the scale of logarithms, the last n.

    Raises:
        InputError: a reward is outside its range, or looks don't rise from 1 to n at most.
        NotIndependent: rows are clustered.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=4000)
        >>> log = LoggedFeedback(action=a, reward=rng.random(4000) * a, propensity=np.full(4000, 0.5), n_actions=2)
        >>> [round(bound, 2) for bound in confidence_sequence(log, np.tile([0.2, 0.8], (4000, 1))).interval()]
        [0.38, 0.41]
    """
    low, high = reward_range
    if not 0 < level < 1 or not high > low:
        raise InputError(f"level is {level} and reward_range {reward_range}; give a level in (0, 1) and low < high.")
    if feedback.cluster is not None:
        raise NotIndependent("rows of one cluster are dependent", remedy="keep one row of each cluster")
    if feedback.reward.min() < low or feedback.reward.max() > high:
        raise InputError(
            f"Rewards lie between {feedback.reward.min():g} and {feedback.reward.max():g}, outside of reward_range "
            f"{reward_range}; give a range that holds for every reward that can come."
        )
    n = feedback.n
    at = np.unique(np.geomspace(min(10, n), n, 30).astype(np.int64)) if looks is None else np.asarray(looks)
    if not len(at) or at[0] < 1 or at[-1] > n or (np.diff(at) <= 0).any():
        raise InputError(f"looks are {at[:5]}...; give rising numbers of rows from 1 to {n:,}.")
    weights = importance_weights(feedback, policy_matrix(feedback, propensities))
    gain = (feedback.reward - low) / (high - low)
    alpha, at = (1 - level) / 2, at.astype(np.int64)
    least = lower_bounds(weights * gain, alpha, at)
    most = 1 - lower_bounds(weights * (1 - gain), alpha, at)
    return ValueSequence(at, low + (high - low) * least, low + (high - low) * most)
