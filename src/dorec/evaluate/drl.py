"""Decisions in a row, doubly robust at each (Jiang and Li 2016, arXiv 1511.03722; Kallus and Uehara 2020)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import TooFewUnits
from dorec.domain.trajectory_feedback import TrajectoryFeedback
from dorec.evaluate.per_decision_ips import TrajectoryEstimator, cumulative_weights
from dorec.evaluate.reward_model import check_n_folds
from dorec.evaluate.slates import check_discount
from dorec.numeric.action_ridge import ridge_from_moments, standardised
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.cell_moments import cell_moments
from dorec.numeric.even_folds import even_folds


@dataclass(frozen=True)
class DRL(TrajectoryEstimator):
    """Double reinforcement learning (arXiv 1908.08526): what is left to earn is predicted, and corrected by weights.

    At each step, from the last to the first, the reward plus the predicted value of the next step is regressed on
    context and action; each sequence is predicted by models that never saw its fold. Whatever they say, the value is
    unbiased; good ones make the interval narrower than that of PerDecisionIPS.

    With `markov`, the weight of all earlier decisions is replaced by its regression on the present context. That is
    efficient, and far steadier over many steps, where the context holds all of the past that matters for what comes;
    then the value is right if either the rewards or the weights are modelled well.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=8000)
        >>> log = TrajectoryFeedback(unit=np.arange(8000) // 2, step=np.arange(8000) % 2, action=a, reward=1.0 * a,
        ...                          propensity=np.full(8000, 0.5), n_actions=2)
        >>> round(DRL(reg=0.0).evaluate(log, np.tile([0.25, 0.75], (8000, 1))).value, 3)
        1.5
    """

    markov: bool = False
    discount: float = 1.0
    reward_model: Any = None  # a scikit-learn regressor; None: a ridge for each action
    n_folds: int = 3
    reg: float = 10.0  # of the ridge
    max_unsupported: float = 0.01

    def __post_init__(self) -> None:
        check_n_folds(self.n_folds)
        check_discount(self.discount)

    @property
    def method(self) -> str:
        """What the estimate says it was made by."""
        return "DRL(markov)" if self.markov else "DRL"

    def scores(
        self, feedback: TrajectoryFeedback, ratio: FloatArray, policy: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Predictions of each step under the policy, and weighted residuals, added up over the steps."""
        groups = feedback.n if feedback.cluster is None else len(np.unique(feedback.cluster))
        if groups < self.n_folds:
            raise TooFewUnits(f"{groups} independent sequence(s) for {self.n_folds} folds", remedy="use fewer folds")
        fold = even_folds(feedback.n, self.n_folds, feedback.cluster)[feedback.sequence]
        steps = [np.flatnonzero(feedback.step == t) for t in range(feedback.n_steps)]
        x = standardised(feedback.context)
        of_policy, of_logged = self._predicted(feedback, policy, x, fold, steps)
        weights = cumulative_weights(feedback, ratio)
        if self.markov:
            weights = self._marginal(_before(weights), feedback, x, fold, steps) * feedback.padded(ratio, fill=1.0)
        worth = self.discount ** np.arange(feedback.n_steps)
        residual = feedback.padded(feedback.reward - of_logged)
        return (_before(weights) * feedback.padded(of_policy) + weights * residual) @ worth, weights

    def _predicted(
        self, feedback: TrajectoryFeedback, policy: FloatArray, x: FloatArray, fold: IntArray, steps: list[IntArray]
    ) -> tuple[FloatArray, FloatArray]:
        """What is left to earn from each row on under the policy, and with the logged action, (m,) and (m,)."""
        m = len(fold)
        last = np.append(feedback.step[1:] == 0, True)
        of_policy, of_logged = np.empty(m), np.empty(m)
        for f in range(self.n_folds):
            value = np.zeros(m + 1)  # by the models that never saw fold f; a place more, so that row + 1 exists
            for rows in reversed(steps):
                target = feedback.reward[rows] + self.discount * np.where(last[rows], 0.0, value[rows + 1])
                train = fold[rows] != f
                q = self._fit(x[rows], feedback.action[rows], target, train, feedback.n_actions)
                value[rows] = (policy[rows] * q).sum(axis=1)
                mine, picked = rows[~train], np.flatnonzero(~train)
                of_policy[mine] = value[mine]
                of_logged[mine] = q[picked, feedback.action[mine]]
        return of_policy, of_logged

    def _fit(
        self, x: FloatArray, action: IntArray, target: FloatArray, train: FloatArray, n_actions: int
    ) -> FloatArray:
        """Predictions (rows, n_actions) for all rows from those in `train`."""
        if not train.any():
            return np.zeros((len(x), n_actions))
        if self.reward_model is None:
            moments = cell_moments(x[train], target[train], np.ones(1), action[train], n_actions)
            return np.asarray(x @ ridge_from_moments(*moments, self.reg).T)
        from sklearn.base import clone

        one_hot = np.eye(n_actions)
        features = np.concatenate([x[:, 1:], one_hot[action]], axis=1)
        model = clone(self.reward_model).fit(features[train], target[train])
        q = np.empty((len(x), n_actions))
        for a in range(n_actions):
            features[:, -n_actions:] = one_hot[a]
            q[:, a] = model.predict(features)
        return q

    def _marginal(
        self, before: FloatArray, feedback: TrajectoryFeedback, x: FloatArray, fold: IntArray, steps: list[IntArray]
    ) -> FloatArray:
        """The weight of the earlier decisions given the present context, (n, n_steps), cross-fitted."""
        out = before.copy()
        for t, rows in enumerate(steps[1:], 1):
            unit = feedback.sequence[rows]
            for f in range(self.n_folds):
                train = fold[rows] != f
                made = self._fit(x[rows], np.zeros(len(rows), dtype=np.int64), before[unit, t], train, 1)[:, 0]
                out[unit[~train], t] = np.maximum(made[~train], 0.0)
        return out


def _before(weights: FloatArray) -> FloatArray:
    """The weight up to the step before, (n, n_steps)."""
    return np.concatenate([np.ones((len(weights), 1)), weights[:, :-1]], axis=1)
