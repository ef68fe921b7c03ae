"""What a learned policy is worth, judged by decisions that had no say in it."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.protocols import Policy, PolicyJudge, PolicyLearner
from dorec.domain.run import RunContext
from dorec.intervene.dr_scores import log_folds, net_scores
from dorec.intervene.softmax_policy import DEFAULT_CONTEXT
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.even_folds import even_folds

NAME = "value of the learned policy"


class ScoreLearner(Protocol):
    """Learns a policy from scores, as DRPolicy and PolicyTree do."""

    def fit_scores(self, covariates: AnyArray, scores: AnyArray, *, costs: AnyArray | None = None) -> Policy:
        """The policy learned from what each arm is worth for each unit."""
        ...


def cross_fitted_policy(
    learner: PolicyLearner, feedback: LoggedFeedback, *, n_folds: int = 5, context: RunContext = DEFAULT_CONTEXT
) -> FloatArray:
    """Propensities (n, n_actions) of the policies that were learned on the other folds; clusters stay together.

    Raises:
        TooFewUnits: fewer rows or clusters than folds.
        Refusal: as the learner does on a part of the log.

    Example:
        >>> from dorec.intervene import TemperedSoftmax
        >>> rng = np.random.default_rng(0)
        >>> x, a = rng.normal(size=(600, 1)), rng.integers(2, size=600)
        >>> log = LoggedFeedback(context=x, action=a, reward=x[:, 0] * a, propensity=np.full(600, 0.5), n_actions=2)
        >>> cross_fitted_policy(TemperedSoftmax(), log, n_folds=2).shape
        (600, 2)
    """
    fold = log_folds(feedback, n_folds)
    out = np.empty((feedback.n, feedback.n_actions))
    for f in context.track(range(n_folds), "policy of fold", n_folds):
        mine = np.flatnonzero(fold == f)
        policy = learner.fit(feedback.take(np.flatnonzero(fold != f)), context=context)
        out[mine] = policy.propensities(feedback.context[mine])
    return out


def cross_fitted_value(
    learner: PolicyLearner,
    feedback: LoggedFeedback,
    estimator: PolicyJudge,
    *,
    n_folds: int = 5,
    forward: bool = False,
    context: RunContext = DEFAULT_CONTEXT,
) -> Estimate:
    """What the policies of a learner are worth, each row judged under the policy that was learned without its fold.

    The value is that of policies learned from (n_folds - 1) / n_folds of the log: there is no optimism, and what the
    learner makes of the whole log is likely a little better. To ship on the strength of a number, use
    `safe_improvement`, which judges the very policy that is shipped.

    Args:
        learner: a PolicyLearner.
        feedback: the log.
        estimator: any estimator of policy values, such as `dorec.evaluate.DoublyRobust()`.
        n_folds: 2 or more.

    Raises:
        TooFewUnits, OneArm, NoSupport, BadPropensity: as the learner and the estimator do.

    Example:
        >>> from dorec.evaluate import IPS
        >>> from dorec.intervene import TemperedSoftmax
        >>> rng = np.random.default_rng(0)
        >>> x, a = rng.normal(size=(2000, 1)), rng.integers(2, size=2000)
        >>> log = LoggedFeedback(context=x, action=a, reward=x[:, 0] * a, propensity=np.full(2000, 0.5), n_actions=2)
        >>> round(cross_fitted_value(TemperedSoftmax(), log, IPS()).value, 1)
        0.4
    """
    if not forward:
        policy = cross_fitted_policy(learner, feedback, n_folds=n_folds, context=context)
        return replace(estimator.evaluate(feedback, policy), name=NAME, estimand=_told(n_folds))
    fold = log_folds(feedback, n_folds)
    policy = np.zeros((feedback.n, feedback.n_actions))
    for f in context.track(range(1, n_folds), "policy of fold", n_folds - 1):
        mine = np.flatnonzero(fold == f)
        learned = learner.fit(feedback.take(np.flatnonzero(fold < f)), context=context)
        policy[mine] = learned.propensities(feedback.context[mine])
    rows = np.flatnonzero(fold > 0)
    told = f"expected reward of {n_folds - 1} policies, each learned on the folds before the one it is judged on"
    return replace(estimator.evaluate(feedback.take(rows), policy[rows]), name=NAME, estimand=told)


def cross_fitted_scored_value(
    learner: ScoreLearner,
    covariates: AnyArray,
    scores: AnyArray,
    *,
    costs: AnyArray | None = None,
    n_folds: int = 5,
    cluster: AnyArray | None = None,
    sample: str = "",
) -> Estimate:
    """As `cross_fitted_value`, from the orthogonal scores of a study (n, k), such as `EffectModel.scores`.

    Args:
        learner: DRPolicy, PolicyTree, or whatever has their `fit_scores`.
        covariates: (n, p).
        scores: what each arm is worth for each unit, (n, k).
        costs: of each arm, (k,) or (n, k), in units of the scores.
        n_folds: 2 or more.
        cluster: (n,), of units that belong together.
        sample: names the units, so that other estimates on them can be paired.

    Example:
        >>> from dorec.intervene import PolicyTree
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(1000, 2))
        >>> scores = np.column_stack([np.zeros(1000), np.sign(x[:, 0]) + rng.normal(size=1000)])
        >>> round(cross_fitted_scored_value(PolicyTree(max_depth=1), x, scores).value, 1)
        0.4
    """
    x, net = net_scores(covariates, scores, costs)
    fold = even_folds(len(x), n_folds, cluster)
    taken = np.empty_like(net)
    for f in range(n_folds):
        mine, others = np.flatnonzero(fold == f), np.flatnonzero(fold != f)
        taken[mine] = learner.fit_scores(x[others], net[others]).propensities(x[mine])
    made = scored_value(taken, net, cluster=cluster, sample=sample)
    return replace(made, name=NAME, estimand=_told(n_folds))


def scored_value(
    policy: AnyArray,
    scores: AnyArray,
    *,
    costs: AnyArray | None = None,
    cluster: AnyArray | None = None,
    sample: str = "",
) -> Estimate:
    """The value of a policy (n, k) from orthogonal scores (n, k) less costs: their mean under the policy.

    Example:
        >>> scored_value(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[1.0, 3.0], [2.0, 4.0]])).value
        2.0
    """
    taken = np.asarray(policy, dtype=np.float64)
    _, net = net_scores(taken, scores, costs)
    if taken.shape != net.shape:
        raise InputError(f"the policy has shape {taken.shape}, scores {net.shape}; give two tables of one shape.")
    worth = np.einsum("ij,ij->i", taken, net)
    return Estimate.of_mean(worth, sample=sample, cluster=cluster, name="policy value", method="orthogonal scores")


def _told(n_folds: int) -> str:
    return f"expected reward of the policies learned on {n_folds - 1} of {n_folds} folds, each on the fold left out"
