"""Qini from observed outcomes, as scikit-uplift defines it: to compare with figures that were published with it."""

import numpy as np

from dorec.domain.errors import InputError, NotFinite, OneArm
from dorec.numeric.arrays import AnyArray, FloatArray


def observed_qini(effects: AnyArray, outcome: AnyArray, treatment: AnyArray) -> float:
    """Area between the Qini curve and random targeting over that of a perfect ranking, as scikit-uplift has it.

    The curve after the best m units is (outcomes of the treated) - (outcomes of the control) x treated / control among
    them, at the ends of ties only. The perfect ranking takes treated units with an outcome first and control units with
    one last. It has no interval and is biased where treatment was not drawn at random: for a decision take `qini`.

    Args:
        effects: predicted effects (n,).
        outcome: 0 or 1, (n,).
        treatment: 0 or 1, (n,).

    Example:
        >>> effects, outcome = np.array([0.1, 0.4, 0.3, 0.2]), np.array([0, 1, 0, 1])
        >>> round(observed_qini(effects, outcome, np.array([0, 1, 1, 0])), 3)
        0.333
    """
    effect, y, t = (np.asarray(v, dtype=np.float64) for v in (effects, outcome, treatment))
    if not (effect.ndim == 1 and effect.shape == y.shape == t.shape):
        raise InputError(f"effects, outcome and treatment have shapes {effect.shape}, {y.shape}, {t.shape}; give (n,).")
    if not np.isfinite(effect).all():
        raise NotFinite("effects have a missing or infinite value", remedy="repair these rows")
    if not (np.isin(y, (0, 1)).all() and np.isin(t, (0, 1)).all()):
        raise InputError("outcome and treatment must be 0 or 1; for other outcomes or arms take `qini` on scores.")
    if len(np.unique(t)) < 2:
        raise OneArm("every unit has the same treatment", remedy="add units of the other arm")
    x, curve = _curve(effect, y, t)
    perfect_x, perfect = _curve(y * t - y * (1 - t), y, t)
    random = 0.5 * len(y) * perfect[-1]
    best = float(np.trapezoid(perfect, perfect_x)) - random
    if best == 0:
        raise InputError("A perfect ranking is no better than a random one here: the outcome does not vary.")
    return float((np.trapezoid(curve, x) - random) / best)


def _curve(effect: FloatArray, y: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    order = np.argsort(-effect, kind="stable")
    effect, y, t = effect[order], y[order], t[order]
    ends = np.r_[np.flatnonzero(np.diff(effect)), len(y) - 1]
    treated = np.cumsum(t)[ends]
    control = ends + 1 - treated
    ratio = np.divide(treated, control, out=np.zeros(len(ends)), where=control > 0)
    gain = np.cumsum(y * t)[ends] - np.cumsum(y * (1 - t))[ends] * ratio
    return np.r_[0.0, ends + 1.0], np.r_[0.0, gain]
