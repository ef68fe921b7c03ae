"""What every off-policy estimator looks at before it gives a number: support, weights, how many rows really speak."""

from typing import Any, TypeAlias

import numpy as np
from scipy import special

from dorec.domain.errors import BadPropensity, InputError, NoSupport, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.domain.logged_feedback import BLOCK, LoggedFeedback
from dorec.domain.protocols import Policy
from dorec.domain.verdict import Status, Verdict
from dorec.evaluate.propensity_check import check_propensities
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.multiplicity import cluster_sums
from dorec.numeric.pareto_tail import tail_index

Target: TypeAlias = "AnyArray | Policy"

FEW_EFFECTIVE_ROWS = 30  # below this the normal approximation fails and no interval is given
REFUTED = 4.5  # |z| of the mean weight beyond which the log is refuted: missing support, or wrong propensities
EXPLODED = 1_000.0  # a weight that large, and above the sum of all others, is refused
HEAVY_TAIL = 0.7  # of the weights' Pareto shape, as in Vehtari et al. (2024)
DOMINATED = 0.1  # share of the variance that one unit may carry before a warning


def policy_matrix(feedback: LoggedFeedback, target: Target) -> AnyArray:
    """The judged policy as (n, n_actions), each row a distribution; a Policy is asked at the logged contexts.

    Where actions are too many for that, the policy's propensities of the logged actions alone, (n,), are enough for
    estimators that predict no rewards; they stay (n,).

    Example:
        >>> log = LoggedFeedback(action=np.array([0, 1]), reward=np.ones(2), propensity=np.full(2, 0.5), n_actions=2)
        >>> policy_matrix(log, np.array([[1.0, 0.0], [0.2, 0.8]])).tolist()
        [[1.0, 0.0], [0.2, 0.8]]
    """
    propensities = target if isinstance(target, np.ndarray) else None
    if propensities is None:
        propensities = target.propensities(feedback.context) if isinstance(target, Policy) else np.asarray(target)
    return _of_logged(feedback, propensities) if propensities.ndim == 1 else feedback.check_policy(propensities)


def _of_logged(feedback: LoggedFeedback, propensities: AnyArray) -> FloatArray:
    """The judged policy's propensities of the logged actions, (n,), checked."""
    chosen = np.asarray(propensities, dtype=np.float64)
    if chosen.shape != (feedback.n,):
        raise InputError(
            f"The policy has shape {chosen.shape}; give (n, n_actions) = {(feedback.n, feedback.n_actions)}, or its "
            f"propensities of the logged actions, ({feedback.n},)."
        )
    bad = np.flatnonzero(~((chosen >= 0) & (chosen <= 1 + 1e-6)))
    if len(bad):
        raise BadPropensity(
            f"{len(bad):,} of the policy's propensities are outside [0, 1], the first in row {bad[0]}: "
            f"{chosen[bad[0]]:g}",
            remedy="give the probability with which the policy takes the logged action",
            evidence={"rows": bad[:10].tolist()},
        )
    return chosen


def importance_weights(feedback: LoggedFeedback, policy: AnyArray) -> FloatArray:
    """How much more often the judged policy takes the logged action than the log did, (n,).

    Example:
        >>> log = LoggedFeedback(action=np.array([0, 1]), reward=np.ones(2), propensity=np.full(2, 0.5), n_actions=2)
        >>> importance_weights(log, np.array([[1.0, 0.0], [0.2, 0.8]])).tolist()
        [2.0, 1.6]
    """
    of_logged = policy if policy.ndim == 1 else policy[np.arange(feedback.n), feedback.action]
    return np.asarray(of_logged / feedback.propensity, dtype=np.float64)


