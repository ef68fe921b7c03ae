"""Marginalised IPS: weights of what actions are like (Saito and Joachims 2022, arXiv 2202.06317)."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from dorec.domain.errors import ConfigError, InputError
from dorec.domain.estimate import Estimate
from dorec.evaluate.judged_log import JudgedLog, OffPolicyEstimator
from dorec.evaluate.reward_model import check_enough_rows, check_n_folds, folds_of
from dorec.evaluate.shrinkage import shrunk_estimate
from dorec.numeric.action_ridge import ridge_by_action, standardised
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class MIPS(OffPolicyEstimator):
    """Mean reward weighted by how much more often the policy takes actions of this kind than the log did.

    Unbiased where an action matters through its embedding alone, with far smaller weights when actions are many. The
    share of the value for which this fails is estimated and carried into the interval. Where the log's
    `logged_policy` is known the weights are exact; else they are regressed on context and kind, cross-fitted.

    Args:
        embedding: what each action is like, (n_actions,) or (n_actions, k), categories; equal rows are one kind.
        n_folds: of the regression.
        reg: ridge of the regression.
        max_unsupported: share of the policy that may lie on actions never logged.

    Example:
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(4, size=2000)
        >>> log = LoggedFeedback(action=a, reward=1.0 + (a > 1), propensity=np.full(2000, 0.25), n_actions=4)
        >>> made = MIPS(embedding=np.array([0, 0, 1, 1])).evaluate(log, np.tile([0.3, 0.2, 0.4, 0.1], (2000, 1)))
        >>> round(made.value, 1)
        1.5
    """

    embedding: AnyArray = field(repr=False)  # (n_actions,) or (n_actions, k)
    n_folds: int = 3
    reg: float = 10.0
    max_unsupported: float = 0.01
    bounds_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_n_folds(self.n_folds)
        table = np.asarray(self.embedding)
        if table.ndim not in (1, 2) or table.size == 0:
            raise ConfigError(f"embedding has shape {table.shape}; give (n_actions,) or (n_actions, k) categories.")
        object.__setattr__(self, "embedding", table)

    def value_of(self, judged: JudgedLog) -> Estimate:
        """The value, from a log that passed its checks."""
        log = judged.feedback
        kind = kinds(self.embedding)
        if len(kind) != log.n_actions:
            raise InputError(f"embedding has {len(kind)} rows; give one for each of the {log.n_actions} actions.")
        weights = self._weights(judged, kind)
        made = shrunk_estimate(judged, weights, None, "MIPS")
        if (log.logged_policy is not None and judged.policy.ndim == 2) or made.no_interval:
            return made
        return replace(made, method="MIPS(estimated weights)")

    def _weights(self, judged: JudgedLog, kind: IntArray) -> FloatArray:
        log = judged.feedback
        if log.logged_policy is not None and judged.policy.ndim == 2:
            return kind_weights(judged.policy, log.logged_policy, kind, log.action)
        check_enough_rows(log, self.n_folds)
        fold = folds_of(log, self.n_folds)
        x = standardised(log.context)
        shape = (self.n_folds, int(kind.max()) + 1)
        coefficients = ridge_by_action(x, kind[log.action], judged.weights, fold, shape, self.reg)
        return np.maximum(np.einsum("ij,ij->i", x, coefficients[fold, kind[log.action]]), 0.0)


def kinds(embedding: AnyArray) -> IntArray:
    """A code for each action, (n_actions,), from 0: actions with equal embeddings share one.

    >>> kinds(np.array([["shoe", "red"], ["shoe", "blue"], ["shoe", "red"]])).tolist()
    [1, 0, 1]
    """
    table = np.asarray(embedding).reshape(len(embedding), -1)
    codes: Any = np.zeros(len(table), dtype=np.int64)
    for column in table.T:
        level = np.unique(column, return_inverse=True)[1]
        codes = np.unique(codes * (int(level.max()) + 1) + level, return_inverse=True)[1]
    return np.asarray(codes, dtype=np.int64)


def kind_weights(policy: AnyArray, logged_policy: AnyArray, kind: IntArray, action: IntArray) -> FloatArray:
    """Probability that the policy takes the logged kind over that of the log, (n,), given both policies.

    >>> policy, logged = np.array([[0.5, 0.3, 0.2]]), np.array([[0.1, 0.3, 0.6]])
    >>> kind_weights(policy, logged, np.array([0, 0, 1]), np.array([0])).round(6).tolist()
    [2.0]
    """
    member = np.eye(int(kind.max()) + 1)[kind]  # (n_actions, n_kinds)
    rows = np.arange(len(action))
    of_policy = (policy @ member.astype(policy.dtype))[rows, kind[action]]
    of_log = (logged_policy @ member.astype(logged_policy.dtype))[rows, kind[action]]
    return np.asarray(of_policy / of_log, dtype=np.float64)
