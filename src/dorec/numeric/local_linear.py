"""Local polynomials at inner points: what each value counts, and the bandwidth that predicts best."""

from math import comb

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray


def epanechnikov(u: FloatArray) -> FloatArray:
    """The kernel that wastes least, with integral one.

    >>> epanechnikov(np.array([0.0, 0.5, 2.0])).tolist()
    [0.75, 0.5625, 0.0]
    """
    return np.asarray(0.75 * np.maximum(1.0 - u**2, 0.0))


def local_weights(x: FloatArray, at: float, bandwidth: float, order: int, weight: FloatArray) -> FloatArray:
    """What each value (n,) counts for the local polynomial of an order at a point; they sum to one.

    Example:
        >>> x = np.linspace(0, 1, 50)
        >>> w = local_weights(x, 0.4, 0.3, 2, np.ones(50))
        >>> round(float(w.sum()), 6), round(float(w @ (1 + x + x**2)), 6)
        (1.0, 1.56)
    """
    u = (x - at) / bandwidth
    kernel = epanechnikov(u) * weight
    inside = np.flatnonzero(kernel)
    powers = u[inside][:, None] ** np.arange(order + 1)
    left = powers * kernel[inside][:, None]
    out = np.zeros(len(x))
    out[inside] = np.linalg.pinv(left.T @ powers, hermitian=True)[0] @ left.T
    return out


def cross_validated_bandwidth(x: FloatArray, y: FloatArray, candidates: FloatArray, weight: FloatArray) -> float:
    """The bandwidth whose local lines predict left-out values best, by their leverage.

    Args:
        x: (n,).
        y: (n,).
        candidates: bandwidths to choose from (m,).
        weight: of each value (n,).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = np.sort(rng.random(300))
        >>> wide = cross_validated_bandwidth(x, x + 0.1 * rng.normal(size=300), np.array([0.05, 1.0]), np.ones(300))
        >>> bent = cross_validated_bandwidth(x, np.sin(20 * x), np.array([0.05, 1.0]), np.ones(300))
        >>> wide, bent
        (1.0, 0.05)
    """
    order = np.argsort(x, kind="stable")
    x, y, weight = x[order], y[order], weight[order]
    losses = [_left_out_loss(x, y, float(h), weight) for h in candidates]
    return float(candidates[int(np.argmin(losses))])


def _left_out_loss(x: FloatArray, y: FloatArray, bandwidth: float, weight: FloatArray) -> float:
    """Mean squared error of local lines at each point without its own value, by running sums on sorted x."""
    scale = float(np.ptp(x)) or 1.0
    x, h = (x - x.mean()) / scale, bandwidth / scale
    low = np.searchsorted(x, x - h, side="left")
    high = np.searchsorted(x, x + h, side="right")
    powers = weight * x ** np.arange(5)[:, None]
    plain, times_y = _within(powers, low, high), _within(powers[:4] * (y - y.mean()), low, high)
    s = _about(plain, x, 5)
    t = _about(times_y, x, 4)
    s0, s1, s2 = s[0] - s[2] / h**2, (s[1] - s[3] / h**2) / h, (s[2] - s[4] / h**2) / h**2
    t0, t1 = t[0] - t[2] / h**2, (t[1] - t[3] / h**2) / h
    determinant = s0 * s2 - s1**2
    alone = determinant <= 1e-8 * s0**2
    safe = np.where(alone, 1.0, determinant)
    leverage = np.where(alone, 1.0, weight * s2 / safe)
    keeps = leverage < 1 - 1e-6
    if keeps.mean() < 0.95:
        return np.inf
    error = (y - y.mean() - (s2 * t0 - s1 * t1) / safe)[keeps] / (1 - leverage[keeps])
    return float(np.average(error**2, weights=weight[keeps]))


def _within(terms: FloatArray, low: IntArray, high: IntArray) -> FloatArray:
    """Sums of terms (r, n) over the window of each point, (r, n)."""
    running = np.concatenate([np.zeros((len(terms), 1)), np.cumsum(terms, axis=1)], axis=1)
    return np.asarray(running[:, high] - running[:, low])


def _about(sums: FloatArray, x: FloatArray, many: int) -> FloatArray:
    """Sums of powers of x (r, n) as sums of powers of the distance from each point."""
    return np.stack([sum(comb(m, k) * (-x) ** (m - k) * sums[k] for k in range(m + 1)) for m in range(many)])
