"""Inverse propensity scoring (Horvitz and Thompson 1952; Strehl et al. 2010, arXiv 1003.0120)."""

from dataclasses import dataclass, replace

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.domain.estimate import Estimate
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.verdict import Verdict
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
class IPS:
    """The value of a policy as the mean reward, each row weighted by target over logged propensity; unbiased.

    With `clip`, weights above it are cut. That biases the value, so the estimate says how many weights were cut and
    gives no interval where any was.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=1.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> value = IPS().evaluate(log, np.tile([0.1, 0.9], (1000, 1)))
        >>> round(value.value, 2), bool(abs(value.value - 1.9) < 3 * value.std_error)
        (2.03, True)
    """

    clip: float | None = None
    max_unsupported: float = 0.01

    def __post_init__(self) -> None:
        if self.clip is not None and not self.clip > 0:
            raise ConfigError(f"clip is {self.clip}; give a weight above 0, or None for no clipping.")

    def evaluate(self, feedback: LoggedFeedback, propensities: Target) -> Estimate:
        """The expected reward of the policy.

        Args:
            feedback: n logged decisions with their propensities.
            propensities: of the policy that is judged, (n, n_actions), or a Policy, asked at the logged contexts.

        Raises:
            NoSupport: more than `max_unsupported` of the policy lies on actions that the log never took.
            BadPropensity: a row of the policy is no probability distribution, or the weights refute the log.
        """
        policy = policy_matrix(feedback, propensities)
        support = check_support(feedback, policy, self.max_unsupported)
        weights = importance_weights(feedback, policy)
        verdicts = (support, *weight_verdicts(feedback, weights, self.max_unsupported))
        used, cut = _clipped(weights, self.clip)
        value, influence = ips_moments(used, feedback.reward)
        if cut is not None:
            verdicts = (*verdicts, cut)
        made = off_policy_estimate(feedback, value, influence, weights=used, method="IPS", verdicts=verdicts)
        return made if cut is None else replace(made, no_interval=f"clipping at {self.clip:g} biases the value")


def ips_moments(weights: FloatArray, reward: FloatArray) -> tuple[float, FloatArray]:
    """The weighted mean reward and its influence (n,).

    >>> ips_moments(np.array([0.0, 2.0, 0.0]), np.array([4.0, 5.0, 7.0]))[0]
    3.3333333333333335
    """
    scores = weights * reward
    value = float(scores.mean())
    return value, scores - value


def _clipped(weights: FloatArray, clip: float | None) -> tuple[FloatArray, Verdict | None]:
    if clip is None or not (over := weights > clip).any():
        return weights, None
    lost = float((weights[over] - clip).sum() / weights.sum())
    return np.minimum(weights, clip), Verdict(
        check="clipping",
        status="warning",
        code="clipped",
        statistic=lost,
        meaning=f"{int(over.sum()):,} weight(s) were cut to {clip:g}, which takes away {lost:.1%} of all weight.",
        remedy="Use SNIPS or DoublyRobust, which need no clipping.",
        evidence={"clip": clip, "rows": int(over.sum()), "weight_lost": lost},
    )
