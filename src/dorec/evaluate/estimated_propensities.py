"""A log whose propensities were not written down: estimated from what it did, and marked so."""

from typing import Any

import numpy as np

from dorec.domain.errors import TooFewUnits
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate.reward_model import check_n_folds
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.even_folds import even_folds


def estimate_propensities(
    *,
    context: AnyArray,
    action: AnyArray,
    reward: AnyArray,
    n_actions: int,
    cluster: AnyArray | None = None,
    n_folds: int = 3,
    model: Any = None,
) -> LoggedFeedback:
    """The log with the estimated probability of each logged action, from a classifier that never saw the row's fold.

    Values from it hold only if the context has every reason that the log had for its choices and for what came of
    them. IPS and SNIPS need the classifier to be right; DoublyRobust and its kin need the classifier or the rewards'
    model. Every estimate from such a log says that with a warning, `propensities_estimated`.

    Args:
        context: what the log looked at when it chose, (n, d).
        action: (n,), 0..n_actions-1.
        reward: (n,).
        n_actions: how many there are.
        cluster: user, when one user has many rows, (n,); a user's rows are in one fold.
        n_folds: folds.
        model: a scikit-learn classifier; None for a multinomial logistic regression on standardised columns.

    Raises:
        TooFewUnits: an action that was taken is missing outside of a fold, so that its propensity there is unknown.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(4000, 1))
        >>> a = (rng.random(4000) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
        >>> log = estimate_propensities(context=x, action=a, reward=1.0 * a, n_actions=2)
        >>> exact = 1 / (1 + np.exp(-np.where(a == 1, 1, -1) * x[:, 0]))
        >>> log.propensities_estimated, bool(np.abs(log.propensity - exact).mean() < 0.02)
        (True, True)
    """
    check_n_folds(n_folds)
    x, chosen = np.asarray(context, dtype=np.float64), np.asarray(action)
    # refuses what is no log before a model is fitted to it
    log = LoggedFeedback(
        context=x,
        action=chosen,
        reward=np.asarray(reward),
        propensity=np.ones(len(chosen)),
        n_actions=n_actions,
        cluster=cluster,
    )
    fold = even_folds(log.n, n_folds, cluster)
    propensity = np.empty(log.n)
    for f in range(n_folds):
        test = fold == f
        propensity[test] = _of_fold(log, test, model)
    return LoggedFeedback(
        context=x,
        action=log.action,
        reward=log.reward,
        propensity=propensity,
        n_actions=n_actions,
        cluster=cluster,
        propensities_estimated=True,
    )


def _of_fold(log: LoggedFeedback, test: AnyArray, model: Any) -> FloatArray:
    """Probability of the logged actions of the rows in `test`, from the other rows."""
    from sklearn.base import clone

    missing = np.setdiff1d(log.action[test], log.action[~test])
    if len(missing):
        raise TooFewUnits(
            f"action {missing[0]} was taken in one fold alone, so that its propensity there is unknown",
            remedy="drop actions that were taken a few times, or use fewer folds",
            evidence={"actions": missing[:10].tolist()},
        )
    kinds = np.unique(log.action[~test])
    if len(kinds) == 1:
        return np.ones(int(test.sum()))
    fitted = clone(_logistic() if model is None else model).fit(log.context[~test], log.action[~test])
    made = np.asarray(fitted.predict_proba(log.context[test]), dtype=np.float64)
    return np.asarray(made[np.arange(len(made)), np.searchsorted(fitted.classes_, log.action[test])])


def _logistic() -> Any:
    """Nearly without a penalty, so that the propensities are calibrated."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=100.0, max_iter=1_000))
