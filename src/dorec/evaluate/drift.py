"""Whether the contexts in which a policy will act are like those of the log."""

import numpy as np
from scipy import special

from dorec.domain.errors import InputError
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.verdict import Status, Verdict
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.multiplicity import holm


def context_drift(feedback: LoggedFeedback, context: AnyArray) -> Verdict:
    """A verdict on each column of the context: Kolmogorov and Smirnov's distance, p-values adjusted by Holm.

    An off-policy value is that of the logged contexts. Where the policy will meet others, it is another number.

    Args:
        feedback: the log.
        context: contexts in which the policy will act, (m, d).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> log = LoggedFeedback(context=rng.normal(size=(400, 2)), action=np.zeros(400, int), reward=np.ones(400),
        ...                      propensity=np.ones(400), n_actions=1)
        >>> told = context_drift(log, rng.normal(size=(300, 2)) + [0.0, 1.0])
        >>> told.status, told.evidence["columns"]
        ('failed', [1])
    """
    target = np.asarray(context, dtype=np.float64)
    if target.ndim != 2 or target.shape[1] != feedback.context.shape[1] or len(target) < 2:
        raise InputError(
            f"context has shape {target.shape}; give (m, {feedback.context.shape[1]}) with m of 2 or more."
        )
    if not np.isfinite(target).all():
        raise InputError("context has a NaN or an infinity; give finite numbers.")
    if not target.shape[1]:
        return Verdict(check="drift", status="passed", code="context_drift", meaning="The log has no context.")
    gaps = np.array([_distance(a, b) for a, b in zip(feedback.context.T, target.T, strict=True)])
    rows = feedback.n * len(target) / (feedback.n + len(target))
    p = holm(np.asarray(special.kolmogorov(np.sqrt(rows) * gaps)))
    status: Status = "failed" if p.min() < 0.001 else "warning" if p.min() < 0.01 else "passed"
    worst = int(gaps.argmax())
    return Verdict(
        check="drift",
        status=status,
        code="context_drift",
        statistic=float(gaps[worst]),
        p_value=float(p.min()),
        meaning=f"Column {worst} of the context lies farthest from the log's: distributions {gaps[worst]:.2f} apart.",
        remedy="" if status == "passed" else "Judge the policy on a log of the contexts that it will meet.",
        evidence={"columns": np.flatnonzero(p < 0.01).tolist(), "distances": gaps.round(4).tolist()},
    )


def _distance(a: FloatArray, b: FloatArray) -> float:
    """The largest gap between two empirical distribution functions."""
    a, b = np.sort(a), np.sort(b)
    points = np.concatenate([a, b])
    return float(np.abs(_below(a, points) - _below(b, points)).max())


def _below(values: FloatArray, points: FloatArray) -> FloatArray:
    return np.asarray(np.searchsorted(values, points, side="right") / len(values))