def effective_sample_size(weights: FloatArray) -> float:
    """Rows of equal weight that would speak as loudly: (sum w)^2 / sum w^2; 0 when every weight is 0.

    Example:
        >>> effective_sample_size(np.array([1.0, 1.0, 0.0, 0.0]))
        2.0
    """
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def check_support(feedback: LoggedFeedback, policy: AnyArray, max_unsupported: float) -> Verdict:
    """A verdict on the share of the judged policy that lies on actions which the log never took.

    Where `feedback.logged_policy` is known, on those which it could not take in their context.

    Raises:
        NoSupport: the share exceeds `max_unsupported`; no reweighting can say what these actions are worth.
    """
    if not 0 <= max_unsupported <= 1:
        raise InputError(f"max_unsupported is {max_unsupported}; give a share between 0 and 1, as in 0.01.")
    if policy.ndim == 1:
        return Verdict(
            check="support",
            status="warning",
            code="support_not_seen",
            meaning="Of the policy only the propensities of logged actions are known: what it does where the log could "
            "not act shows in the mean weight alone.",
            remedy="Look at the mean weight; where actions are few enough, give the policy as (n, n_actions).",
        )
    by_row, never = _unsupported(feedback, policy)
    mass = float(by_row.mean()) if len(by_row) else 0.0
    labels = feedback.action_labels
    shown = [labels[a] if labels else int(a) for a in never[:10]]
    evidence: dict[str, Any] = {"unsupported_mass": mass, "actions_never_logged": len(never), "examples": shown}
    told = f"{mass:.2%} of the policy lies on {len(never):,} action(s) that the log never took"
    if mass > 0:
        evidence["row"] = int(by_row.argmax())
        told += f", most in row {evidence['row']} with {by_row.max():.2%}"
    if mass > max_unsupported:
        ess = effective_sample_size(importance_weights(feedback, policy))
        raise NoSupport(
            f"{told}, of which {max_unsupported:.2%} are allowed (effective sample size {ess:,.0f} of {feedback.n:,})",
            remedy="judge a policy that stays within the logged actions, or log these actions with some probability",
            evidence={**evidence, "effective_sample_size": ess},
        )
    return Verdict(
        check="support", status="passed", code="supported", statistic=mass, meaning=told + ".", evidence=evidence
    )


def _unsupported(feedback: LoggedFeedback, policy: AnyArray) -> tuple[FloatArray, IntArray]:
    """The share of each row's policy that lies where the log could not act, (n,) or empty, and those actions."""
    if feedback.logged_policy is None:
        never = np.flatnonzero(np.bincount(feedback.action, minlength=feedback.n_actions) == 0)
        return (policy[:, never].sum(axis=1, dtype=np.float64) if len(never) else np.empty(0)), never
    by_row, impossible = np.zeros(feedback.n), np.zeros(feedback.n_actions, dtype=bool)
    for start in range(0, feedback.n, BLOCK):
        rows = slice(start, start + BLOCK)
        lost = np.where(feedback.logged_policy[rows] > 0, 0.0, policy[rows])
        by_row[rows] = lost.sum(axis=1)
        impossible |= (lost > 0).any(axis=0)
    return by_row, np.flatnonzero(impossible)


def weight_verdicts(feedback: LoggedFeedback, weights: FloatArray, max_unsupported: float) -> tuple[Verdict, ...]:
    """What the weights say about the log: their mean must be one, and enough rows must carry them.

    Where the mean is not one, the actions whose propensities are refuted are named.

    Raises:
        NoSupport: the mean weight is so far below one that the policy must act where the log could not, or the logged
            propensities are too large.
        BadPropensity: the mean weight is so far above one that the logged propensities must be too small.
    """
    try:
        control = _mean_is_one(feedback, weights, max_unsupported)
    except (BadPropensity, NoSupport) as refusal:
        named = check_propensities(feedback)
        if named:
            raise
        reason = f"{refusal.reason}; {named.meaning[0].lower()}{named.meaning[1:]}"
        evidence = {**refusal.evidence, **named.evidence}
        raise type(refusal)(reason, remedy=refusal.remedy, evidence=evidence) from None
    named_too = () if control else (check_propensities(feedback),)
    return (control, _rows_that_speak(weights), _tail(weights), *named_too)


