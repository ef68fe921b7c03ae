"""Linear Thompson sampling: each action as often as it may be the best (Agrawal, Goyal 2013, arXiv 1209.3352)."""

from dataclasses import dataclass

import numpy as np

from dorec.intervene.bandits.bandit import Bandit, check_settings
from dorec.intervene.bandits.linear_belief import LinearBelief
from dorec.numeric.arrays import BoolArray, FloatArray
from dorec.numeric.best_of_normals import best_of_normals, best_of_shared

SHARED_DRAWS = 16  # draws that count winners tell as much as so many fewer that share each draw


@dataclass(frozen=True, kw_only=True)
class LinearThompson(Bandit):
    """Each action with the probability that its expected reward is the largest, under a Bayesian linear regression.

    Two actions have these probabilities in closed form (noise known); more have them from `n_draws` draws of the best
    value, each shared among the actions in proportion to how likely they reached it. The action is drawn from them.
    A share `epsilon` of uniform decisions keeps every propensity at epsilon / n_actions or more.

    Put the features on like scales: each coefficient is normal with variance noise² / reg beforehand.

    Args:
        reg: prior precision of each coefficient in units of the noise, the constant included.
        noise: standard deviation of the reward around its mean; None learns it (normal-inverse-gamma, for each action).
        scale: by which the posterior's standard deviations are multiplied; above 1 explores more.
        epsilon: share of decisions that are uniform over the eligible actions.
        n_draws: for the propensities of a decision; more bring them nearer to the exact ones.
        discount: below 1 old decisions fade, by this factor with each new one: for rewards that drift.
        intercept: whether a constant is added to the features.
        shared: one regression for all actions on features (m, n_actions, n_features). Its coefficients are drawn
            16 n_draws times, one set of draws for all rows of a call.

    Example:
        >>> bandit = LinearThompson(noise=1.0, epsilon=0.0)
        >>> state = bandit.start(n_actions=2, n_features=0).learn(np.empty((4, 0)), [0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0])
        >>> state.choose(np.empty((1, 0)), 0).propensities.round(3).tolist()
        [[0.207, 0.793]]
    """

    reg: float = 1.0
    noise: float | None = None
    scale: float = 1.0
    epsilon: float = 0.02
    n_draws: int = 16
    discount: float = 1.0
    intercept: bool = True
    shared: bool = False

    def __post_init__(self) -> None:
        check_settings(self)

    def prior(self, n_groups: int, n_columns: int) -> LinearBelief:
        """No rows."""
        return LinearBelief.empty(
            n_groups=n_groups, n_columns=n_columns, reg=self.reg, noise=self.noise, discount=self.discount
        )

    def preference(
        self, belief: LinearBelief, design: FloatArray, allowed: BoolArray, rng: np.random.Generator
    ) -> FloatArray:
        """P(best) under the posterior."""
        return chance_of_best(belief, design, allowed, rng, self.scale, self.n_draws)


def chance_of_best(
    belief: LinearBelief,
    design: FloatArray,
    allowed: BoolArray,
    rng: np.random.Generator,
    scale: float,
    n_draws: int,
) -> FloatArray:
    """P(best), (m, k), of actions with a regression each, design (m, p), or with one for all, design (m, k, p).

    >>> belief = LinearBelief.empty(n_groups=2, n_columns=1, reg=1.0, noise=1.0)
    >>> chance_of_best(belief, np.ones((1, 1)), np.ones((1, 2), bool), np.random.default_rng(0), 1.0, 8)
    array([[0.5, 0.5]])
    """
    if design.ndim == 3:
        noise = belief.noise_draws(rng, SHARED_DRAWS * n_draws)
        root = scale * belief.deviation[0] * belief.root[0]
        spread = None if noise is None else noise[:, 0]
        return best_of_shared(design, belief.coefficients[0], root, allowed, rng, SHARED_DRAWS * n_draws, spread)
    deviation = scale * belief.deviation * belief.width(design)
    return best_of_normals(belief.mean(design), deviation, allowed, rng, n_draws, belief.noise_draws(rng, n_draws))
