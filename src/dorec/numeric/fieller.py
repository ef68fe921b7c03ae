"""The values of a ratio that the data do not reject, however close to zero its denominator is."""

import math

import numpy as np

from dorec.numeric.arrays import FloatArray


def fieller_set(top: float, bottom: float, covariance: FloatArray, critical: float) -> list[tuple[float, float]]:
    """All r with |top - r bottom| <= critical standard errors of it (Fieller 1954), as intervals, perhaps unbounded.

    With one instrument this is the set of Anderson and Rubin (1949).

    Args:
        top, bottom: of the ratio.
        covariance: of the two, (2, 2).
        critical: quantile of the standardised difference, as 1.96.

    Example:
        >>> even = np.diag([0.01, 0.01])
        >>> [(round(a, 2), round(b, 2)) for a, b in fieller_set(2.0, 1.0, even, 1.96)]
        [(1.63, 2.53)]
        >>> [(round(a, 2), round(b, 2)) for a, b in fieller_set(2.0, 0.1, even, 1.96)]
        [(-inf, -20.78), (6.71, inf)]
        >>> fieller_set(0.1, 0.1, even, 1.96)
        [(-inf, inf)]
    """
    c2 = critical**2
    (v_top, both), (_, v_bottom) = covariance.tolist()
    scale = math.sqrt(v_top / v_bottom) if min(v_top, v_bottom) > 0 else 1.0
    # (top - r bottom)² <= c² (v_top - 2 r both + r² v_bottom), a quadratic in r / scale
    a = (bottom**2 - c2 * v_bottom) * scale**2
    b = -2.0 * (top * bottom - c2 * both) * scale
    c = top**2 - c2 * v_top
    spread = b * b - 4.0 * a * c
    if spread < 0 or a == 0 == b:
        return [] if a > 0 or (a == 0 and c > 0) else [(-np.inf, np.inf)]
    if a == 0:
        end = -c / b * scale
        return [(-np.inf, end)] if b > 0 else [(end, np.inf)]
    half = -0.5 * (b + math.copysign(math.sqrt(spread), b))
    low, high = sorted((half / a, c / half if half != 0 else 0.0))
    low, high = low * scale, high * scale
    return [(low, high)] if a > 0 else [(-np.inf, low), (high, np.inf)]
