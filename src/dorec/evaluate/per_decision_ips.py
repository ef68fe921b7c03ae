"""Decisions in a row: each reward weighted by the decisions up to it (Precup, Sutton and Singh 2000)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import NoSupport
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import Policy
from dorec.domain.trajectory_feedback import TrajectoryFeedback
from dorec.evaluate.off_policy import Target
from dorec.evaluate.slates import check_discount, weighed_estimate
from dorec.numeric.arrays import FloatArray


class TrajectoryEstimator(ABC):
    """The expected discounted reward of a sequence of decisions, with an interval over sequences.

    Example:
        >>> issubclass(PerDecisionIPS, TrajectoryEstimator)
        True
    """

    discount: float
    max_unsupported: float

    def evaluate(self, feedback: TrajectoryFeedback, propensities: Target) -> Estimate:
        """The expected sum of rewards of a sequence, that of step t times `discount` to the power of t.

        Args:
            feedback: m logged steps of n sequences.
            propensities: of the judged policy at each logged step, given what was logged before it, (m, n_actions), or
                a Policy, asked at the logged contexts.

        Raises:
            BadPropensity: a row of the policy is no probability distribution, or the weights refute the log.
            NoSupport: the weights show that the policy acts where the log never did, or one sequence holds most weight.
        """
        asked = propensities.propensities(feedback.context) if isinstance(propensities, Policy) else propensities
        policy = feedback.check_policy(asked)
        ratio = policy[np.arange(len(policy)), feedback.action] / feedback.propensity
        scores, weights = self.scores(feedback, ratio, policy)
        estimand = "expected discounted reward of a sequence under the policy"
        named = (self.method, estimand)
        return weighed_estimate(scores, weights, feedback, named, max_unsupported=self.max_unsupported)

    @property
    def method(self) -> str:
        """What the estimate says it was made by."""
        return type(self).__name__

    @abstractmethod
    def scores(
        self, feedback: TrajectoryFeedback, ratio: FloatArray, policy: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """A score for each sequence, (n,), whose mean is the value, and the weights on which it rests, (n, steps).

        `ratio` (m,) is the judged over the logged propensity of each step, `policy` (m, n_actions) the judged one.
        """


@dataclass(frozen=True)
class PerDecisionIPS(TrajectoryEstimator):
    """Each reward times the product of the ratios up to its step: unbiased for any dynamics, no model needed.

    With `normalised`, each step's weighted rewards are divided by the mean weight of that step, which trades a bias of
    order 1 / n for a smaller error; the interval knows that the divisors are random. Weights multiply: with many steps
    or a policy far from the log few sequences are left to speak, which the verdicts tell.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=8000)
        >>> log = TrajectoryFeedback(unit=np.arange(8000) // 2, step=np.arange(8000) % 2, action=a, reward=1.0 * a,
        ...                          propensity=np.full(8000, 0.5), n_actions=2)
        >>> made = PerDecisionIPS(normalised=True).evaluate(log, np.tile([0.25, 0.75], (8000, 1)))
        >>> round(made.value, 1), made.method
        (1.5, 'PerDecisionIPS(normalised)')
    """

    normalised: bool = False
    discount: float = 1.0
    max_unsupported: float = 0.01

    def __post_init__(self) -> None:
        check_discount(self.discount)

    @property
    def method(self) -> str:
        """What the estimate says it was made by."""
        return "PerDecisionIPS(normalised)" if self.normalised else "PerDecisionIPS"

    def scores(
        self, feedback: TrajectoryFeedback, ratio: FloatArray, policy: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Discounted weighted rewards, added up over the steps of a sequence."""
        weights, reward = cumulative_weights(feedback, ratio), feedback.padded(feedback.reward)
        worth = self.discount ** np.arange(feedback.n_steps)
        if not self.normalised:
            return (weights * reward) @ worth, weights
        mean = weights.mean(axis=0)
        if not mean.all():
            step = int(np.argmin(mean))
            raise NoSupport(
                f"none of the {feedback.n:,} sequences follows the policy up to step {step}",
                remedy="judge a policy that stays within the logged actions, or fewer steps",
                evidence={"step": step},
            )
        value = (weights * reward).mean(axis=0) / mean
        # the value of each step and its influence, which knows that the divisor is random
        return (value + weights * (reward - value) / mean) @ worth, weights


def cumulative_weights(feedback: TrajectoryFeedback, ratio: FloatArray) -> FloatArray:
    """Product of the ratios (m,) up to each step, (n, n_steps); it stays as it is after the end of a sequence.

    >>> log = TrajectoryFeedback(unit=np.array([0, 0, 1]), step=np.array([0, 1, 0]), action=np.zeros(3, int),
    ...                          reward=np.ones(3), propensity=np.ones(3), n_actions=1)
    >>> cumulative_weights(log, np.array([2.0, 3.0, 0.5])).tolist()
    [[2.0, 6.0], [0.5, 0.5]]
    """
    return np.asarray(feedback.padded(ratio, fill=1.0).cumprod(axis=1))
