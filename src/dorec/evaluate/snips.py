"""Self-normalised inverse propensity scoring (Swaminathan and Joachims 2015)."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import NoSupport
from dorec.domain.estimate import Estimate
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.numeric.arrays import FloatArray


@dataclass(frozen=True)
class SNIPS(OffPolicyEstimator):
    """The value of a policy as a weighted average reward, the weights divided by their sum.

    The normaliser is random too, and the interval knows it: the influence is w (r - value) / mean(w), which is never
    wider than needed when rewards are shifted by a constant.

    Example:
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=5.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> round(SNIPS().evaluate(log, np.tile([0.1, 0.9], (1000, 1))).value, 2)
        5.91
    """

    max_unsupported: float = 0.01

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        check_any_weight(judged)
        value, influence = snips_moments(judged.weights, judged.feedback.reward)
        return judged.estimate(value, influence, method="SNIPS")


def check_any_weight(judged: JudgedLog) -> None:
    """Refuses a log of which no row is one that the policy would take: nothing could be normalised.

    Raises:
        NoSupport: every weight is 0.

    Example:
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> log = LoggedFeedback(action=np.zeros(2, int), reward=np.ones(2), propensity=np.ones(2), n_actions=2)
        >>> check_any_weight(JudgedLog(log, np.tile([0.0, 1.0], (2, 1)), np.zeros(2), ()))
        Traceback (most recent call last):
        dorec.domain.errors.NoSupport: no_support: none of the 2 logged actions is one that the policy takes...
    """
    if not judged.weights.any():
        raise NoSupport(
            f"none of the {judged.feedback.n:,} logged actions is one that the policy takes",
            remedy="judge a policy that stays within the logged actions",
        )


def snips_moments(weights: FloatArray, reward: FloatArray) -> tuple[float, FloatArray]:
    """The self-normalised mean reward and its influence (n,).

    >>> round(snips_moments(np.array([2.0, 0.6, 1.75]), np.array([4.0, 5.0, 7.0]))[0], 4)
    5.3448
    """
    value = float(weights @ reward / weights.sum())
    return value, np.asarray(weights * (reward - value) / weights.mean())
