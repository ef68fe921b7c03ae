"""The direct method: predict rewards, then average them over the policy (Beygelzimer and Langford 2009)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from dorec.domain.estimate import Estimate
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.evaluate.reward_model import check_n_folds


@dataclass(frozen=True)
class DirectMethod(OffPolicyEstimator):
    """The value of a policy as its mean predicted reward. No interval: the model's bias is not in the spread.

    Example:
        >>> import numpy as np
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> a = np.arange(1000) % 2
        >>> log = LoggedFeedback(action=a, reward=5.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> value = DirectMethod(reg=0.0).evaluate(log, np.tile([0.1, 0.9], (1000, 1)))
        >>> round(value.value, 3), value.no_interval
        (5.9, 'the bias of the reward model is unknown')
    """

    reward_model: Any = None  # a scikit-learn regressor or classifier; None: a ridge for each action
    n_folds: int = 3
    reg: float = 10.0  # of the ridge
    max_unsupported: float = 0.01
    bounds_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_n_folds(self.n_folds)

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        of_policy, _ = judged.rewards(self.reward_model, self.n_folds, self.reg)
        value = float(of_policy.mean())
        return Estimate(
            value,
            of_policy - value,
            name="policy value",
            method="DirectMethod",
            estimand="expected reward of the policy on the logged contexts",
            sample=judged.feedback.sample,
            cluster=judged.feedback.cluster,
            no_interval="the bias of the reward model is unknown",
            verdicts=judged.verdicts,
        )
