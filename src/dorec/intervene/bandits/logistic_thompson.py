"""Logistic Thompson sampling by Laplace's approximation (Chapelle, Li 2011, NeurIPS 24, algorithm 3)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dorec.intervene.bandits.bandit import Bandit, check_settings
from dorec.intervene.bandits.linear_thompson import SHARED_DRAWS
from dorec.intervene.bandits.logistic_belief import LogisticBelief
from dorec.numeric.arrays import BoolArray, FloatArray
from dorec.numeric.best_of_normals import best_of_normals, best_of_shared


@dataclass(frozen=True, kw_only=True)
class LogisticThompson(Bandit):
    """Each action with the probability that its chance of a click is the largest, under Bayesian logistic regression.

    For rewards from 0 to 1. The posterior is normal around its mode with the whole precision matrix (Chapelle and Li
    keep the diagonal), updated batch by batch. The chance grows with the log odds, so the best log odds are the best.

    Put the features on like scales: each coefficient is normal with variance 1 / reg beforehand.

    Args:
        reg: prior precision of each coefficient, the constant included.
        scale: by which the posterior's standard deviations are multiplied; below 1 explores less.
        epsilon: share of decisions that are uniform over the eligible actions.
        n_draws: for the propensities of a decision among three actions or more.
        discount: below 1 old decisions fade, by this factor with each new one: what was learned grows uncertain again.
        intercept: whether a constant is added to the features.
        shared: one regression for all actions on features (m, n_actions, n_features). Its coefficients are drawn
            16 n_draws times, one set of draws for all rows of a call.

    Example:
        >>> state = LogisticThompson(epsilon=0.0).start(n_actions=2, n_features=0)
        >>> state = state.learn(np.empty((4, 0)), [0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0])
        >>> state.choose(np.empty((1, 0)), 0).propensities.round(3).tolist()
        [[0.125, 0.875]]
    """

    reward_bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reg: float = 1.0
    scale: float = 1.0
    epsilon: float = 0.02
    n_draws: int = 16
    discount: float = 1.0
    intercept: bool = True
    shared: bool = False

    def __post_init__(self) -> None:
        check_settings(self)

    def prior(self, n_groups: int, n_columns: int) -> LogisticBelief:
        """No rows."""
        return LogisticBelief.empty(n_groups=n_groups, n_columns=n_columns, reg=self.reg, discount=self.discount)

    def preference(
        self, belief: LogisticBelief, design: FloatArray, allowed: BoolArray, rng: np.random.Generator
    ) -> FloatArray:
        """P(best) under the posterior of the log odds."""
        if self.shared:
            root = self.scale * belief.root[0]
            return best_of_shared(design, belief.mode[0], root, allowed, rng, SHARED_DRAWS * self.n_draws, None)
        return best_of_normals(belief.mean(design), self.scale * belief.width(design), allowed, rng, self.n_draws)
