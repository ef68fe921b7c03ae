"""One policy against another, and the value in parts of a log: by segment, and as time goes by."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special

from dorec.domain.errors import InputError, NoSupport, Refusal
from dorec.domain.estimate import CONSTANT, Estimate
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.verdict import Status, Verdict
from dorec.evaluate.judged_log import OffPolicyEstimator
from dorec.evaluate.off_policy import Target, policy_matrix
from dorec.evaluate.shrinkage import carrying, without_bias
from dorec.numeric.arrays import AnyArray, IntArray


def policy_contrast(estimator: OffPolicyEstimator, feedback: LoggedFeedback, policy: Target, other: Target) -> Estimate:
    """The value of `policy` less that of `other`, paired row by row: what both share is not in the interval.

    Biases that smaller weights bring add up in the worst case, and are carried so.

    Example:
        >>> from dorec.evaluate import IPS
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=1.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> made = policy_contrast(IPS(), log, np.tile([0.1, 0.9], (1000, 1)), np.tile([0.2, 0.8], (1000, 1)))
        >>> round(made.value, 2), round(made.std_error, 3)
        (0.12, 0.009)
    """
    (a, bias_a), (b, bias_b) = (without_bias(estimator.evaluate(feedback, p)) for p in (policy, other))
    difference = replace(a - b, name="difference of policy values")
    bias = bias_a + bias_b
    return difference if difference.no_interval else carrying(difference, bias)


def value_by_segment(
    estimator: OffPolicyEstimator, feedback: LoggedFeedback, propensities: Target, segments: AnyArray
) -> Estimate:
    """The value in each segment, (k,), named by segment; `interval(joint=True)` covers all at once.

    A segment in which the log can't answer, or gives no interval, is left out, and a failed verdict says why.

    Args:
        estimator: any estimator of policy values; it is fitted in each segment.
        feedback: the log.
        propensities: of the policy that is judged, (n, n_actions), or a Policy.
        segments: a label for each row, (n,).

    Raises:
        Refusal: as `evaluate` does, where no segment has a value.

    Example:
        >>> from dorec.evaluate import SNIPS
        >>> rng = np.random.default_rng(0)
        >>> a, new = rng.integers(2, size=1000), np.arange(1000) % 2
        >>> reward = rng.random(1000) + a * new
        >>> log = LoggedFeedback(action=a, reward=reward, propensity=np.full(1000, 0.5), n_actions=2)
        >>> made = value_by_segment(SNIPS(), log, np.tile([0.1, 0.9], (1000, 1)), np.array(["old", "new"])[new])
        >>> made.name, made.value.round(1).tolist()
        (('new', 'old'), [1.4, 0.5])
    """
    labels = np.asarray(segments)
    if labels.shape != (feedback.n,):
        raise InputError(f"segments has shape {labels.shape}; give one label a row, ({feedback.n},).")
    found, code = np.unique(labels, return_inverse=True)
    rows = [np.flatnonzero(code == s) for s in range(len(found))]
    return _in_parts(estimator, feedback, propensities, [str(label) for label in found.tolist()], rows)


def rolling_value(
    estimator: OffPolicyEstimator,
    feedback: LoggedFeedback,
    propensities: Target,
    *,
    window: int,
    step: int | None = None,
) -> Estimate:
    """The value in each window of `window` rows, (k,), in the order of the log, which must be that of time.

    The verdict `parts_differ` tests whether the value stays the same.

    Args:
        estimator: any estimator of policy values; it is fitted in each window.
        feedback: the log, earliest row first.
        propensities: of the policy that is judged, (n, n_actions), or a Policy.
        window: rows of a window.
        step: rows from the start of one window to that of the next; by default `window`.

    Example:
        >>> from dorec.evaluate import SNIPS
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> later = (np.arange(1000) >= 500) * 1.0
        >>> log = LoggedFeedback(action=a, reward=later + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> made = rolling_value(SNIPS(), log, np.tile([0.1, 0.9], (1000, 1)), window=500)
        >>> made.name, made.value.round(1).tolist(), made.verdicts[-1].status
        (('rows 0..499', 'rows 500..999'), [0.9, 1.9], 'warning')
    """
    step = window if step is None else step
    if not 2 <= window <= feedback.n or step < 1:
        raise InputError(f"window is {window} and step {step}; give 2 to {feedback.n} rows, and a step of 1 or more.")
    starts = range(0, feedback.n - window + 1, step)
    names = [f"rows {start}..{start + window - 1}" for start in starts]
    return _in_parts(estimator, feedback, propensities, names, [np.arange(s, s + window) for s in starts])


def _in_parts(
    estimator: OffPolicyEstimator,
    feedback: LoggedFeedback,
    propensities: Target,
    names: Sequence[str],
    parts: Sequence[IntArray],
) -> Estimate:
    policy = policy_matrix(feedback, propensities)
    made: list[Estimate] = []
    refused: list[Verdict] = []
    for name, rows in zip(names, parts, strict=True):
        try:
            found = estimator.evaluate(feedback.take(rows), policy[rows])
        except Refusal as refusal:
            refused.append(_refused(name, refusal))
            continue
        influence = np.zeros(feedback.n)
        if found.influence is not None:
            influence[rows] = found.influence * (feedback.n / len(rows))
        whole: dict[str, Any] = {"sample": feedback.sample, "cluster": feedback.cluster, "verdicts": ()}
        made.append(replace(found, influence=influence, name=name, **whole))
    if not made:
        raise NoSupport("no part of the log has a value", remedy=refused[0].remedy, evidence=refused[0].evidence)
    told = [e for e in made if e.no_interval in ("", CONSTANT)]
    if told:  # else the estimator never gives one, and the values are all there is
        refused += [_no_interval(e) for e in made if e not in told]
    together = Estimate.concat(told or made)
    return replace(together, verdicts=(*refused, *_do_they_differ(together)))


def _no_interval(made: Estimate) -> Verdict:
    return Verdict(
        check="part",
        status="failed",
        code="no_interval",
        statistic=float(made.value),
        meaning=f"{made.name} is worth {made.value:.4g} without a valid interval: {made.no_interval}.",
        remedy="Join it with another part, or log more of it.",
        evidence={"part": made.name},
    )


def _refused(name: str, refusal: Refusal) -> Verdict:
    return Verdict(
        check="part",
        status="failed",
        code=refusal.code,
        meaning=f"{name}: {refusal.reason}.",
        remedy=refusal.remedy,
        evidence={"part": name, **refusal.evidence},
    )


def _do_they_differ(made: Estimate) -> tuple[Verdict, ...]:
    """Wald's test that all parts have one value; none where fewer than two parts have an error."""
    value = np.atleast_1d(made.value)
    if len(value) < 2 or made.no_interval:
        return ()
    covariance = made.covariance
    if (np.diag(covariance) <= 0).any():
        return ()
    contrast = np.eye(len(value))[1:] - np.eye(len(value))[:1]
    gaps, spread = contrast @ value, contrast @ covariance @ contrast.T
    rank = int(np.linalg.matrix_rank(spread, hermitian=True))
    statistic = float(gaps @ np.linalg.pinv(spread, hermitian=True) @ gaps)
    p = float(special.chdtrc(rank, statistic))
    status: Status = "warning" if p < 0.01 else "passed"
    told = "differ by more than chance" if p < 0.01 else "are not shown to differ"
    return (
        Verdict(
            check="parts",
            status=status,
            code="parts_differ",
            statistic=statistic,
            p_value=p,
            meaning=f"The values of {len(value)} parts {told}.",
            remedy="" if p >= 0.01 else "Don't take the value of the whole log for that of a part.",
            evidence={"degrees_of_freedom": rank},
        ),
    )