def refuse_dominated(weights: FloatArray) -> None:
    """Refuses weights of which one row holds more than half: an unbounded estimator would report that row.

    Raises:
        NoSupport: the largest weight is 1,000 or more and above the sum of all others.

    Example:
        >>> refuse_dominated(np.array([1.0, 1e6, 1.0]))
        Traceback (most recent call last):
        dorec.domain.errors.NoSupport: no_support: row 1 alone has a weight of 1,000,000, 100% of the weight of ...
    """
    row = int(weights.argmax())
    largest, total = float(weights[row]), float(weights.sum())
    if largest < EXPLODED or largest <= 0.5 * total:
        return
    raise NoSupport(
        f"row {row} alone has a weight of {largest:,.0f}, {largest / total:.0%} of the weight of all "
        f"{len(weights):,} rows",
        remedy="judge a policy nearer to the logged one, look at that row's propensity, or bound the weights: "
        "SwitchDR, DRos, SubGaussianIPS, IPS(clip=...)",
        evidence={"row": row, "max_weight": largest, "effective_sample_size": effective_sample_size(weights)},
    )


def _mean_is_one(feedback: LoggedFeedback, weights: FloatArray, max_unsupported: float) -> Verdict:
    mean, se = float(weights.mean()), _error_of_mean(feedback, weights)
    top = float(weights.max() / max(weights.sum(), 1e-300))
    return mean_weight_verdict(mean, se, _skewness(feedback, weights), top, max_unsupported)


def mean_weight_verdict(mean: float, se: float, skewness: float, top: float, max_unsupported: float) -> Verdict:
    """Whether weights of this mean, standard error and skewness of the mean can have 1 as their expectation.

    Args:
        mean: of the weights.
        se: its standard error.
        skewness: of the mean itself.
        top: share of the largest weight in their sum.
        max_unsupported: a gap up to here is no ground for a refusal.

    Raises:
        NoSupport: far below one.
        BadPropensity: far above one.

    Example:
        >>> mean_weight_verdict(1.01, 0.02, 0.0, 0.001, 0.01).status
        'passed'
    """
    gap = mean - 1.0
    z = _skewness_corrected(gap, se, skewness)
    p = 2 * float(special.ndtr(-abs(z)))
    evidence = {"mean_weight": mean, "std_error": se, "z": z}
    # a sum that one row dominates has no trustworthy standard error, so it can't prove a lack of support
    provable = abs(gap) > max_unsupported and (top < 0.05 or se == 0)
    if provable and z < -REFUTED:
        raise NoSupport(
            f"the importance weights average {mean:.3f} (± {se:.3f}) instead of 1: about {-gap:.1%} of the "
            "policy acts where the log never did, or the logged propensities are too large",
            remedy="restrict the policy to what the log could do in each context, or correct the propensities",
            evidence=evidence,
        )
    # the correction inflates a z far above 0, so the plain one must say the same
    if provable and z > REFUTED and gap > REFUTED * se:
        raise BadPropensity(
            f"the importance weights average {mean:.3f} (± {se:.3f}) instead of 1, z = {z:.1f}: the logged "
            "propensities are smaller than those by which the log acted",
            remedy="repair the logged propensities, or estimate them from the log",
            evidence=evidence,
        )
    status: Status = "failed" if p < 0.001 else "warning" if p < 0.01 else "passed"
    meaning = f"The importance weights average {mean:.3f} ± {se:.3f}; they must average 1."
    return Verdict(
        check="mean weight is one",
        status=status,
        code="mean_weight",
        statistic=mean,
        p_value=p,
        meaning=meaning,
        remedy="" if status == "passed" else "Check that the logged propensities are those of the logged actions.",
        evidence=evidence,
    )


def _error_of_mean(feedback: LoggedFeedback, weights: FloatArray) -> float:
    """The standard error of the mean weight over rows or clusters; 0 where no weight differs, which is no mistake."""
    centred = weights - weights.mean()
    if feedback.cluster is not None:
        centred = cluster_sums(centred[:, None], feedback.cluster)[:, 0]
    groups = len(centred)
    if groups < 2:
        raise TooFewUnits(f"{groups} independent group(s) give no standard error", remedy="add rows or clusters")
    return float(np.sqrt((centred @ centred) * groups / (groups - 1))) / len(weights)


def _skewness(feedback: LoggedFeedback, weights: FloatArray) -> float:
    """The skewness of the mean weight, over rows or clusters."""
    centred = weights - weights.mean()
    if feedback.cluster is not None:
        centred = cluster_sums(centred[:, None], feedback.cluster)[:, 0]
    squares = centred * centred
    total = float(squares.sum())
    return float(squares @ centred) / total**1.5 if total > 0 else 0.0


