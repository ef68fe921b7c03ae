"""Softmax over any scores, and the temperature that a log bears."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.special import softmax

from dorec.domain.errors import ConfigError, InputError, NotFinite
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.run import RunContext
from dorec.intervene.dr_scores import actions_to_learn, log_folds
from dorec.numeric.action_ridge import cross_fitted_rewards, on_scale, ridge_by_action
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray
from dorec.numeric.softmax_search import cautious_log_value

Scores: TypeAlias = Callable[[AnyArray], FloatArray]  # covariates (n, d) -> (n, n_actions)
DEFAULT_CONTEXT = RunContext()
TEMPERATURES = tuple(float(t) for t in np.geomspace(0.03, 30.0, 16))  # in standard deviations of the scores in a row


@dataclass(frozen=True, eq=False)
class LinearScores:
    """A score for each action, linear in standardised covariates.

    Example:
        >>> scores = LinearScores(np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([5.0]), np.array([2.0]))
        >>> scores(np.array([[9.0]])).tolist()
        [[4.0, 1.0]]
    """

    coefficients: FloatArray  # (1 + d, n_actions), the constant first
    mean: FloatArray  # (d,)
    sd: FloatArray  # (d,)

    def __call__(self, covariates: AnyArray) -> FloatArray:
        """Scores (n, n_actions) of covariates (n, d)."""
        x = np.asarray(covariates, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(self.mean):
            raise InputError(f"covariates have shape {x.shape}; give (n, {len(self.mean)}).")
        if not np.isfinite(x).all():
            raise NotFinite("covariates have a missing or infinite value", remedy="repair these rows")
        return np.asarray(on_scale(x, self.mean, self.sd) @ self.coefficients)


@dataclass(frozen=True, kw_only=True, eq=False)
class SoftmaxPolicy:
    """Actions with probability proportional to exp(score / temperature); a `Policy`.

    Args:
        scores: covariates (n, d) -> (n, n_actions): any function, such as `lambda users: model.score(users[:, 0])`.
        temperature: above 0; the smaller, the more the best action is taken.
        epsilon: share of the decisions made at random among the allowed actions, so that the next log has overlap.
        allowed: actions that may be taken, (n_actions,); None for all.

    Example:
        >>> policy = SoftmaxPolicy(scores=lambda x: np.column_stack([x[:, 0], np.log(3.0) + x[:, 0]]), epsilon=0.2)
        >>> policy.propensities(np.zeros((1, 1))).round(2).tolist()
        [[0.3, 0.7]]
    """

    scores: Scores
    temperature: float = 1.0
    epsilon: float = 0.0
    allowed: BoolArray | None = None

    def __post_init__(self) -> None:
        if not 0 < self.temperature < np.inf or not 0 <= self.epsilon <= 1:
            raise ConfigError(
                f"temperature is {self.temperature}, epsilon {self.epsilon}; give a number above 0, and 0 to 1."
            )

    def propensities(self, covariates: AnyArray) -> FloatArray:
        """Probability of each action, (n, n_actions)."""
        scores = np.asarray(self.scores(covariates), dtype=np.float64)
        allowed = np.ones(scores.shape[1], dtype=bool) if self.allowed is None else self.allowed
        share = softmax(np.where(allowed, scores, -np.inf) / self.temperature, axis=1)
        return np.asarray((1 - self.epsilon) * share + self.epsilon * allowed / allowed.sum())

    def choose(self, covariates: AnyArray) -> AnyArray:
        """The likeliest action of each row, (n,)."""
        return self.propensities(covariates).argmax(axis=1)


@dataclass(frozen=True, kw_only=True)
class TemperedSoftmax:
    """Softmax over given scores, or over predicted rewards, with the temperature that does best on the log.

    A small temperature trusts the scores; a large one stays near uniform. It is chosen by the self-normalised value on
    the log less `penalty` standard errors; predicted rewards are taken from other folds while it is chosen.

    Args:
        scores: covariates (n, d) -> (n, n_actions), fitted elsewhere; None predicts rewards by a ridge for each action.
        temperatures: to try, in standard deviations of the scores over the actions of a row.
        penalty: standard errors taken off.
        epsilon: share of random decisions in the policy.
        n_folds: of the predicted rewards.
        reg: of the ridge.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, a = rng.normal(size=(2000, 1)), rng.integers(2, size=2000)
        >>> log = LoggedFeedback(context=x, action=a, reward=x[:, 0] * a, propensity=np.full(2000, 0.5), n_actions=2)
        >>> TemperedSoftmax().fit(log).propensities(np.array([[2.0], [-2.0]])).round(1).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """

    scores: Scores | None = None
    temperatures: tuple[float, ...] = TEMPERATURES
    penalty: float = 1.0
    epsilon: float = 0.0
    n_folds: int = 5
    reg: float = 10.0

    def __post_init__(self) -> None:
        if not self.temperatures or not all(t > 0 for t in self.temperatures) or not self.penalty >= 0:
            raise ConfigError(
                f"temperatures are {self.temperatures}, penalty {self.penalty}; give numbers above 0, and 0 or more."
            )

    def fit(self, feedback: LoggedFeedback, *, context: RunContext = DEFAULT_CONTEXT) -> SoftmaxPolicy:
        """The policy with the best temperature.

        Raises:
            OneArm: the log took one action only.
            TooFewUnits: fewer rows or clusters than folds.
        """
        del context  # nothing is random
        allowed = actions_to_learn(feedback)
        if self.scores is not None:
            scorer, table = self.scores, np.asarray(self.scores(feedback.context), dtype=np.float64)
        else:
            scorer, table = self._ridge(feedback)
        if table.shape != (feedback.n, feedback.n_actions) or not np.isfinite(table[:, allowed]).all():
            raise InputError(
                f"scores are {table.shape} or not finite; give ({feedback.n}, {feedback.n_actions}) numbers."
            )
        spread = float(table[:, allowed].std(axis=1).mean()) or 1.0
        rows = np.arange(feedback.n)
        masked = np.where(allowed, table, -np.inf)

        def worth(t: float) -> float:
            taken = softmax(masked / t, axis=1)[rows, feedback.action]
            how = {"penalty": self.penalty, "clip": np.inf, "normalise": True}
            return cautious_log_value(taken, feedback.propensity, feedback.reward, **how)[0]  # type: ignore[arg-type]

        best = max((t * spread for t in self.temperatures), key=worth)
        return SoftmaxPolicy(scores=scorer, temperature=best, epsilon=self.epsilon, allowed=allowed)

    def _ridge(self, feedback: LoggedFeedback) -> tuple[Scores, FloatArray]:
        fold = log_folds(feedback, self.n_folds)
        log = (feedback.context, feedback.action, feedback.reward)
        table = cross_fitted_rewards(*log, fold, feedback.n_actions, reg=self.reg)
        return reward_scores(feedback, self.reg), table


def reward_scores(feedback: LoggedFeedback, reg: float) -> LinearScores:
    """Predicted rewards of each action by a ridge on the whole log.

    Example:
        >>> log = LoggedFeedback(action=np.arange(40) % 2, reward=np.arange(40) % 2 * 3.0, propensity=np.full(40, 0.5),
        ...                      n_actions=2)
        >>> reward_scores(log, 0.0)(np.empty((1, 0))).round(3).tolist()
        [[0.0, 3.0]]
    """
    mean, sd = feedback.context.mean(axis=0), feedback.context.std(axis=0)
    x = on_scale(feedback.context, mean, sd)
    # a fold that no row is in is a fit to all rows
    fold = np.ones(feedback.n, dtype=np.int64)
    made = ridge_by_action(x, feedback.action, feedback.reward, fold, (2, feedback.n_actions), reg)
    return LinearScores(made[0].T, mean, sd)
