"""How well predicted effects rank units: uplift curve, Qini and AUUC with intervals, from orthogonal scores.

One definition: units are taken in the order of their predicted effect; G(q) is the gain per unit of the population when
the best share q is treated. AUUC is the area under G, Qini the area between G and the straight line to G(1), which is
what treating at random brings (Radcliffe 2007; Yadlowsky et al. 2025, doi:10.1080/01621459.2024.2393466). Units with
equal effects are taken in a random order, in expectation. Scores in place of observed outcomes make it right in
observational data too, and more precise in experiments. Effects must not have seen the units' own outcomes.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from dorec.domain.errors import InputError, NotFinite, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

METHOD = "orthogonal scores"
MIN_TOP = 10  # units in the best share, below which the normal interval of their mean effect does not hold


@dataclass(frozen=True, kw_only=True, eq=False)
class UpliftCurve:
    """The uplift curve as data for a picture: gain per unit at each share treated, with a pointwise band.

    Example:
        >>> curve = uplift_curve(np.array([2.0, 1.0, 0.5]), np.array([2.0, 0.0, 1.0]), n_points=4)
        >>> lower, upper = curve.band()
        >>> bool((lower <= curve.gain.value).all() and (curve.gain.value <= upper).all())
        True
    """

    share: FloatArray  # (m,) of the units, from 0 to 1
    gain: Estimate  # (m,)
    random: FloatArray  # (m,), what treating that share at random brings

    def band(self, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Pointwise lower and upper bounds of the gain, (m,) each."""
        error = np.sqrt(np.diag(self.gain.covariance))
        critical = float(stats.norm.ppf(0.5 + level / 2))
        return self.gain.value - critical * error, self.gain.value + critical * error


def auuc(effects: AnyArray, scores: AnyArray, *, sample: str = "", cluster: AnyArray | None = None) -> Estimate:
    """Area under the uplift curve: mean gain per unit over all shares treated.

    Args:
        effects: predicted effects (n,), or (n, k - 1): then each unit's best arm.
        scores: orthogonal scores (n, k) as of `EffectModel.scores`, or for two arms their contrast (n,).

    Example:
        >>> auuc(np.array([2.0, 1.0]), np.array([2.0, 0.0])).value
        0.75
    """
    return _area(effects, scores, 0.0, "AUUC", sample=sample, cluster=cluster)


def qini(effects: AnyArray, scores: AnyArray, *, sample: str = "", cluster: AnyArray | None = None) -> Estimate:
    """Area between the uplift curve and treating at random; 0 where the ranking is worth nothing.

    Args and shapes as of `auuc`; not divided by the area of a perfect ranking, which nobody knows.
    Where effects hardly vary, the interval is optimistic if the effects are the same sample's out-of-fold effects: it
    takes the ranking as given, but folds learn from each other's units. Effects learned elsewhere do not have this.

    Example:
        >>> qini(np.array([2.0, 1.0]), np.array([2.0, 0.0])).value, qini(np.zeros(2), np.array([2.0, 0.0])).value
        (0.25, 0.0)
    """
    return _area(effects, scores, 0.5, "Qini", sample=sample, cluster=cluster)


def uplift_curve(
    effects: AnyArray, scores: AnyArray, *, n_points: int = 101, sample: str = "", cluster: AnyArray | None = None
) -> UpliftCurve:
    """Gain per unit of the population at `n_points` shares from 0 to 1; args and shapes as of `auuc`.

    The band is rough at shares of fewer than 10 units, and optimistic where effects hardly vary and are the same
    sample's out-of-fold effects, as of `qini`.

    Example:
        >>> curve = uplift_curve(np.array([2.0, 1.0]), np.array([2.0, 0.0]), n_points=3)
        >>> curve.gain.value.tolist(), curve.random.tolist()
        ([0.0, 1.0, 1.0], [0.0, 0.5, 1.0])
    """
    share = np.linspace(0.0, 1.0, n_points)
    value, influence = gains_at(order_of(*ranked(effects, scores)), share)
    gain = Estimate(
        value,
        influence,
        name=tuple(f"gain at {q:.0%}" for q in share),
        method=METHOD,
        sample=sample,
        cluster=cluster,
    )
    return UpliftCurve(share=share, gain=gain, random=share * value[-1])


def uplift_at(
    effects: AnyArray, scores: AnyArray, share: float, *, sample: str = "", cluster: AnyArray | None = None
) -> Estimate:
    """Average effect among the best `share` of the units; args and shapes as of `auuc`.

    Raises:
        TooFewUnits: fewer than 10 units are in that share.

    Example:
        >>> uplift_at(np.repeat([2.0, 1.0], 10), np.repeat([3.0, 0.0], 10), 0.5).value
        3.0
    """
    if not 0 < share <= 1:
        raise InputError(f"share is {share}; give a number above 0 and up to 1.")
    effect, contrast = ranked(effects, scores)
    top = share * len(effect)
    if top < MIN_TOP - 1e-9:
        raise TooFewUnits(
            f"the best {share:.3g} of {len(effect):,} units are {top:.3g} units, and their mean effect needs {MIN_TOP}",
            remedy=f"ask about a share of at least {MIN_TOP / len(effect):.2g}"
            if len(effect) >= MIN_TOP
            else "collect more units",
            evidence={"units": len(effect), "in_share": top, "needed": MIN_TOP},
        )
    value, influence = gain_at(order_of(effect, contrast), share)
    name = f"uplift at {share:.0%}"
    return Estimate(value / share, influence / share, name=name, method=METHOD, sample=sample, cluster=cluster)


