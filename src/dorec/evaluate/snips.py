"""Self-normalised inverse propensity scoring (Swaminathan and Joachims 2015)."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import NoSupport
from dorec.domain.estimate import Estimate
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate.off_policy import (
    Target,
    check_support,
    importance_weights,
    off_policy_estimate,
    policy_matrix,
    weight_verdicts,
)
from dorec.numeric.arrays import FloatArray


@dataclass(frozen=True)
class SNIPS:
    """The value of a policy as a weighted average reward, the weights divided by their sum.

    The normaliser is random too, and the interval knows it: the influence is w (r - value) / mean(w), which is never
    wider than needed when rewards are shifted by a constant.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=5.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> round(SNIPS().evaluate(log, np.tile([0.1, 0.9], (1000, 1))).value, 2)
        5.91
    """

    max_unsupported: float = 0.01

    def evaluate(self, feedback: LoggedFeedback, propensities: Target) -> Estimate:
        """The expected reward of the policy; `propensities` (n, n_actions) or a Policy. Refuses as IPS does."""
        policy = policy_matrix(feedback, propensities)
        support = check_support(feedback, policy, self.max_unsupported)
        weights = importance_weights(feedback, policy)
        if not weights.any():
            raise NoSupport(
                f"none of the {feedback.n:,} logged actions is one that the policy takes",
                remedy="judge a policy that stays within the logged actions",
            )
        verdicts = (support, *weight_verdicts(feedback, weights, self.max_unsupported))
        value, influence = snips_moments(weights, feedback.reward)
        return off_policy_estimate(feedback, value, influence, weights=weights, method="SNIPS", verdicts=verdicts)


def snips_moments(weights: FloatArray, reward: FloatArray) -> tuple[float, FloatArray]:
    """The self-normalised mean reward and its influence (n,).

    >>> round(snips_moments(np.array([2.0, 0.6, 1.75]), np.array([4.0, 5.0, 7.0]))[0], 4)
    5.3448
    """
    value = float(weights @ reward / weights.sum())
    return value, np.asarray(weights * (reward - value) / weights.mean())
