"""SWITCH: weights where they are small, the reward model alone where they are large (Wang, Agarwal and Dudik 2017)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from dorec.domain.estimate import Estimate
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.evaluate.reward_model import check_n_folds
from dorec.evaluate.shrinkage import Tuning, check_tuning, choose_degree, shrunk_estimate, thresholds
from dorec.numeric.shrunk_weights import SWITCH, shrunk


@dataclass(frozen=True)
class SwitchDR(OffPolicyEstimator):
    """Doubly robust value without the rows whose weight exceeds `tau` (arXiv 1612.01205); they keep their prediction.

    The interval carries the bias that this brings. `tau` None has it chosen from quantiles of the weights.

    Example:
        >>> import numpy as np
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=5.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> round(SwitchDR(reg=0.0).evaluate(log, np.tile([0.1, 0.9], (1000, 1))).value, 3)
        5.9
    """

    tau: float | None = None
    tuning: Tuning = "mse"
    reward_model: Any = None  # a scikit-learn regressor or classifier; None: a ridge for each action
    n_folds: int = 3
    reg: float = 10.0  # of the ridge
    max_unsupported: float = 0.01
    bounds_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_n_folds(self.n_folds)
        check_tuning(self.tuning, tau=self.tau)

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        rewards = judged.rewards(self.reward_model, self.n_folds, self.reg)
        tau = self.tau
        if tau is None:
            tau = choose_degree(judged, rewards, SWITCH, thresholds(judged.weights), self.tuning)
        weights = shrunk(judged.weights, SWITCH, tau)
        return shrunk_estimate(judged, weights, rewards, f"SwitchDR(tau={tau:.4g})", tuned=self.tau is None)
