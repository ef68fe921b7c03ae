"""Expected reward given context and action: a ridge for each action, or any regressor, each row from other folds."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.cell_moments import cell_moments

BLOCK = 65_536  # rows predicted at once, which bounds the memory at BLOCK x n_actions


def standardised(context: FloatArray) -> FloatArray:
    """A column of ones, and the columns with mean 0 and standard deviation 1, (n, 1 + d).

    Example:
        >>> standardised(np.array([[1.0], [3.0]])).tolist()
        [[1.0, -1.0], [1.0, 1.0]]
    """
    return on_scale(context, context.mean(axis=0), context.std(axis=0))


def on_scale(context: FloatArray, mean: FloatArray, sd: FloatArray) -> FloatArray:
    """A column of ones, and the columns less `mean` (d,) over `sd` (d,), (n, 1 + d); a sd of 0 counts as 1.

    Example:
        >>> on_scale(np.array([[5.0]]), np.array([1.0]), np.array([2.0])).tolist()
        [[1.0, 2.0]]
    """
    scaled = (context - mean) / np.where(sd > 0, sd, 1.0)
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


def cross_fitted_rewards(
    context: FloatArray,
    action: IntArray,
    reward: FloatArray,
    fold: IntArray,
    n_actions: int,
    *,
    reward_model: Any = None,
    reg: float = 10.0,
) -> FloatArray:
    """Predicted reward of every action, (n, n_actions), for each row from the rows of other folds.

    Args:
        context: (n, d).
        action: (n,) codes below `n_actions`.
        reward: (n,).
        fold: (n,) codes from 0.
        reward_model: a scikit-learn regressor or classifier; None for the ridge.
        reg: of the ridge.

    Example:
        >>> a, fold = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
        >>> cross_fitted_rewards(np.empty((4, 0)), a, 2.0 * a, fold, 2, reg=0.0).round(6)[0].tolist()
        [0.0, 2.0]
    """
    out = np.empty((len(action), n_actions))
    if reward_model is not None:
        for rows, q in regressor_blocks(context, action, reward, fold, n_actions, reward_model):
            out[rows] = q
        return out
    x = standardised(context)
    n_folds = int(fold.max()) + 1
    made = ridge_by_action(x, action, reward, fold, (n_folds, n_actions), reg)
    for f in range(n_folds):
        rows = np.flatnonzero(fold == f)
        out[rows] = x[rows] @ made[f].T
    return out


def regressor_blocks(
    context: FloatArray,
    action: IntArray,
    reward: FloatArray,
    fold: IntArray,
    n_actions: int,
    reward_model: Any,
    *,
    weight: FloatArray | None = None,
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Blocks of rows (m,) and the predicted reward of every action there, (m, n_actions), by a scikit-learn model.

    The model sees the context and the action as indicator columns; it is cloned for each fold and fitted on the others.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> a, fold = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
        >>> rows, q = next(regressor_blocks(np.empty((4, 0)), a, 2.0 * a, fold, 2, LinearRegression()))
        >>> rows.tolist(), q.round(6)[0].tolist()
        ([0, 1], [0.0, 2.0])
    """
    from sklearn.base import clone

    one_hot = np.eye(n_actions)
    features = np.concatenate([context, one_hot[action]], axis=1)
    for f in range(int(fold.max()) + 1):
        train = fold != f
        how = {} if weight is None else {"sample_weight": weight[train]}
        model = clone(reward_model).fit(features[train], reward[train], **how)
        held_out = np.flatnonzero(fold == f)
        for start in range(0, len(held_out), BLOCK):
            rows = held_out[start : start + BLOCK]
            q = np.empty((len(rows), n_actions))
            for a in range(n_actions):
                asked = np.concatenate([context[rows], np.tile(one_hot[a], (len(rows), 1))], axis=1)
                q[:, a] = _expected(model, asked)
            yield rows, q


def _expected(model: Any, x: FloatArray) -> FloatArray:
    """A regressor's prediction, or a classifier's probability of its second class."""
    from sklearn.base import is_classifier

    made = model.predict_proba(x)[:, 1] if is_classifier(model) else model.predict(x)
    return np.asarray(made, dtype=np.float64)
