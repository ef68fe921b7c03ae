"""Qini and AUUC from observed outcomes, as scikit-uplift and causalml define them: to compare with published figures.

They have no interval, and are biased where treatment was not drawn at random: for a decision take `qini` and `auuc`.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from dorec.domain.errors import InputError, NotFinite, OneArm
from dorec.numeric.arrays import AnyArray, FloatArray

Definition = Literal["scikit-uplift", "causalml"]
Curve: TypeAlias = Callable[["Sums", float], FloatArray]


def observed_qini(
    effects: AnyArray,
    outcome: AnyArray,
    treatment: AnyArray,
    *,
    definition: Definition = "scikit-uplift",
    normalise: bool = True,
) -> float:
    """Area between the Qini curve and random targeting, by the definition of another library.

    The curve after the best m units is (outcomes of the treated) - (outcomes of the control) x treated / control among
    them. "scikit-uplift" (`qini_auc_score`): at the ends of ties only, over the area of a perfect ranking, which takes
    treated units with an outcome first and control units with one last. "causalml" (`qini_score`, version 0.18; older
    ones subtract random orders): the mean height of the curve, from 0 to all units, less half of that at the end, over
    the height at the end where `normalise`; ties stand in the order of the rows.

    Args:
        effects: predicted effects (n,).
        outcome: 0 or 1, (n,); for causalml any number.
        treatment: 0 or 1, (n,).
        definition: whose.
        normalise: for causalml alone; scikit-uplift always does.

    Example:
        >>> effects, outcome = np.array([0.1, 0.4, 0.3, 0.2]), np.array([0, 1, 0, 1])
        >>> round(observed_qini(effects, outcome, np.array([0, 1, 1, 0])), 3)
        0.333
    """
    effect, y, t = _checked(effects, outcome, treatment, definition)
    if definition == "scikit-uplift":
        return _over_perfect(effect, y, t, qini_heights, y * t - y * (1.0 - t))
    heights = _by_unit(effect, y, t, qini_heights)
    heights = _over_end(heights) if normalise else heights
    return float(heights.mean() - 0.5 * heights[-1])


def observed_auuc(
    effects: AnyArray,
    outcome: AnyArray,
    treatment: AnyArray,
    *,
    definition: Definition = "scikit-uplift",
    normalise: bool = True,
) -> float:
    """Area under the uplift curve, by the definition of another library.

    The curve after the best m units is m x (mean outcome of the treated - of the control among them). "scikit-uplift"
    (`uplift_auc_score`): its area above the straight line over that of a perfect ranking. "causalml" (`auuc_score`):
    its mean height, over the height at the end where `normalise`. Args as of `observed_qini`.

    Example:
        >>> effects, outcome = np.array([0.1, 0.4, 0.3, 0.2]), np.array([0, 1, 0, 1])
        >>> treatment = np.array([0, 1, 1, 0])
        >>> round(observed_auuc(effects, outcome, treatment, definition="causalml", normalise=False), 3)
        -0.467
    """
    effect, y, t = _checked(effects, outcome, treatment, definition)
    if definition == "scikit-uplift":
        more = float((y * (1.0 - t)).sum()) > float(((1.0 - y) * t).sum())
        best = 2.0 * (y == t) + (y if more else t)
        return _over_perfect(effect, y, t, uplift_heights, best)
    heights = _by_unit(effect, y, t, lifts) * np.arange(len(y) + 1.0)
    return float((_over_end(heights) if normalise else heights).mean())


class Sums(NamedTuple):
    """What the best units hold together, after each unit or where ties end, (m,) each."""

    units: FloatArray
    treated: FloatArray
    of_treated: FloatArray  # outcomes of the treated
    of_control: FloatArray


def qini_heights(sums: Sums, empty: float) -> FloatArray:
    """Outcomes of the treated less those of as many control units; a ratio to no units at all is `empty`."""
    return sums.of_treated - sums.of_control * _ratio(sums.treated, sums.units - sums.treated, empty)


def lifts(sums: Sums, empty: float) -> FloatArray:
    """The difference of the arms' means; a mean of no units is `empty`."""
    control = _ratio(sums.of_control, sums.units - sums.treated, empty)
    return _ratio(sums.of_treated, sums.treated, empty) - control