def ranked(effects: AnyArray, scores: AnyArray) -> tuple[FloatArray, FloatArray]:
    """Predicted effect and score contrast of each unit's best arm, (n,) each."""
    effect, score = np.asarray(effects, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    contrast = score[:, 1:] - score[:, :1] if score.ndim == 2 else score[:, None]
    effect = effect[:, None] if effect.ndim == 1 else effect
    if effect.ndim != 2 or effect.shape != contrast.shape or len(effect) < 2 or effect.shape[1] < 1:
        raise InputError(
            f"effects have shape {np.shape(effects)}, scores have {np.shape(scores)}; give (n,) or (n, k - 1) effects, "
            "and (n, k) scores or, for two arms, their contrast (n,), of at least 2 units."
        )
    for name, values in (("effects", effect), ("scores", contrast)):
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            raise NotFinite(
                f"{name} have {len(bad):,} missing or infinite row(s), the first {bad[0]}", remedy="repair these rows"
            )
    best = effect.argmax(axis=1)
    rows = np.arange(len(effect))
    return effect[rows, best], contrast[rows, best]


class Order(NamedTuple):
    """Units from the largest predicted effect to the smallest, those with equal effects as one level."""

    row: IntArray  # (n,) which unit stands at each place
    size: IntArray  # (m,) units of each level
    contrast: FloatArray  # (n,) score contrasts by place

    @property
    def before(self) -> IntArray:
        """Units that stand before each level, (m,)."""
        return np.asarray(np.cumsum(self.size) - self.size)

    def spread(self, values: AnyArray) -> AnyArray:
        """Values of the levels (m,) by place, (n,)."""
        return values if len(values) == len(self.row) else np.repeat(values, self.size)

    def level_sums(self, values: FloatArray) -> FloatArray:
        """Sums of values (n,) by place over each level, (m,)."""
        return values if len(self.size) == len(values) else np.add.reduceat(values, self.before)

    def restored(self, values: FloatArray) -> FloatArray:
        """Values (n,) by place in the units' own order."""
        out = np.empty_like(values)
        out[self.row] = values
        return out


def order_of(effect: FloatArray, contrast: FloatArray) -> Order:
    """The order that effects (n,) put the units in.

    >>> order_of(np.array([1.0, 3.0, 1.0]), np.array([5.0, 6.0, 7.0])).size.tolist()
    [1, 2]
    """
    row = np.argsort(-effect)
    starts = np.flatnonzero(np.diff(effect[row], prepend=np.inf))
    return Order(row, np.diff(starts, append=len(row)), contrast[row])


def gain_at(order: Order, share: float) -> tuple[float, FloatArray]:
    """Gain per unit when the best `share` is treated, and its influence (n,), the estimated threshold included."""
    n = len(order.row)
    inside = _inside(order, share)
    taken = order.contrast * inside
    value = float(taken.mean())
    if share <= 0 or share >= 1:
        return value, order.restored(taken - value)
    width = min(0.05, share, 1 - share)
    near = float(order.contrast @ _inside(order, share + width)) - float(order.contrast @ _inside(order, share - width))
    slope = near / (2 * width * n)
    return value, order.restored(taken - value - slope * (inside - share))


def gains_at(order: Order, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gains at several shares, (m,), and their influences, (n, m)."""
    values, influence = np.empty(len(shares)), np.empty((len(order.row), len(shares)), order="F")
    for j, share in enumerate(shares.tolist()):
        values[j], influence[:, j] = gain_at(order, share)
    return values, influence


def _area(
    effects: AnyArray, scores: AnyArray, line: float, name: str, *, sample: str, cluster: AnyArray | None
) -> Estimate:
    order = order_of(*ranked(effects, scores))
    n, contrast = len(order.row), order.contrast
    # mid-ranks from the smallest effect, as shares: ties in a random order, in expectation
    rank = order.spread((n - order.before - 0.5 * order.size) / n)
    by_rank = contrast * rank
    value = float(by_rank.mean() - line * contrast.mean())
    # the area is a U-statistic: a unit also moves the ranks of all units that stand above it
    sums = order.level_sums(contrast)
    above = order.spread((np.cumsum(sums) - 0.5 * sums) / n)
    influence = by_rank - line * contrast + above - value - float(by_rank.mean())
    return Estimate(value, order.restored(influence), name=name, method=METHOD, sample=sample, cluster=cluster)


def _inside(order: Order, share: float) -> FloatArray:
    """How much of the unit at each place is among the best `share`: 1, 0, or a fraction for all tied at the edge."""
    n = len(order.row)
    before = order.before
    return np.asarray(order.spread(np.clip((share * n - before) / order.size, 0.0, 1.0)))
