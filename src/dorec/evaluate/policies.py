"""Policies to judge against the log: uniform, popular, softmax over scores."""

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.numeric.arrays import AnyArray, FloatArray


def uniform_policy(feedback: LoggedFeedback) -> FloatArray:
    """Every action with equal probability, (n, n_actions).

    Example:
        >>> log = LoggedFeedback(action=np.array([0, 1]), reward=np.ones(2), propensity=np.full(2, 0.5), n_actions=2)
        >>> uniform_policy(log).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    return _every_row(np.full(feedback.n_actions, 1.0 / feedback.n_actions), feedback.n)


def popularity_policy(
    feedback: LoggedFeedback, counts: AnyArray | None = None, *, smoothing: float = 1.0, epsilon: float = 0.0
) -> FloatArray:
    """Actions in proportion to how often they succeeded, the same in every context, (n, n_actions).

    Args:
        feedback: the log on which the policy will be judged.
        counts: successes of each action, (n_actions,), best from an earlier period: a policy that learned from the
            very rewards that judge it looks better than it is. By default the summed rewards of this log.
        smoothing: added to every count.
        epsilon: share that is spread over all actions equally.

    Example:
        >>> log = LoggedFeedback(action=np.array([0, 1]), reward=np.ones(2), propensity=np.full(2, 0.5), n_actions=2)
        >>> popularity_policy(log, counts=np.array([3, 0]), smoothing=1.0)[0].tolist()
        [0.8, 0.2]
    """
    if counts is None:
        counts = np.bincount(feedback.action, weights=feedback.reward, minlength=feedback.n_actions)
    counts = np.asarray(counts, dtype=np.float64)
    share = counts + smoothing
    if share.shape != (feedback.n_actions,) or not np.isfinite(share).all() or (counts < 0).any() or share.sum() <= 0:
        raise InputError(
            f"counts have shape {np.shape(counts)} or negative or no entries; give one count of 0 or more for each of "
            f"the {feedback.n_actions} actions."
        )
    return _every_row(_explore(share / share.sum(), epsilon), feedback.n)


def softmax_policy(scores: AnyArray, *, temperature: float = 1.0, epsilon: float = 0.0) -> FloatArray:
    """Actions with probability proportional to exp(score / temperature), row by row; -inf is never taken.

    Example:
        >>> softmax_policy(np.array([[0.0, np.log(3.0)]])).round(2).tolist()
        [[0.25, 0.75]]
    """
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 2 or not temperature > 0:
        raise InputError(f"scores have shape {x.shape} and temperature is {temperature}; give (n, n_actions) and > 0.")
    top = x.max(axis=1, keepdims=True)
    if not np.isfinite(top).all() or np.isnan(x).any():
        raise InputError("Each row of scores needs a finite largest score and no NaN.")
    share = np.exp((x - top) / temperature)
    return _explore(share / share.sum(axis=1, keepdims=True), epsilon)


def _explore(share: FloatArray, epsilon: float) -> FloatArray:
    if not 0 <= epsilon <= 1:
        raise InputError(f"epsilon is {epsilon}; give a share between 0 and 1.")
    return (1 - epsilon) * share + epsilon / share.shape[-1]


def _every_row(share: FloatArray, n: int) -> FloatArray:
    return np.broadcast_to(share, (n, len(share))).copy()
