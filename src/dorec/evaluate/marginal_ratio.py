"""Marginal ratio: weights of what came of a decision (Taufiq, Doucet, Cornish and Ton 2023, arXiv 2312.01457)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.domain.estimate import Estimate
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.evaluate.reward_model import check_enough_rows, check_n_folds, folds_of
from dorec.evaluate.shrinkage import shrunk_estimate
from dorec.numeric.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class MR(OffPolicyEstimator):
    """Mean reward, each row weighted by how much more often the policy earns such a reward than the log did.

    That weight is the mean importance weight among rows of like reward, so it is far more even than the weight of the
    decision. It must be learned, here from the other folds of the same log, and what it averages away then comes back
    as its own error: the interval carries it, and is not narrower than that of IPS. With rewards of few values the
    value is nearly that of IPS, too.

    Args:
        n_bins: intervals of equally many rewards within which weights are averaged; a reward of few values has one for
            each value.
        weight_model: a scikit-learn regressor of weights on rewards, in place of bins.
        n_folds: of the regression.
        max_unsupported: share of the policy that may lie on actions never logged.

    Example:
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=1.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> round(MR().evaluate(log, np.tile([0.1, 0.9], (1000, 1))).value, 2)
        2.03
    """

    n_bins: int = 20
    weight_model: Any = None
    n_folds: int = 3
    max_unsupported: float = 0.01
    bounds_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_n_folds(self.n_folds)
        if self.n_bins < 1:
            raise ConfigError(f"n_bins is {self.n_bins}; give 1 or more.")

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        log = judged.feedback
        check_enough_rows(log, self.n_folds)
        fold = folds_of(log, self.n_folds)
        if self.weight_model is None:
            weights = mean_of_like(judged.weights, bins(log.reward, self.n_bins), fold)
        else:
            weights = self._modelled(judged.weights, log.reward, fold)
        # weights learned from the log that they weigh are like a degree of shrinking that was chosen from it
        return shrunk_estimate(judged, weights, None, "MR", tuned=True)

    def _modelled(self, weights: FloatArray, reward: FloatArray, fold: IntArray) -> FloatArray:
        from sklearn.base import clone

        out, x = np.empty(len(reward)), reward[:, None]
        for f in range(self.n_folds):
            train = fold != f
            out[~train] = clone(self.weight_model).fit(x[train], weights[train]).predict(x[~train])
        return np.maximum(out, 0.0)


def bins(reward: FloatArray, n_bins: int) -> IntArray:
    """A code for each reward, (n,): its own where there are few values, else that of one of `n_bins` quantiles.

    >>> bins(np.array([0.0, 1.0, 1.0, 0.0]), 20).tolist()
    [0, 1, 1, 0]
    >>> bins(np.arange(6.0), 2).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    levels, code = np.unique(reward, return_inverse=True)
    if len(levels) <= n_bins:
        return np.asarray(code, dtype=np.int64)
    edges = np.quantile(reward, np.arange(1, n_bins) / n_bins)
    return np.asarray(np.searchsorted(edges, reward, side="right"), dtype=np.int64)


def mean_of_like(weights: FloatArray, code: IntArray, fold: IntArray) -> FloatArray:
    """Mean weight of the rows of other folds that have a row's code, (n,); of all other folds where none has it.

    >>> mean_of_like(np.array([1.0, 2.0, 3.0, 6.0]), np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0])).tolist()
    [2.5, 1.0, 1.0, 2.5]
    """
    n_folds, n_codes = int(fold.max()) + 1, int(code.max()) + 1
    cell = fold * n_codes + code
    total = np.bincount(cell, weights, n_folds * n_codes).reshape(n_folds, n_codes)
    rows = np.bincount(cell, minlength=n_folds * n_codes).reshape(n_folds, n_codes)
    total, rows = total.sum(axis=0) - total, rows.sum(axis=0) - rows
    common = total.sum(axis=1, keepdims=True) / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.where(rows > 0, total / np.maximum(rows, 1), common)[fold, code])
