"""Doubly robust off-policy evaluation (Dudik, Langford and Li 2011, arXiv 1103.4601), cross-fitted."""

from dataclasses import dataclass
from typing import Any

from dorec.domain.estimate import Estimate
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.evaluate.reward_model import check_n_folds
from dorec.numeric.arrays import FloatArray


@dataclass(frozen=True)
class DoublyRobust(OffPolicyEstimator):
    """The value of a policy: predicted rewards, corrected by the weighted residuals of the logged rows.

    Unbiased whatever the reward model, because the propensities are known and each row is predicted by a model that
    never saw its fold; a good model makes the interval narrower than that of IPS.

    Example:
        >>> import numpy as np
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=5.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> value = DoublyRobust(reg=0.0).evaluate(log, np.tile([0.1, 0.9], (1000, 1)))
        >>> round(value.value, 3), bool(value.std_error < 1e-6)
        (5.9, True)
    """

    reward_model: Any = None  # a scikit-learn regressor or classifier; None: a ridge for each action
    n_folds: int = 3
    reg: float = 10.0  # of the ridge
    max_unsupported: float = 0.01

    def __post_init__(self) -> None:
        check_n_folds(self.n_folds)

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        of_policy, of_logged = judged.rewards(self.reward_model, self.n_folds, self.reg)
        value, influence = doubly_robust_moments(judged.weights, judged.feedback.reward, of_policy, of_logged)
        return judged.estimate(value, influence, method="DoublyRobust")


def doubly_robust_moments(
    weights: FloatArray, reward: FloatArray, of_policy: FloatArray, of_logged: FloatArray
) -> tuple[float, FloatArray]:
    """Mean of q(policy) + w (r - q(logged)) and its influence (n,).

    >>> import numpy as np
    >>> weights, reward = np.array([0.0, 2.0, 0.0]), np.array([4.0, 5.0, 7.0])
    >>> doubly_robust_moments(weights, reward, np.array([1.0, 4.0, 5.0]), np.array([2.0, 4.0, 6.0]))[0]
    4.0
    """
    scores = of_policy + weights * (reward - of_logged)
    value = float(scores.mean())
    return value, scores - value
