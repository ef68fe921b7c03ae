"""Doubly robust policy learning (Dudik et al. 2014, doi:10.1214/14-STS500; Athey, Wager 2021, arXiv 1702.02896)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.run import RunContext
from dorec.intervene.dr_scores import actions_to_learn, dr_scores, net_scores
from dorec.intervene.softmax_policy import DEFAULT_CONTEXT, LinearScores, SoftmaxPolicy
from dorec.numeric.action_ridge import on_scale
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray
from dorec.numeric.softmax_search import Slope, cautious_mean, maximise


@dataclass(frozen=True, kw_only=True)
class DRPolicy:
    """A softmax-linear policy with the largest mean of doubly robust scores, less `penalty` of its standard errors.

    From a log, the scores are cross-fitted here; from a study, `fit_scores` takes an effect model's orthogonal scores.

    Args:
        reward_model: a scikit-learn regressor or classifier; None for a ridge for each action.
        n_folds: of the reward model.
        model_reg: ridge of the reward model.
        penalty: standard errors taken off, 0 or more.
        reg: ridge of the coefficients, in rows of one standard deviation of the scores.
        epsilon: share of random decisions in the policy.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(500, 1))
        >>> scores = np.column_stack([np.zeros(500), x[:, 0] + rng.normal(size=500)])
        >>> policy = DRPolicy().fit_scores(x, scores, costs=np.array([0.0, 0.5]))
        >>> policy.choose(np.array([[0.0], [1.0]])).tolist()
        [0, 1]
    """

    reward_model: Any = None
    n_folds: int = 5
    model_reg: float = 10.0
    penalty: float = 0.0
    reg: float = 1.0
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        if not (self.penalty >= 0 and self.reg >= 0 and 0 <= self.epsilon <= 1):
            raise ConfigError(
                f"penalty is {self.penalty}, reg {self.reg}, epsilon {self.epsilon}; give 0 or more, and 0 to 1."
            )

    def fit(self, feedback: LoggedFeedback, *, context: RunContext = DEFAULT_CONTEXT) -> SoftmaxPolicy:
        """The policy learned from a log; actions that the log never took keep probability 0.

        Raises:
            OneArm: the log took one action only.
            TooFewUnits: fewer rows or clusters than folds.
        """
        del context  # nothing is random
        allowed = actions_to_learn(feedback)
        how: dict[str, Any] = {"reward_model": self.reward_model, "n_folds": self.n_folds, "reg": self.model_reg}
        return self._learn(feedback.context, dr_scores(feedback, **how), allowed)

    def fit_scores(self, covariates: AnyArray, scores: AnyArray, *, costs: AnyArray | None = None) -> SoftmaxPolicy:
        """The policy learned from scores, such as `EffectModel.scores`.

        Args:
            covariates: (n, p).
            scores: what each arm is worth for each unit, (n, k).
            costs: of each arm, (k,) or (n, k), in units of the scores.

        Raises:
            NotFinite, OneArm, TooFewUnits.
        """
        x, net = net_scores(covariates, scores, costs)
        return self._learn(x, net, np.ones(net.shape[1], dtype=bool))

    def _learn(self, covariates: FloatArray, scores: FloatArray, allowed: BoolArray) -> SoftmaxPolicy:
        mean, sd = covariates.mean(axis=0), covariates.std(axis=0)
        x, s = on_scale(covariates, mean, sd), scores[:, allowed]
        # what all actions share moves no decision
        s = s - s.mean(axis=1, keepdims=True)
        scale = float(s.std()) or 1.0
        s = s / scale

        def objective(p: FloatArray) -> Slope:
            value, slope = cautious_mean(np.einsum("ij,ij->i", p, s), self.penalty)
            return Slope(value, slope[:, None] * s)

        plug_in = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ s)
        sharp = plug_in * (3.0 / max(float((x @ plug_in).std()), 1e-12))
        made = np.zeros((x.shape[1], scores.shape[1]))
        starts = [np.zeros_like(plug_in), sharp]
        made[:, allowed] = maximise(x, objective, starts, self.reg / len(x))
        return SoftmaxPolicy(scores=LinearScores(made, mean, sd), epsilon=self.epsilon, allowed=allowed)
