"""Expected reward given context and action: a ridge per action, or any scikit-learn regressor, cross-fitted."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError, TooFewUnits
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.cell_moments import cell_moments
from dorec.numeric.folds import hash64

BLOCK = 65_536  # rows predicted at once, which bounds the memory at BLOCK x n_actions


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
    if feedback.cluster is None:
        ids, units = np.arange(feedback.n), np.arange(feedback.n)
    else:
        ids, units = np.unique(feedback.cluster, return_inverse=True)
    order = np.argsort(hash64(ids))  # no two places have one hash
    fold = np.empty(len(ids), dtype=np.int64)
    fold[order] = np.arange(len(ids)) % n_folds
    return fold[units]


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
    for rows, q in _sklearn_blocks(feedback, fold, n_folds, reward_model, weight):
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


def standardised(context: FloatArray) -> FloatArray:
    """A column of ones, and the columns with mean 0 and standard deviation 1, (n, 1 + d).

    Example:
        >>> standardised(np.array([[1.0], [3.0]])).tolist()
        [[1.0, -1.0], [1.0, 1.0]]
    """
    sd = context.std(axis=0)
    scaled = (context - context.mean(axis=0)) / np.where(sd > 0, sd, 1.0)
    return np.concatenate([np.ones((len(context), 1)), scaled], axis=1)


def ridge_by_action(
    x: FloatArray,
    action: IntArray,
    reward: FloatArray,
    fold: IntArray,
    shape: tuple[int, int],
    reg: float,
    *,
    weight: FloatArray | None = None,
) -> FloatArray:
    """Coefficients (n_folds, n_actions, d) fitted without each fold: a pooled ridge plus each action's own deviation.

    `reg` counts like that many observations of "this action is as the average action", so an action with few rows
    stays near the pooled fit and one without rows equals it.

    Example:
        >>> x, a = np.ones((6, 1)), np.array([0, 0, 0, 1, 1, 1])
        >>> fold = np.array([0, 1, 0, 1, 0, 1])
        >>> ridge_by_action(x, a, 2.0 * a, fold, (2, 2), 0.0)[:, :, 0].round(6).tolist()
        [[0.0, 2.0], [0.0, 2.0]]
    """
    n_folds, n_actions = shape
    d = x.shape[1]
    each = np.ones(1) if weight is None else weight * (len(weight) / weight.sum())
    gram, cross = cell_moments(x, reward, each, fold * n_actions + action, n_folds * n_actions)
    gram, cross = gram.reshape(*shape, d, d), cross.reshape(*shape, d)
    gram, cross = gram.sum(axis=0) - gram, cross.sum(axis=0) - cross
    return ridge_from_moments(gram, cross, reg)


def ridge_from_moments(gram: FloatArray, cross: FloatArray, reg: float) -> FloatArray:
    """Coefficients (..., n_actions, d) from X'X (..., n_actions, d, d) and X'r: pooled, plus each action's deviation.

    Example:
        >>> ridge_from_moments(np.full((2, 1, 1), 3.0), np.array([[0.0], [6.0]]), 0.0)[:, 0].round(6).tolist()
        [0.0, 2.0]
    """
    eye = np.eye(gram.shape[-1]) * (reg + 1e-9)
    pooled = np.linalg.solve(gram.sum(axis=-3) + eye, cross.sum(axis=-2)[..., None])[..., 0]
    residual = cross - np.einsum("...ade,...e->...ad", gram, pooled)
    return np.asarray(pooled[..., None, :] + np.linalg.solve(gram + eye, residual[..., None])[..., 0])


def _sklearn_blocks(
    feedback: LoggedFeedback, fold: IntArray, n_folds: int, reward_model: Any, weight: FloatArray | None
) -> Iterator[tuple[IntArray, FloatArray]]:
    from sklearn.base import clone

    k = feedback.n_actions
    one_hot = np.eye(k)
    features = np.concatenate([feedback.context, one_hot[feedback.action]], axis=1)
    for f in range(n_folds):
        train = fold != f
        how = {} if weight is None else {"sample_weight": weight[train]}
        model = clone(reward_model).fit(features[train], feedback.reward[train], **how)
        held_out = np.flatnonzero(fold == f)
        for start in range(0, len(held_out), BLOCK):
            rows = held_out[start : start + BLOCK]
            q = np.empty((len(rows), k))
            for a in range(k):
                asked = np.concatenate([feedback.context[rows], np.tile(one_hot[a], (len(rows), 1))], axis=1)
                q[:, a] = _expected(model, asked)
            yield rows, q


def _expected(model: Any, x: FloatArray) -> FloatArray:
    """A regressor's prediction, or a classifier's probability of its second class."""
    from sklearn.base import is_classifier

    made = model.predict_proba(x)[:, 1] if is_classifier(model) else model.predict(x)
    return np.asarray(made, dtype=np.float64)
