"""A contextual bandit log whose policies have known values: what off-policy estimators are judged by."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit, softmax

from dorec.domain.errors import ConfigError
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.numeric.arrays import FloatArray
from dorec.numeric.rng import generator

DIMENSIONS = 3


@dataclass(frozen=True)
class LoggedBandit:
    """Gaussian contexts, clicks whose log odds bend with the context, a softmax logger and a sharper target policy.

    Args:
        n: rows of the log.
        n_actions: number of actions.
        seed: of the rewards' shape.
        replica: another draw of the log.
        base: log odds of a click at the average context; -4 makes clicks rare.
        rows_per_user: rows that share a context and a liking that no column shows, and so a cluster.

    Example:
        >>> world = LoggedBandit(n=500, seed=1)
        >>> log = world.feedback()
        >>> log.n, log.n_actions, round(world.true_value(), 3)
        (500, 5, 0.574)
    """

    n: int = 1_000
    n_actions: int = 5
    seed: int = 0
    replica: int = 0
    base: float = -1.0
    rows_per_user: int = 1

    def __post_init__(self) -> None:
        if self.n_actions < 2 or self.rows_per_user < 1 or self.n < 2 * self.rows_per_user:
            raise ConfigError("A LoggedBandit needs 2 actions, 1 row a user and 2 users at least.")

    def feedback(self) -> LoggedFeedback:
        """The log; its propensities are exact and at least 0.1 / n_actions."""
        x, liking = self._contexts
        rng = generator(self.seed, "bandit", self.replica, "rows")
        p = 0.9 * softmax(0.6 * x @ self._taste, axis=1) + 0.1 / self.n_actions
        rows = np.arange(self.n)
        action = np.minimum((p.cumsum(axis=1) < rng.random((self.n, 1))).sum(axis=1), self.n_actions - 1)
        clicked = rng.random(self.n) < self.expected_reward(x, liking)[rows, action]
        return LoggedFeedback(
            context=x,
            action=action,
            reward=clicked.astype(np.float64),
            propensity=p[rows, action],
            n_actions=self.n_actions,
            cluster=None if self.rows_per_user == 1 else rows // self.rows_per_user,
        )

    def target(self, context: FloatArray | None = None) -> FloatArray:
        """The policy to judge, (n, n_actions), at the logged contexts or at others."""
        x = self._contexts[0] if context is None else context
        return np.asarray(0.95 * softmax(1.2 * x @ self._taste, axis=1) + 0.05 / self.n_actions)

    def expected_reward(self, context: FloatArray, liking: FloatArray | float = 0.0) -> FloatArray:
        """Probability of a click for each context and action, (n, n_actions)."""
        bend = 0.5 * np.sin(3 * context[:, :1])
        return np.asarray(expit(context @ self._taste + self.base + bend + np.reshape(liking, (-1, 1))))

    def true_value(self, n_draws: int = 1_000_000) -> float:
        """The target's expected reward over all contexts; the Monte Carlo error is about 0.3 / sqrt(n_draws)."""
        rng = generator(self.seed, "bandit", "truth")
        total = 0.0
        for start in range(0, n_draws, 100_000):
            m = min(100_000, n_draws - start)
            x = rng.normal(size=(m, DIMENSIONS))
            liking = rng.normal(size=m) if self.rows_per_user > 1 else 0.0
            total += float((self.target(x) * self.expected_reward(x, liking)).sum())
        return total / n_draws

    @cached_property
    def _taste(self) -> FloatArray:
        return generator(self.seed, "bandit", "taste").normal(size=(DIMENSIONS, self.n_actions))

    @cached_property
    def _contexts(self) -> tuple[FloatArray, FloatArray]:
        rng = generator(self.seed, "bandit", self.replica, "contexts")
        users = -(-self.n // self.rows_per_user)
        x, liking = rng.normal(size=(users, DIMENSIONS)), rng.normal(size=users)
        user = np.arange(self.n) // self.rows_per_user
        return x[user], liking[user] if self.rows_per_user > 1 else np.zeros(self.n)
