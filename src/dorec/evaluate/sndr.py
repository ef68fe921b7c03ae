"""Self-normalised doubly robust (Thomas and Brunskill 2016, arXiv 1604.00923, for bandits)."""

from dataclasses import dataclass
from typing import Any

from dorec.domain.estimate import Estimate
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.evaluate.reward_model import check_n_folds
from dorec.evaluate.snips import check_any_weight
from dorec.numeric.arrays import FloatArray


@dataclass(frozen=True)
class SNDR(OffPolicyEstimator):
    """Predicted rewards, corrected by the weighted average residual, the weights divided by their sum.

    Where the reward model is off by a constant this is as narrow as if it were not; the interval knows that the
    normaliser is random.

    Example:
        >>> import numpy as np
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=5.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> round(SNDR(reg=0.0).evaluate(log, np.tile([0.1, 0.9], (1000, 1))).value, 3)
        5.9
    """

    reward_model: Any = None  # a scikit-learn regressor or classifier; None: a ridge for each action
    n_folds: int = 3
    reg: float = 10.0  # of the ridge
    max_unsupported: float = 0.01

    def __post_init__(self) -> None:
        check_n_folds(self.n_folds)

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        check_any_weight(judged)
        of_policy, of_logged = judged.rewards(self.reward_model, self.n_folds, self.reg)
        value, influence = sndr_moments(judged.weights, judged.feedback.reward, of_policy, of_logged)
        return judged.estimate(value, influence, method="SNDR")


def sndr_moments(
    weights: FloatArray, reward: FloatArray, of_policy: FloatArray, of_logged: FloatArray
) -> tuple[float, FloatArray]:
    """Mean of q(policy) plus sum w (r - q(logged)) / sum w, and its influence (n,).

    >>> import numpy as np
    >>> weights, reward = np.array([2.0, 0.6, 1.75]), np.array([4.0, 5.0, 7.0])
    >>> round(sndr_moments(weights, reward, np.array([1.0, 4.0, 5.0]), np.array([2.0, 4.0, 6.0]))[0], 4)
    4.7931
    """
    residual = reward - of_logged
    offset = float(weights @ residual / weights.sum())
    predicted = float(of_policy.mean())
    influence = of_policy - predicted + weights * (residual - offset) / weights.mean()
    return predicted + offset, influence
