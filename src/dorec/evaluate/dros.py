"""Doubly robust with optimistic shrinkage (Su, Dimakopoulou, Krishnamurthy and Dudik 2020)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from dorec.domain.estimate import Estimate
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.evaluate.reward_model import check_n_folds
from dorec.evaluate.shrinkage import Tuning, check_tuning, choose_degree, shrunk_estimate, thresholds
from dorec.numeric.shrunk_weights import OPTIMISTIC, shrunk


@dataclass(frozen=True)
class DRos(OffPolicyEstimator):
    """Doubly robust value with each weight w shrunk to lambda w / (w^2 + lambda) (arXiv 1907.09623).

    No weight exceeds sqrt(lambda) / 2. The interval carries the bias that this brings. `lambda_` None has it chosen.

    Example:
        >>> import numpy as np
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=5.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> round(DRos(reg=0.0).evaluate(log, np.tile([0.1, 0.9], (1000, 1))).value, 3)
        5.9
    """

    lambda_: float | None = None
    tuning: Tuning = "mse"
    reward_model: Any = None  # a scikit-learn regressor or classifier; None: a ridge for each action
    n_folds: int = 3
    reg: float = 10.0  # of the ridge
    max_unsupported: float = 0.01
    bounds_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_n_folds(self.n_folds)
        check_tuning(self.tuning, lambda_=self.lambda_)

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        rewards = judged.rewards(self.reward_model, self.n_folds, self.reg)
        degree = self.lambda_
        if degree is None:
            # a lambda of 10 tau^2 takes a tenth off a weight of tau
            tried = 10 * thresholds(judged.weights) ** 2
            degree = choose_degree(judged, rewards, OPTIMISTIC, tried, self.tuning)
        weights = shrunk(judged.weights, OPTIMISTIC, degree)
        return shrunk_estimate(judged, weights, rewards, f"DRos(lambda={degree:.4g})", tuned=self.lambda_ is None)
