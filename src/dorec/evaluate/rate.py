"""RATE: how far a ranking puts large effects first (Yadlowsky et al. 2025, doi:10.1080/01621459.2024.2393466)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from dorec.domain.errors import InputError, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.evaluate.uplift import METHOD, MIN_TOP, gains_at, order_of, qini, ranked
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.multiplicity import correlation, max_t_quantile


def rate(
    effects: AnyArray,
    scores: AnyArray,
    *,
    target: Literal["autoc", "qini"] = "autoc",
    sample: str = "",
    cluster: AnyArray | None = None,
) -> Estimate:
    """Rank-weighted average treatment effect: 0 where the ranking is worth nothing.

    The curve TOC(q) is the average effect of the best share q of the units less that of all. "autoc" is the area under
    it, which looks at the very best units; "qini" weights it by q, and is `qini`. Ties are taken in a random order, in
    expectation. The influence counts that a unit moves the ranks of others.

    Args:
        effects: predicted effects or any other priority (n,), or (n, k - 1): then each unit's best arm. They must not
            have seen the units' own outcomes.
        scores: orthogonal scores (n, k) as of `EffectModel.scores`, or for two arms their contrast (n,).
        target: which weights.

    Example:
        >>> round(rate(np.array([3.0, 2.0, 1.0]), np.array([2.0, 0.0, 1.0])).value, 3)
        0.333
        >>> rate(np.zeros(3), np.array([2.0, 0.0, 1.0])).value
        0.0
    """
    if target == "qini":
        return qini(effects, scores, sample=sample, cluster=cluster)
    if target != "autoc":
        raise InputError(f"target is {target!r}; allowed: 'autoc', 'qini'.")
    effect, contrast = ranked(effects, scores)
    value, influence = autoc(effect, contrast)
    return Estimate(value, influence, name="AUTOC", method=METHOD, sample=sample, cluster=cluster)


@dataclass(frozen=True, kw_only=True, eq=False)
class TocCurve:
    """TOC(q) as data for a picture: how far the average effect of the best share q exceeds that of all.

    Example:
        >>> curve = toc_curve(np.repeat([2.0, 1.0], 50), np.tile([2.0, 1.0, 0.0, 1.0], 25), n_points=2)
        >>> curve.share.tolist(), curve.advantage.value.round(2).tolist()
        ([0.5, 1.0], [0.02, 0.0])
    """

    share: FloatArray  # (m,) of the units, above 0
    advantage: Estimate  # (m,)

    def band(self, level: float = 0.95, *, joint: bool = False) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds (m,) at each share, or with `joint` at all of them at once; at share 1 both are 0."""
        error = np.asarray(self.advantage.std_error)
        moving = error > 1e-12 * (error.max() or 1.0)
        critical = float(stats.norm.ppf(0.5 + level / 2))
        if joint:
            covariance = self.advantage.covariance[np.ix_(moving, moving)]
            critical = max(critical, max_t_quantile(correlation(covariance), level))
        width = np.where(moving, critical * error, 0.0)
        return self.advantage.value - width, self.advantage.value + width


def toc_curve(
    effects: AnyArray,
    scores: AnyArray,
    *,
    n_points: int = 50,
    sample: str = "",
    cluster: AnyArray | None = None,
) -> TocCurve:
    """The targeting operator characteristic, whose area is AUTOC; args and shapes as of `rate`.

    At `n_points` shares from 1 / n_points to 1. Memory: 8 bytes for each unit and point.

    Raises:
        TooFewUnits: the smallest share has fewer than 10 units.

    Example:
        >>> curve = toc_curve(np.arange(100.0), np.arange(100.0), n_points=4)
        >>> curve.advantage.value.tolist()
        [37.5, 25.0, 12.5, 0.0]
    """
    effect, contrast = ranked(effects, scores)
    n = len(effect)
    if n_points < 1 or n < MIN_TOP * n_points:
        raise TooFewUnits(
            f"{n_points} shares of {n:,} units leave the smallest with fewer than {MIN_TOP}",
            remedy=f"give n_points from 1 to {max(1, n // MIN_TOP)}",
            evidence={"units": n, "n_points": n_points},
        )
    share = np.arange(1, n_points + 1) / n_points
    gain, influence = gains_at(order_of(effect, contrast), share)
    mean = contrast.mean()
    advantage = Estimate(
        gain / share - mean,
        influence / share - (contrast - mean)[:, None],
        name=tuple(f"advantage of the best {q:.0%}" for q in share),
        method=METHOD,
        sample=sample,
        cluster=cluster,
    )
    return TocCurve(share=share, advantage=advantage)


def autoc(effect: FloatArray, contrast: FloatArray) -> tuple[float, FloatArray]:
    """Area under TOC and its influence (n,), for effects (n,) by which units are ranked and score contrasts (n,).

    The i-th best of n units counts sum_{j >= i} 1 / j, the number of its averages over the best j, less 1.
    """
    order = order_of(effect, contrast)
    n, y = len(effect), order.contrast
    tails = np.cumsum((1.0 / np.arange(1, n + 1))[::-1])[::-1]
    weight = order.spread(order.level_sums(tails) / order.size) - 1.0
    own = y * weight
    total = float(own.mean())
    own -= y.mean() * weight
    # one more unit above a place at rank u takes d(-log u) = -1/u off its weight
    place = order.spread((order.before + 0.5 * order.size) / n)
    by_level = order.level_sums((y - y.mean()) / place)
    below = by_level.sum() - np.cumsum(by_level)
    raw = own - order.spread((below + 0.5 * by_level) / n)
    return total, order.restored(raw - raw.mean())
