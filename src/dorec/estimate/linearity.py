"""Whether a straight line does: a linear fit beside one whose columns may bend."""

from typing import NamedTuple

import numpy as np

from dorec.domain.estimate import Estimate
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.cross_fitting import Units
from dorec.estimate.scores import ArmMeans
from dorec.numeric.arrays import FloatArray

DOUBT = 0.05  # p-value from which the reader is warned and the interval withheld
WRONG = 1e-3  # p-value from which the check has failed
DISTINCT = 8  # a column of fewer values is not bent
ROOM = 10  # units of the smallest arm for each column of the bent design


class Linearity(NamedTuple):
    """What the comparison found, and the reason to withhold the interval where it found too much."""

    verdicts: tuple[Verdict, ...] = ()
    no_interval: str = ""


def bent_columns(X: FloatArray) -> FloatArray:
    """Hinges of each column of X (n, p) with enough values at its tertiles, (n, 2 b), standardised.

    >>> bent_columns(np.arange(9.0)[:, None]).shape, bent_columns(np.array([[0.0], [1.0]])).shape
    ((9, 2), (2, 0))
    """
    hinges = [
        np.maximum(x - knot, 0.0)
        for x in X.T
        if len(np.unique(x)) >= DISTINCT
        for knot in np.unique(np.quantile(x, [1 / 3, 2 / 3]))
    ]
    columns = np.stack(hinges, axis=1) if hinges else np.empty((len(X), 0))
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0))[:, spread > 0] / spread[spread > 0])


def room_to_bend(study: Study, columns: int) -> bool:
    """Whether every arm has units enough for so many columns."""
    return bool(ROOM * columns <= min(study.arm_counts.values()))


def compare(study: Study, units: Units, linear: ArmMeans, bent: ArmMeans, what: str) -> Linearity:
    """The effects of a linear and a bent fit on the same units, whose difference has a standard error (Hausman 1978).

    Args:
        what: the model that is linear, in words.
    """
    gap = linear.value - bent.value
    influence = linear.influence - bent.influence
    difference = Estimate(gap[1:] - gap[0], influence[:, 1:] - influence[:, :1], cluster=units.cluster)
    if (difference.std_error <= 1e-12).any():
        return Linearity()
    p = float(min(1.0, np.min(difference.p_value()) * len(gap[1:])))
    worst = int(np.argmin(difference.p_value()))
    moved = float(difference.value[worst])
    if p >= DOUBT:
        meaning = f"columns that may bend move the effect by {-moved:.3g}, no more than chance does"
        return Linearity((Verdict(check="linearity", status="passed", statistic=moved, p_value=p, meaning=meaning),))
    verdict = Verdict(
        check="linearity",
        status="warning" if p >= WRONG else "failed",
        code="not_linear",
        statistic=moved,
        p_value=p,
        meaning=f"{what} is taken as linear in the covariates, but columns that may bend move the effect by "
        f"{-moved:.3g} (p {p:.1g}).",
        remedy="Take AIPW or TMLE, whose models bend.",
        evidence={"linear_less_bent": difference.value.tolist(), "p_value": p},
    )
    said = f"{what} is not linear in the covariates: columns that may bend move the effect by {-moved:.3g} (p {p:.1g})"
    return Linearity((verdict,), said)
