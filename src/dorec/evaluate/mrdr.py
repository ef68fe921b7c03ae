"""More robust doubly robust: a reward model fitted where errors cost most (Farajtabar, Chow and Ghavamzadeh 2018)."""

from dataclasses import dataclass
from typing import Any

from dorec.domain.estimate import Estimate
from dorec.evaluate.doubly_robust import doubly_robust_moments
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.evaluate.reward_model import check_n_folds


@dataclass(frozen=True)
class MRDR(OffPolicyEstimator):
    """Doubly robust value whose reward model minimises the variance of the value (arXiv 1802.03493).

    Each row counts in the fit by w^2 (1 - propensity): the diagonal of the paper's quadratic form, which is all of it
    where the judged policy is deterministic.

    Example:
        >>> import numpy as np
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=5.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> round(MRDR(reg=0.0).evaluate(log, np.tile([0.1, 0.9], (1000, 1))).value, 3)
        5.9
    """

    reward_model: Any = None  # a scikit-learn model that takes sample_weight; None: a ridge for each action
    n_folds: int = 3
    reg: float = 10.0  # of the ridge
    max_unsupported: float = 0.01

    def __post_init__(self) -> None:
        check_n_folds(self.n_folds)

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        log = judged.feedback
        # a trace of weight on every row keeps a fit possible where the policy takes few logged actions
        cost = judged.weights**2 * (1 - log.propensity)
        weight = cost + 1e-6 * max(float(cost.mean()), 1e-12)
        of_policy, of_logged = judged.rewards(
            self.reward_model, self.n_folds, self.reg, weight=weight, of="most robust"
        )
        value, influence = doubly_robust_moments(judged.weights, log.reward, of_policy, of_logged)
        return judged.estimate(value, influence, method="MRDR")