def uplift_heights(sums: Sums, empty: float) -> FloatArray:
    """The difference of the arms' means, times the units."""
    return lifts(sums, empty) * sums.units


def cumulated(ranking: FloatArray, y: FloatArray, t: FloatArray, *, every: bool) -> Sums:
    """Sums over the best units: after every one, ties in the order of the rows, or only where ties end."""
    order = np.argsort(-ranking)
    if every and not np.diff(ranking[order]).all():
        order = np.argsort(-ranking, kind="stable")
    y, t = y[order], t[order]
    treated, bought, all_bought = np.cumsum(t), np.cumsum(y * t), np.cumsum(y)
    units = np.arange(1.0, len(y) + 1.0)
    if not every:
        ends = np.r_[np.flatnonzero(np.diff(ranking[order])), len(y) - 1]
        units, treated, bought, all_bought = units[ends], treated[ends], bought[ends], all_bought[ends]
    return Sums(units, treated, bought, all_bought - bought)


def _over_perfect(effect: FloatArray, y: FloatArray, t: FloatArray, curve: Curve, best: FloatArray) -> float:
    """scikit-uplift: area above the straight line, over that of the perfect ranking."""

    def area(ranking: FloatArray) -> float:
        sums = cumulated(ranking, y, t, every=False)
        heights = curve(sums, 0.0)
        return float(np.trapezoid(np.r_[0.0, heights], np.r_[0.0, sums.units])) - 0.5 * len(y) * float(heights[-1])

    perfect = area(best)
    if perfect == 0:
        raise InputError("A perfect ranking is no better than a random one here: the outcome does not vary.")
    return area(effect) / perfect


def _by_unit(ranking: FloatArray, y: FloatArray, t: FloatArray, curve: Curve) -> FloatArray:
    """causalml: a curve at 0 to n units, (n + 1,), straight between those that an arm without units leaves open."""
    heights = np.r_[0.0, curve(cumulated(ranking, y, t, every=True), np.nan)]
    known = np.isfinite(heights)
    return np.interp(np.arange(len(heights)), np.flatnonzero(known), heights[known])


def _over_end(heights: FloatArray) -> FloatArray:
    if heights[-1] == 0:
        raise InputError("The curve ends at 0, so it can't be normalised; give normalise=False.")
    return heights / abs(heights[-1])


def _ratio(a: FloatArray, b: FloatArray, empty: float) -> FloatArray:
    return np.divide(a, b, out=np.full(len(a), empty), where=b > 0)


def _checked(
    effects: AnyArray, outcome: AnyArray, treatment: AnyArray, definition: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    if definition not in ("scikit-uplift", "causalml"):
        raise InputError(f"definition is {definition!r}; allowed: 'scikit-uplift', 'causalml'.")
    effect, y, t = (np.asarray(v, dtype=np.float64) for v in (effects, outcome, treatment))
    if not (effect.ndim == 1 and effect.shape == y.shape == t.shape):
        raise InputError(f"effects, outcome and treatment have shapes {effect.shape}, {y.shape}, {t.shape}; give (n,).")
    for name, values in (("effects", effect), ("outcome", y)):
        if not np.isfinite(values).all():
            raise NotFinite(f"{name} have a missing or infinite value", remedy="repair these rows")
    if not np.isin(t, (0, 1)).all() or (definition == "scikit-uplift" and not np.isin(y, (0, 1)).all()):
        raise InputError("outcome and treatment must be 0 or 1; for other outcomes or arms take `qini` on scores.")
    if len(np.unique(t)) < 2:
        raise OneArm("every unit has the same treatment", remedy="add units of the other arm")
    return effect, y, t
