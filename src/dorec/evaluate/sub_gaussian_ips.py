"""IPS with weights shrunk so that its errors are sub-Gaussian (Metelli, Russo and Restelli 2021, NeurIPS)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.domain.estimate import Estimate
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.evaluate.shrinkage import shrunk_estimate
from dorec.numeric.shrunk_weights import HARMONIC, shrunk


@dataclass(frozen=True)
class SubGaussianIPS(OffPolicyEstimator):
    """Mean reward with each weight w shrunk to w / (1 - lambda + lambda w): large errors become exponentially rare.

    `lambda_` None is the paper's choice sqrt(2 log(1 / delta) / (3 n mean(w^2))). The interval carries the bias.

    Example:
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=1.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> made = SubGaussianIPS().evaluate(log, np.tile([0.1, 0.9], (1000, 1)))
        >>> round(made.value, 2), made.method
        (1.98, 'SubGaussianIPS(lambda=0.0337)')
    """

    lambda_: float | None = None
    delta: float = 0.05
    max_unsupported: float = 0.01
    bounds_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.delta < 1:
            raise ConfigError(f"delta is {self.delta}; give a probability between 0 and 1.")
        if self.lambda_ is not None and not 0 <= self.lambda_ <= 1:
            raise ConfigError(f"lambda_ is {self.lambda_}; give a number from 0 to 1, or None for the paper's choice.")

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        weights = judged.weights
        degree = self.lambda_
        if degree is None:
            squares = max(float(weights @ weights), 1e-300)
            degree = min(1.0, float(np.sqrt(2 * np.log(1 / self.delta) / (3 * squares))))
        made = shrunk(weights, HARMONIC, degree)
        return shrunk_estimate(judged, made, None, f"SubGaussianIPS(lambda={degree:.4g})")
