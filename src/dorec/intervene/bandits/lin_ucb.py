"""LinUCB: the largest upper confidence bound of a ridge regression (Li et al. 2010, arXiv 1003.0146)."""

from dataclasses import dataclass

import numpy as np

from dorec.intervene.bandits.bandit import Bandit, best_of, check_settings
from dorec.intervene.bandits.linear_belief import LinearBelief
from dorec.numeric.arrays import BoolArray, FloatArray


@dataclass(frozen=True, kw_only=True)
class LinUCB(Bandit):
    """The action with the largest x'coefficients + alpha sqrt(x' (X'X + reg I)^-1 x), each action with its own ridge.

    The bound itself chooses without chance, so a log of it alone could judge no other policy. Hence a share `epsilon`
    of the decisions is uniform: every propensity is at least epsilon / n_actions. It costs that share of the regret of
    uniform choice; 0 turns it off, and the log's overlap with it. Actions whose bounds tie, as all do before the first
    row, share the probability.

    Put the features on like scales: `reg` is the prior precision of every coefficient.

    Args:
        alpha: how much of the uncertainty is added, in units of the reward's noise.
        reg: of the ridge, the constant included.
        epsilon: share of decisions that are uniform over the eligible actions.
        discount: below 1 old decisions fade, by this factor with each new one (Russac et al. 2019, arXiv 1909.09146,
            with one discount for both sums): for rewards that drift.
        intercept: whether a constant is added to the features.
        shared: one regression for all actions on features of (context, action) pairs, (m, n_actions, n_features): for
            many or changing actions.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(500, 2))
        >>> state = LinUCB().start(n_actions=2, n_features=2)
        >>> state = state.learn(x, np.arange(500) % 2, x[:, 0] * (np.arange(500) % 2))
        >>> state.choose([[2.0, 0.0], [-2.0, 0.0]], rng).propensities.round(3).tolist()
        [[0.025, 0.975], [0.975, 0.025]]
    """

    alpha: float = 1.0
    reg: float = 1.0
    epsilon: float = 0.05
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
        """The action with the largest bound."""
        del rng
        return best_of(belief.mean(design) + self.alpha * belief.width(design), allowed)
