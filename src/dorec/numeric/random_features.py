"""Random Fourier features, what is left of them given others, and how far from independent that is."""

import math

import numpy as np
from scipy.special import gammaincc, ndtr

from dorec.numeric.arrays import FloatArray

SMALL = 1e-10  # share of the largest: directions of features with less variance are rounding error


def fourier_features(projection: FloatArray, phase: FloatArray) -> FloatArray:
    """Centred sqrt(2) cos(projection + phase), (n, f): their products approximate a Gaussian kernel.

    Rahimi, Recht 2007. `projection` (n, f) holds the data times frequencies, `phase` (f,) is uniform on [0, 2 pi).

    >>> fourier_features(np.array([[0.0], [np.pi]]), np.zeros(1)).round(4).tolist()
    [[1.4142], [-1.4142]]
    """
    features: FloatArray = math.sqrt(2.0) * np.cos(projection + phase)
    return features - features.mean(axis=0)


def left_over(features: FloatArray, targets: FloatArray) -> tuple[FloatArray, int]:
    """Residuals (n, t) of targets regressed on features (n, f), both centred, and the rank of the features.

    >>> left, rank = left_over(np.array([[1.0], [-1.0], [0.0]]), np.array([[2.0], [-2.0], [0.0]]))
    >>> left.round(6).tolist(), rank
    ([[0.0], [0.0], [0.0]], 1)
    """
    variance, direction = np.linalg.eigh(features.T @ features)
    kept = variance > SMALL * variance[-1]
    inside = direction[:, kept]
    slope = inside @ ((inside.T @ (features.T @ targets)) / variance[kept, None])
    residual: FloatArray = targets - features @ slope
    return residual, int(kept.sum())


def cross_covariance_test(left_x: FloatArray, left_y: FloatArray, rank: int) -> tuple[float, float]:
    """P-value that residuals (n, a) and (n, b) are uncorrelated, and how far the statistic is off, in its deviations.

    The statistic is n times the squared Frobenius norm of their cross-covariance, in the limit a sum of chi-squares
    weighted by the eigenvalues of the covariance of their products (Strobl, Zhang, Visweswaran 2019, theorem 2). The
    regression that left the residuals used `rank` degrees of freedom, which the weights make up for.

    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2, 500, 2))
    >>> p, _ = cross_covariance_test(x - x.mean(axis=0), y - y.mean(axis=0), 0)
    >>> 0.001 < p < 0.999
    True
    """
    n = len(left_x)
    statistic = float(((left_x.T @ left_y) ** 2).sum() / n)
    products = (left_x[:, :, None] * left_y[:, None, :]).reshape(n, -1)
    weights: FloatArray = np.asarray(np.linalg.eigvalsh(products.T @ products / n), dtype=np.float64)
    weights = weights * (n / (n - 1.0 - rank))
    weights = weights[weights > 1e-12 * weights[-1]]
    if not len(weights):
        return float("nan"), float("nan")
    mean, variance = weights.sum(), 2.0 * (weights**2).sum()
    return weighted_chi2_sf(statistic, weights), float((statistic - mean) / math.sqrt(variance))


def weighted_chi2_sf(statistic: float, weights: FloatArray) -> float:
    """P(sum of positive weights times independent chi-squares of one degree > statistic), by the saddlepoint.

    Kuonen 1999 (doi:10.1093/biomet/86.4.929): within a few per cent of the probability, far out in the tails too.

    >>> round(weighted_chi2_sf(3.841, np.array([1.0])), 2), round(weighted_chi2_sf(2 * 5.991, np.array([2.0, 2.0])), 2)
    (0.05, 0.05)
    """
    from scipy.optimize import brentq  # loaded on use, as it takes a sixth of a second

    x = statistic / weights.max()
    weights = weights / weights.max()
    if x <= 0.0:
        return 1.0

    def slope(t: float) -> float:  # of the cumulant generating function, less x
        return float((weights / (1.0 - 2.0 * weights * t)).sum()) - x

    t = brentq(slope, -0.5 * len(weights) / x - 1e-9, 0.5 * (1.0 - 1e-14), xtol=1e-13)
    left = 1.0 - 2.0 * weights * t
    spread = math.sqrt(2.0 * float(((weights / left) ** 2).sum()))
    if abs(t) * spread < 1e-3:  # at the mean, where the formula is 0 / 0: a gamma with the same three moments
        return _gamma_sf(x, weights)
    w = math.copysign(math.sqrt(max(2.0 * t * x + float(np.log(left).sum()), 1e-300)), t)
    return float(ndtr(-(w + math.log(t * spread / w) / w)))


def _gamma_sf(x: float, weights: FloatArray) -> float:
    """Hall 1983, Buckley and Eagleson 1988."""
    mean, variance, third = weights.sum(), 2.0 * (weights**2).sum(), 8.0 * (weights**3).sum()
    df = 8.0 * variance**3 / third**2
    at = (x - mean) * math.sqrt(2.0 * df / variance) + df
    return float(gammaincc(0.5 * df, max(0.5 * at, 0.0)))