def _skewness_corrected(gap: float, se: float, skewness: float) -> float:
    """The mean weight less 1 over its error, corrected for skewness (Johnson 1978).

    In a sample without large weights both the mean and its error are too small, which plain z takes for evidence.
    """
    if se == 0:
        return 0.0 if abs(gap) < 1e-9 else float(np.sign(gap)) * np.inf
    z = gap / se
    return z + skewness * (1 + 2 * z**2) / 6


def _rows_that_speak(weights: FloatArray) -> Verdict:
    return rows_that_speak(effective_sample_size(weights), len(weights), float(weights.max()))


def rows_that_speak(ess: float, rows: int, largest: float) -> Verdict:
    """A verdict on the effective sample size among `rows`, of which the largest weight is `largest`.

    Example:
        >>> str(rows_that_speak(812.3, 1000, 4.2))
        'passed: effective sample size: 812 of 1,000 rows speak for this policy; the largest weight is 4.2.'
    """
    status: Status = "failed" if ess < FEW_EFFECTIVE_ROWS else "warning" if ess < 100 else "passed"
    return Verdict(
        check="effective sample size",
        status=status,
        code="effective_sample_size",
        statistic=ess,
        meaning=f"{ess:,.0f} of {rows:,} rows speak for this policy; the largest weight is {largest:,.1f}.",
        remedy="" if status == "passed" else "Judge a policy nearer to the logged one, or log more.",
        evidence={"effective_sample_size": ess, "rows": rows, "max_weight": largest},
    )


def _tail(weights: FloatArray) -> Verdict:
    """The shape of the weights' tail: from 0.5 on their variance, and with it a normal interval, is in doubt."""
    k = tail_index(weights)
    known = np.isfinite(k)
    status: Status = "passed" if not k >= HEAVY_TAIL else "warning"
    told = f"The largest weights have a Pareto tail of shape {k:.2f}; from {HEAVY_TAIL} on, rows not seen yet may "
    told += "outweigh those seen."
    return Verdict(
        check="weight tail",
        status=status,
        code="weight_tail",
        statistic=k if known else None,
        meaning=told if known else "The weights have no tail to speak of.",
        remedy="" if status == "passed" else "Bound the weights (SwitchDR, DRos), or judge a nearer policy.",
    )


def off_policy_estimate(
    feedback: LoggedFeedback,
    value: float,
    influence: FloatArray,
    *,
    weights: FloatArray,
    method: str,
    verdicts: tuple[Verdict, ...],
) -> Estimate:
    """The value of a policy as an Estimate, with the verdicts; without an interval where too few rows speak.

    `weights` (n,) are those by which the rewards were weighted.
    """
    squares = influence**2
    total = float(squares.sum())
    if total > 0 and (share := float(squares.max()) / total) > DOMINATED:
        verdicts = (
            *verdicts,
            Verdict(
                check="influence",
                status="warning",
                code="influence_dominated",
                statistic=share,
                meaning=f"One row carries {share:.0%} of the variance, so the interval rests on it.",
                remedy="Look at that row; judge a policy nearer to the logged one.",
                evidence={"row": int(squares.argmax())},
            ),
        )
    groups = feedback.n if feedback.cluster is None else len(np.unique(feedback.cluster))
    return Estimate(
        value,
        influence,
        name="policy value",
        method=method,
        estimand="expected reward of the policy on the logged contexts",
        sample=feedback.sample,
        cluster=feedback.cluster,
        dof=float(groups - 1) if 1 < groups < 200 else None,
        no_interval=_why_no_interval(weights, feedback.reward, influence),
        verdicts=verdicts,
    )


def _why_no_interval(weights: FloatArray, reward: FloatArray, influence: FloatArray) -> str:
    """The reason why an error can't be told from these rows, or "": they are too few, or none differs in reward."""
    ess = effective_sample_size(weights)
    if not (weights * reward).any():
        return f"no decision that the policy would have taken was rewarded; {ess:,.1f} effective decisions"
    if ess < FEW_EFFECTIVE_ROWS:
        return f"only {ess:.1f} effective rows speak for this policy"
    if np.abs(influence).max() <= 1e-13 * np.abs(reward).max():
        return f"every decision that the policy would have taken had the same reward; {ess:,.1f} effective decisions"
    return ""
