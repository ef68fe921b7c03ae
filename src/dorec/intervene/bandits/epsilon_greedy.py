"""Epsilon-greedy: the best predicted action, and now and then any (Sutton, Barto 2018, chapter 2)."""

from dataclasses import dataclass

import numpy as np

from dorec.intervene.bandits.bandit import Bandit, best_of, check_settings
from dorec.intervene.bandits.linear_belief import LinearBelief
from dorec.numeric.arrays import BoolArray, FloatArray


@dataclass(frozen=True, kw_only=True)
class EpsilonGreedy(Bandit):
    """The action with the largest prediction of its ridge regression, or with probability epsilon a uniform one.

    With `epsilon=1` it is the uniform policy: the plainest baseline.

    Args:
        epsilon: share of decisions that are uniform over the eligible actions.
        reg: of the ridge, the constant included.
        discount: below 1 old decisions fade, by this factor with each new one.
        intercept: whether a constant is added to the features.
        shared: one regression for all actions on features (m, n_actions, n_features).

    Example:
        >>> state = EpsilonGreedy(epsilon=0.2).start(n_actions=2, n_features=0)
        >>> state = state.learn(np.empty((2, 0)), [0, 1], [0.0, 1.0])
        >>> state.choose(np.empty((1, 0)), 0).propensities.tolist()
        [[0.1, 0.9]]
    """

    epsilon: float = 0.1
    reg: float = 1.0
    discount: float = 1.0
    intercept: bool = True
    shared: bool = False

    def __post_init__(self) -> None:
        check_settings(self)

    def prior(self, n_groups: int, n_columns: int) -> LinearBelief:
        """No rows."""
        return LinearBelief.empty(
            n_groups=n_groups, n_columns=n_columns, reg=self.reg, noise=1.0, discount=self.discount
        )

    def preference(
        self, belief: LinearBelief, design: FloatArray, allowed: BoolArray, rng: np.random.Generator
    ) -> FloatArray:
        """The action with the largest prediction."""
        del rng
        return best_of(belief.mean(design), allowed)
