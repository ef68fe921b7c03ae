"""Expected reward given context and action: a ridge per action, or any scikit-learn regressor, cross-fitted."""

from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError, TooFewUnits
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.numeric.action_ridge import BLOCK, regressor_blocks, ridge_by_action, standardised
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.even_folds import even_folds


def check_n_folds(n_folds: int) -> None:
    """Refuses a number of folds by which a row would be predicted by itself, or not at all.

    Raises:
        ConfigError: `n_folds` is below 2.

    Example:
        >>> check_n_folds(1)
        Traceback (most recent call last):
        dorec.domain.errors.ConfigError: n_folds is 1; give 2 or more, so that no row is predicted by itself.
    """
    if n_folds < 2:
        raise ConfigError(f"n_folds is {n_folds}; give 2 or more, so that no row is predicted by itself.")


def check_enough_rows(feedback: LoggedFeedback, n_folds: int) -> None:
    """Refuses a log with fewer independent rows (or clusters) than folds.

    Raises:
        TooFewUnits: a fold would be empty.

    Example:
        >>> log = LoggedFeedback(action=np.zeros(2, int), reward=np.ones(2), propensity=np.ones(2), n_actions=1)
        >>> check_enough_rows(log, 3)
        Traceback (most recent call last):
        dorec.domain.errors.TooFewUnits: too_few_units: 2 independent row(s) for 3 folds. Remedy: ...
    """
    groups = feedback.n if feedback.cluster is None else len(np.unique(feedback.cluster))
    if groups < n_folds:
        raise TooFewUnits(f"{groups} independent row(s) for {n_folds} folds", remedy="use fewer folds or IPS")


def folds_of(feedback: LoggedFeedback, n_folds: int) -> IntArray:
    """A fold for each row, (n,), that depends on nothing but the row's cluster (or place), evenly spread.

    Example:
        >>> log = LoggedFeedback(action=np.zeros(4, int), reward=np.ones(4), propensity=np.ones(4), n_actions=1,
        ...                      cluster=np.array(["ann", "bob", "ann", "cid"]))
        >>> fold = folds_of(log, 2)
        >>> bool(fold[0] == fold[2])
        True
    """
    return even_folds(feedback.n, n_folds, feedback.cluster)


def reward_moments(
    feedback: LoggedFeedback,
    policy: AnyArray,
    reward_model: Any,
    n_folds: int,
    reg: float,
    *,
    weight: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Predicted reward of the policy and of the logged action for each row, (n,) and (n,), each from other folds.

    `weight` (n,) says how much each row counts in the fit. Memory: one block of 65,536 rows by n_actions, and
    (n_folds, n_actions, d, d) for the ridge.
    """
    fold = folds_of(feedback, n_folds)
    if reward_model is None:
        return _ridge_moments(feedback, policy, fold, (n_folds, reg), weight)
    of_policy, of_logged = np.empty(feedback.n), np.empty(feedback.n)
    log = (feedback.context, feedback.action, feedback.reward)
    for rows, q in regressor_blocks(*log, fold, feedback.n_actions, reward_model, weight=weight):
        of_policy[rows] = np.einsum("ij,ij->i", policy[rows], q)
        of_logged[rows] = q[np.arange(len(rows)), feedback.action[rows]]
    return of_policy, of_logged


def _ridge_moments(
    feedback: LoggedFeedback, policy: AnyArray, fold: IntArray, setting: tuple[int, float], weight: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    n_folds, reg = setting
    x = standardised(feedback.context)
    shape = (n_folds, feedback.n_actions)
    made = ridge_by_action(x, feedback.action, feedback.reward, fold, shape, reg, weight=weight)
    # what all actions share is left out of the product with the policy, which may be in single precision
    centre = made.mean(axis=1)
    own = made - centre[:, None]
    every = np.ascontiguousarray(own.transpose(1, 0, 2).reshape(feedback.n_actions, -1).astype(policy.dtype))
    of_policy, of_logged = np.empty(feedback.n), np.empty(feedback.n)
    d = x.shape[1]
    for start in range(0, feedback.n, BLOCK):
        rows = slice(start, start + BLOCK)
        f, part = fold[rows], x[rows]
        mixed = (policy[rows] @ every).reshape(len(f), n_folds, d)[np.arange(len(f)), f]
        common = centre[f]
        of_policy[rows] = np.einsum("ij,ij->i", part, common + mixed)
        of_logged[rows] = np.einsum("ij,ij->i", part, common + own[f, feedback.action[rows]])
    return of_policy, of_logged
