"""Neural-linear: Thompson sampling on what a network learned (Riquelme, Tucker, Snoek 2018, arXiv 1802.09127)."""

from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.domain.plain_numbers import is_number, is_whole
from dorec.intervene.bandits.bandit import Bandit, check_settings
from dorec.intervene.bandits.linear_thompson import chance_of_best
from dorec.intervene.neural.neural_belief import NeuralBelief
from dorec.numeric.arrays import BoolArray, FloatArray


@dataclass(frozen=True, kw_only=True)
class NeuralLinear(Bandit):
    """Linear Thompson sampling on the last layer of a network, for rewards that bend with the context.

    Every `retrain_every` rows the network goes on training on the latest `keep` rows, and the regressions are fitted
    anew on its last layer. In between, each row teaches the regressions alone, at once and in any order. Before the
    first training the layers are random. Uncertainty is that of the regressions; the network's own is not counted.

    It needs torch to learn: `pip install 'dorec[deep]'`. Memory is 8 keep (n_features + 4) bytes.

    Args:
        hidden: units of each layer; the regressions stand on the last.
        retrain_every: rows between two trainings.
        keep: rows that are trained on, the latest; older ones are forgotten with the next training.
        epochs: passes over them in each training.
        learning_rate: of AdamW.
        weight_decay: of AdamW.
        batch_size: rows of one step.
        reg: prior precision of the regressions' coefficients in units of the noise; units have root mean square 1.
        noise: standard deviation of the reward around its mean; None learns it.
        scale: by which the posterior's standard deviations are multiplied.
        epsilon: share of decisions that are uniform over the eligible actions.
        n_draws: for the propensities of a decision.
        discount: below 1 old decisions fade, by this factor with each new one.
        intercept: whether the network reads a constant; the regressions always do.
        shared: one head for all actions on features (m, n_actions, n_features).
        seed: of the network's weights and batches.
        threads: of torch.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, action = rng.normal(size=(400, 1)), np.arange(400) % 2
        >>> reward = np.where(action == 1, np.abs(x[:, 0]), 0.8)
        >>> state = NeuralLinear(hidden=(16,), retrain_every=400, epochs=60).start(2, 1).learn(x, action, reward)
        >>> (state.propensities([[0.0], [2.0], [-2.0]])[:, 1] > 0.5).tolist()
        [False, True, True]
    """

    hidden: tuple[int, ...] = (50,)
    retrain_every: int = 500
    keep: int = 50_000
    epochs: int = 20
    learning_rate: float = 0.01
    weight_decay: float = 1e-4
    batch_size: int = 128
    reg: float = 1.0
    noise: float | None = None
    scale: float = 1.0
    epsilon: float = 0.02
    n_draws: int = 16
    discount: float = 1.0
    intercept: bool = False
    shared: bool = False
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        check_settings(self)
        counts = ("retrain_every", "keep", "epochs", "batch_size", "threads")
        wrong = [name for name in counts if not is_whole(getattr(self, name), 1)]
        wrong += ["seed"] if not is_whole(self.seed, 0) else []
        if wrong:
            raise ConfigError(f"{wrong[0]} is {getattr(self, wrong[0])!r}; give a whole number of 1 or more.")
        if not isinstance(self.hidden, tuple) or not self.hidden or not all(is_whole(h, 1) for h in self.hidden):
            raise ConfigError(f"hidden is {self.hidden!r}; give a tuple with the units of each layer, as (50,).")
        if not (is_number(self.learning_rate) and 0 < self.learning_rate < np.inf):
            raise ConfigError(f"learning_rate is {self.learning_rate!r}; give a number above 0.")
        if not (is_number(self.weight_decay) and 0 <= self.weight_decay < np.inf):
            raise ConfigError(f"weight_decay is {self.weight_decay!r}; give a number of 0 or more.")

    def least_numbers(self, n_groups: int, n_columns: int) -> int:
        """What layers and heads hold."""
        sizes = (n_columns, *self.hidden)
        return sum(into * out for into, out in pairwise(sizes)) + n_groups * (sizes[-1] + 1) ** 2

    def prior(self, n_groups: int, n_columns: int) -> NeuralBelief:
        """Random layers, no rows.

        Raises:
            ConfigError: torch is not installed.
        """
        import_module("dorec.neural")
        return NeuralBelief.empty(self, n_groups, n_columns)

    def preference(
        self, belief: NeuralBelief, design: FloatArray, allowed: BoolArray, rng: np.random.Generator
    ) -> FloatArray:
        """P(best) under the regressions' posterior."""
        features = belief.features(design)
        return chance_of_best(belief.head, features, allowed, rng, self.scale, self.n_draws)
