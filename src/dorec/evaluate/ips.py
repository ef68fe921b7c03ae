"""Inverse propensity scoring (Horvitz and Thompson 1952; Strehl et al. 2010, arXiv 1003.0120)."""

from dataclasses import dataclass, replace

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.domain.estimate import Estimate
from dorec.domain.verdict import Verdict
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.evaluate.off_policy import refuse_dominated
from dorec.evaluate.shrinkage import shrunk_estimate
from dorec.numeric.arrays import FloatArray


@dataclass(frozen=True)
class IPS(OffPolicyEstimator):
    """The value of a policy as the mean reward, each row weighted by target over logged propensity; unbiased.

    With `clip`, weights above it are cut. That biases the value, so the estimate says how many weights were cut, and
    its interval carries an estimate of the bias.

    Example:
        >>> from dorec.domain.logged_feedback import LoggedFeedback
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

    def given(self, judged: JudgedLog) -> Estimate:
        """The expected reward of the policy, from a log that is already open and may be shared by estimators."""
        if self.clip is None:
            refuse_dominated(judged.weights)
        return self.value_of(judged)

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        if self.clip is None or not (judged.weights > self.clip).any():
            value, influence = ips_moments(judged.weights, judged.feedback.reward)
            return judged.estimate(value, influence, method="IPS")
        cut = replace(judged, verdicts=(*judged.verdicts, _told(judged.weights, self.clip)))
        return shrunk_estimate(cut, np.minimum(judged.weights, self.clip), None, f"IPS(clip={self.clip:g})")


def ips_moments(weights: FloatArray, reward: FloatArray) -> tuple[float, FloatArray]:
    """The weighted mean reward and its influence (n,).

    >>> ips_moments(np.array([0.0, 2.0, 0.0]), np.array([4.0, 5.0, 7.0]))[0]
    3.3333333333333335
    """
    scores = weights * reward
    value = float(scores.mean())
    return value, scores - value


def _told(weights: FloatArray, clip: float) -> Verdict:
    over = weights > clip
    lost = float((weights[over] - clip).sum() / weights.sum())
    return Verdict(
        check="clipping",
        status="warning",
        code="clipped",
        statistic=lost,
        meaning=f"{int(over.sum()):,} weight(s) were cut to {clip:g}, which takes away {lost:.1%} of all weight.",
        remedy="Use SNIPS or DoublyRobust, which need no clipping.",
        evidence={"clip": clip, "rows": int(over.sum()), "weight_lost": lost},
    )
