"""What a learned policy is worth, judged by decisions that had no say in it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Protocol

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.protocols import Policy, PolicyJudge, PolicyLearner
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.intervene.dr_scores import log_folds, net_scores
from dorec.intervene.softmax_policy import DEFAULT_CONTEXT
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.even_folds import even_folds

NAME = "value of the learned policy"
ASKED = 2_000  # rows on which policies are compared
UNSURE = 0.2  # share of decisions in which two folds differ


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
    return _by_fold(learner, feedback, log_folds(feedback, n_folds), False, context)[0]


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
    learner makes of the whole log is likely a little better. The interval takes the rows' scores as independent, as
    they are where folds learn much the same. Where actions are about equally good, each fold leans as the others' luck
    has it, and the interval is too short: the verdict `folds_disagree` warns. With `forward` a fold is judged by what
    was learned from the folds before it, whose errors don't lean on each other (Luedtke and van der Laan 2016,
    doi:10.1214/15-AOS1384): an interval that holds then too, of policies that learned from less. To ship on the
    strength of a number, use `safe_improvement`, which judges the very policy that is shipped.

    Args:
        learner: a PolicyLearner.
        feedback: the log.
        estimator: any estimator of policy values, such as `dorec.evaluate.DoublyRobust()`.
        n_folds: 2 or more.
        forward: learn from the folds before, in the place of all others; the first fold is then not judged.

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
    fold = log_folds(feedback, n_folds)
    table, policies = _by_fold(learner, feedback, fold, forward, context)
    if forward:
        rows = np.flatnonzero(fold > 0)
        made = estimator.evaluate(feedback.take(rows), table[rows])
        told = f"expected reward of {n_folds - 1} policies, each learned on the folds before the one it is judged on"
        return replace(made, name=NAME, estimand=told)
    made = estimator.evaluate(feedback, table)
    unsure = _do_folds_agree(policies, feedback.context[:ASKED])
    return replace(made, name=NAME, estimand=_told(n_folds), verdicts=(*made.verdicts, unsure))


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

    Its interval, too, is short where arms are about equally good.

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


def _by_fold(
    learner: PolicyLearner, feedback: LoggedFeedback, fold: IntArray, forward: bool, context: RunContext
) -> tuple[FloatArray, list[Policy]]:
    """Propensities (n, n_actions) by the policies of other folds, or of earlier ones (the first fold's are 0)."""
    n_folds = int(fold.max()) + 1
    out, policies = np.zeros((feedback.n, feedback.n_actions)), []
    for f in context.track(range(int(forward), n_folds), "policy of fold", n_folds - int(forward)):
        mine, others = np.flatnonzero(fold == f), np.flatnonzero(fold < f if forward else fold != f)
        policy = learner.fit(feedback.take(others), context=context)
        out[mine] = policy.propensities(feedback.context[mine])
        policies.append(policy)
    return out, policies


def _do_folds_agree(policies: Sequence[Policy], contexts: FloatArray) -> Verdict:
    """The share of decisions in which the policies of two folds differ: total variation, averaged over pairs."""
    tables = np.stack([policy.propensities(contexts) for policy in policies])
    pairs = [np.abs(a - b).sum(axis=1).mean() / 2 for a, b in combinations(tables, 2)]
    apart = float(np.mean(pairs))
    unsure = apart > UNSURE
    return Verdict(
        check="policies of the folds",
        status="warning" if unsure else "passed",
        code="folds_disagree" if unsure else "folds_agree",
        statistic=apart,
        meaning=f"The policies of two folds differ in {apart:.0%} of decisions.",
        remedy="The interval may be too short; forward=True gives one that is not." if unsure else "",
    )


def _told(n_folds: int) -> str:
    return f"expected reward of the policies learned on {n_folds - 1} of {n_folds} folds, each on the fold left out"
