"""What each action is worth for each row of a log: doubly robust scores, and what every policy learner checks first."""

from dataclasses import replace
from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError, InputError, NotFinite, OneArm, TooFewUnits
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.numeric.action_ridge import cross_fitted_rewards
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.even_folds import even_folds


def dr_scores(feedback: LoggedFeedback, *, reward_model: Any = None, n_folds: int = 5, reg: float = 10.0) -> FloatArray:
    """Doubly robust scores (n, n_actions): predicted reward, corrected at the logged action by its weighted residual.

    Their mean over rows, weighted by a policy, is the policy's value without bias (Dudik, Erhan, Langford, Li 2014,
    doi:10.1214/14-STS500); each row is predicted from other folds, and a cluster lies in one fold.

    Args:
        feedback: a log with exact propensities.
        reward_model: a scikit-learn regressor or classifier; None for a ridge for each action.
        n_folds: 2 or more.
        reg: of the ridge.

    Raises:
        TooFewUnits: fewer rows or clusters than folds.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=5.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> dr_scores(log, reg=0.0).mean(axis=0).round(3).tolist()
        [5.0, 6.0]
    """
    fold = log_folds(feedback, n_folds)
    log = (feedback.context, feedback.action, feedback.reward)
    q = cross_fitted_rewards(*log, fold, feedback.n_actions, reward_model=reward_model, reg=reg)
    rows = np.arange(feedback.n)
    q[rows, feedback.action] += (feedback.reward - q[rows, feedback.action]) / feedback.propensity
    return q


def net_of_costs(feedback: LoggedFeedback, costs: AnyArray) -> LoggedFeedback:
    """The log with the cost of the action taken off each reward, so that every learner and estimator counts it.

    Args:
        feedback: the log.
        costs: of each action, (n_actions,), or of each action in each row, (n, n_actions); in units of the reward.

    Example:
        >>> log = LoggedFeedback(action=np.array([0, 1]), reward=np.ones(2), propensity=np.full(2, 0.5), n_actions=2)
        >>> net_of_costs(log, np.array([0.0, 0.3])).reward.tolist()
        [1.0, 0.7]
    """
    cost = cost_table(costs, feedback.n, feedback.n_actions)
    return replace(feedback, reward=feedback.reward - cost[np.arange(feedback.n), feedback.action], sample="")


def log_folds(feedback: LoggedFeedback, n_folds: int) -> IntArray:
    """The fold of each row, (n,), clusters kept together; refused where a fold would be empty.

    Example:
        >>> log = LoggedFeedback(action=np.arange(4) % 2, reward=np.ones(4), propensity=np.full(4, 0.5), n_actions=2)
        >>> np.bincount(log_folds(log, 2)).tolist()
        [2, 2]
    """
    if n_folds < 2:
        raise ConfigError(f"n_folds is {n_folds}; give 2 or more, so that no row is judged by itself.")
    groups = feedback.n if feedback.cluster is None else len(np.unique(feedback.cluster))
    if groups < n_folds:
        raise TooFewUnits(f"{groups} independent row(s) for {n_folds} folds", remedy="use fewer folds, or log more")
    return even_folds(feedback.n, n_folds, feedback.cluster)


def actions_to_learn(feedback: LoggedFeedback, min_rows: int = 1) -> BoolArray:
    """The actions that the log took in `min_rows` rows or more, (n_actions,): of others nothing can be learned.

    Raises:
        OneArm: there are fewer than two, so there is nothing to choose.

    Example:
        >>> log = LoggedFeedback(action=np.zeros(9, int), reward=np.ones(9), propensity=np.ones(9), n_actions=2)
        >>> actions_to_learn(log)
        Traceback (most recent call last):
        dorec.domain.errors.OneArm: no_control_arm: the log took 1 of 2 actions in 1 row(s) or more, so ...
    """
    counts = np.bincount(feedback.action, minlength=feedback.n_actions)
    known = counts >= max(min_rows, 1)
    if known.sum() < 2:
        raise OneArm(
            f"the log took {int(known.sum())} of {feedback.n_actions} actions in {max(min_rows, 1)} row(s) or more, "
            "so there is nothing to choose",
            remedy="log decisions that explore, at least two actions with positive propensity",
            evidence={"rows": counts.tolist()},
        )
    return np.asarray(known)


def net_scores(covariates: AnyArray, scores: AnyArray, costs: AnyArray | None) -> tuple[FloatArray, FloatArray]:
    """Covariates (n, p) and scores less costs (n, k), checked.

    Raises:
        NotFinite: a missing or infinite number, with its row.
        OneArm: fewer than two columns of scores.

    Example:
        >>> net_scores(np.ones((2, 1)), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.0, 0.5]))[1].tolist()
        [[1.0, 1.5], [3.0, 3.5]]
    """
    x, s = np.asarray(covariates, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if x.ndim != 2 or s.ndim != 2 or len(x) != len(s):
        raise InputError(f"covariates have shape {x.shape}, scores {s.shape}; give (n, p) and (n, k) of the same rows.")
    if s.shape[1] < 2:
        raise OneArm("scores have one column, so there is nothing to choose", remedy="give one column for each arm")
    if len(s) < 2:
        raise TooFewUnits(f"{len(s)} unit(s) can't teach a policy", remedy="add units")
    net = s if costs is None else s - cost_table(costs, *s.shape)
    for what, table in (("covariates", x), ("scores", net)):
        bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
        if len(bad):
            raise NotFinite(
                f"{what} have {len(bad):,} row(s) with a missing or infinite value, the first {bad[0]}",
                remedy="repair or drop these rows",
                evidence={"rows": bad[:10].tolist()},
            )
    return x, net


def cost_table(costs: AnyArray, n: int, k: int) -> FloatArray:
    """Costs as one number for each row and action, (n, k).

    Example:
        >>> cost_table(np.array([0.0, 0.5]), 2, 2).tolist()
        [[0.0, 0.5], [0.0, 0.5]]
    """
    cost = np.asarray(costs, dtype=np.float64)
    if cost.shape not in ((k,), (n, k)) or not np.isfinite(cost).all():
        raise InputError(f"costs have shape {cost.shape} or a value that is no number; give ({k},) or ({n}, {k}).")
    return np.broadcast_to(cost, (n, k))
