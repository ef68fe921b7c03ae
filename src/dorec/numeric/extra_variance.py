"""Errors with known variances: how much more they vary than these say, and how sure that is."""

from typing import NamedTuple

import numpy as np
from scipy import special

from dorec.numeric.arrays import FloatArray


class ExtraVariance(NamedTuple):
    """The variance that k errors have beyond the known one, its own variance, and the p-value of having none."""

    value: float
    variance: float
    p_value: float
    k: int


def extra_variance(errors: FloatArray, variances: FloatArray) -> ExtraVariance:
    """The `tau2` for which errors (k,) around 0 have the variances (k,) + tau2: median-unbiased, 0 or more.

    Paule and Mandel's equation (1982) with the mean known to be 0, so that a common bias counts as variance too:
    sum of errors^2 / (variances + tau2) is chi-square with k degrees of freedom. It is set to that distribution's
    median instead of its mean, so that a few errors don't make tau2 too small more often than too large.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> made = extra_variance(rng.normal(0, 2.0, 4000), np.ones(4000))
        >>> round(made.value, 1), made.p_value < 1e-9
        (3.0, True)
        >>> extra_variance(np.array([0.3, -0.2, 0.4]), np.ones(3)).value
        0.0
    """
    squares, known = np.asarray(errors, float) ** 2, np.asarray(variances, float)
    k = len(squares)
    target = float(special.chdtri(k, 0.5))
    p = float(special.chdtrc(k, float((squares / known).sum())))

    def excess(tau2: float) -> float:
        return float((squares / (known + tau2)).sum()) - target

    if excess(0.0) <= 0:
        return ExtraVariance(0.0, _variance(known, 0.0), p, k)
    low, high = 0.0, float(squares.sum()) / target  # at the upper end even variances of 0 leave too little
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return ExtraVariance(high, _variance(known, high), p, k)


def _variance(known: FloatArray, tau2: float) -> float:
    """The inverse Fisher information of tau2 at a normal likelihood with mean 0."""
    return 2.0 / float(((known + tau2) ** -2.0).sum())


def freedom(variance: float, extra: ExtraVariance, dof: float | None = None) -> float:
    """Satterthwaite's degrees of freedom of `variance + extra`, where `variance` has `dof` (None: known exactly).

    They are never fewer than the errors that told `extra`, or than `dof` where that is smaller: for a variance far
    below those of the errors the approximation would find next to none.

    Example:
        >>> round(freedom(1.0, ExtraVariance(3.0, 1.6, 0.0, 10)), 1)
        20.0
    """
    spread = extra.variance + (0.0 if dof is None else 2 * variance**2 / dof)
    return max(2 * (variance + extra.value) ** 2 / spread, min(extra.k, extra.k if dof is None else dof))
