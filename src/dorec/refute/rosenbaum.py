"""Rosenbaum bounds: how far from a coin flip treatment within pairs must be before the effect could be chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from dorec.domain.errors import InputError, NotFinite, TooFewUnits
from dorec.numeric.arrays import AnyArray, FloatArray

MIN_PAIRS = 10  # below it the normal approximation of the signed-rank statistic does not hold
LARGEST = 1e6


@dataclass(frozen=True, kw_only=True, eq=False)
class RosenbaumBounds:
    """The largest p-value of "no effect" at each gamma, the odds by which hidden bias may favour one unit of a pair.

    Example:
        >>> bounds = rosenbaum_bounds(np.arange(1.0, 31.0), gammas=[1.0, 3.0])
        >>> bool(bounds.p_value[0] < bounds.p_value[1]), bounds.tipping_point > 3
        (True, True)
    """

    gamma: FloatArray  # (m,), 1 or more
    p_value: FloatArray  # (m,), one-sided
    tipping_point: float  # the gamma at which the p-value reaches `alpha`; 1 where it is above it without bias
    alpha: float
    n_pairs: int  # with a difference other than 0


def rosenbaum_bounds(
    differences: AnyArray | Sequence[float],
    *,
    gammas: AnyArray | Sequence[float] = (1.0, 1.25, 1.5, 2.0, 3.0),
    alpha: float = 0.05,
) -> RosenbaumBounds:
    """Bounds on the one-sided p-value of Wilcoxon's signed ranks (Rosenbaum 2002, Observational Studies, section 4.3).

    In a pair that was matched on everything measured, a hidden cause may make one unit up to gamma times as likely to
    be the treated one. The direction is that of the observed ranks; ties share their mean rank, pairs without a
    difference are ranked but count for neither side; normal approximation.

    Args:
        differences: treated less control outcome of each pair, (n,).
        gammas: odds of 1 or more.
        alpha: the level that `tipping_point` looks for.

    Raises:
        TooFewUnits: fewer than 10 pairs differ.
        NotFinite: a NaN or an infinity.

    Example:
        >>> lead_in_blood = [22, 5, 23, -6, 18, 25, 13, 47, 15, 16, 6, 1, 2, 7, 0, 4, -9, -3, 36, 25, 1, 16, 42, 30]
        >>> lead_in_blood += [25, 23, 32, 17, 9, -3, 60, 14, 14]
        >>> rosenbaum_bounds(lead_in_blood, gammas=[2.0, 4.25]).p_value.round(4).tolist()
        [0.0018, 0.0468]
    """
    d, odds = np.asarray(differences, dtype=np.float64), np.atleast_1d(np.asarray(gammas, dtype=np.float64))
    if d.ndim != 1:
        raise InputError(f"differences have shape {d.shape}; give one difference for each pair, (n,).")
    bad = np.flatnonzero(~np.isfinite(d))
    if len(bad):
        raise NotFinite(f"{len(bad):,} pair(s) have no finite difference, first {bad[0]}", remedy="drop these pairs")
    if not (np.isfinite(odds).all() and (odds >= 1).all()):
        raise InputError(f"gammas are {odds.tolist()}; give odds of 1 or more, as in 1.5.")
    if not 0 < alpha < 0.5:
        raise InputError(f"alpha is {alpha}; give a number between 0 and 0.5, as in 0.05.")
    n_pairs = int((d != 0).sum())
    if n_pairs < MIN_PAIRS:
        raise TooFewUnits(
            f"{n_pairs} pairs differ, and the signed-rank test needs {MIN_PAIRS}",
            remedy="match more units",
            evidence={"pairs": n_pairs, "needed": MIN_PAIRS},
        )
    ranks = np.where(d != 0, stats.rankdata(np.abs(d)), 0.0)
    positive = float(ranks[d > 0].sum())
    statistic = max(positive, float(ranks.sum()) - positive)
    return RosenbaumBounds(
        gamma=odds,
        p_value=np.array([_largest_p(statistic, ranks, float(g)) for g in odds]),
        tipping_point=_tipping_point(statistic, ranks, alpha),
        alpha=alpha,
        n_pairs=n_pairs,
    )


def _largest_p(statistic: float, ranks: FloatArray, gamma: float) -> float:
    chance = gamma / (1.0 + gamma)
    mean, variance = chance * ranks.sum(), chance * (1.0 - chance) * (ranks**2).sum()
    return float(stats.norm.sf((statistic - mean) / np.sqrt(variance)))


def _tipping_point(statistic: float, ranks: FloatArray, alpha: float) -> float:
    def above(log_gamma: float) -> float:
        return _largest_p(statistic, ranks, float(np.exp(log_gamma))) - alpha

    if above(0.0) >= 0:
        return 1.0
    top = float(np.log(LARGEST))
    return float(np.exp(optimize.brentq(above, 0.0, top))) if above(top) > 0 else LARGEST
