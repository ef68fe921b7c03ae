"""Quantile regression by an interior point, with the influence of each row on the coefficients."""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import FloatArray
from dorec.numeric.weighted_quantile import weighted_quantile

STEPS = 100
SHORT_OF = 0.9995  # how far a step goes to the bounds
GAP = 1e-10  # of the loss


class QuantileFit(NamedTuple):
    """Coefficients, the bandwidth of the density of the residuals at 0, and the influence of each row."""

    coefficients: FloatArray  # (q,)
    bandwidth: float
    influence: FloatArray  # (n, q)


def quantile_regression(W: FloatArray, y: FloatArray, level: float, weight: FloatArray) -> QuantileFit:
    """The linear conditional quantile (Koenker, Bassett 1978, doi:10.2307/1913643), with Powell's sandwich.

    The bandwidth of the density is Hall and Sheather's (1988), the kernel Epanechnikov's.

    Args:
        W: design (n, q) of full rank, the constant among its columns.
        y: outcome (n,).
        level: of the quantile, between 0 and 1.
        weight: of each row (n,), averaging one.

    Example:
        >>> x = np.arange(9.0)
        >>> y = 2.0 * x + np.array([0, 1, 0, -1, 0, 80, 0, 1, 0])
        >>> fit = quantile_regression(np.column_stack([np.ones(9), x]), y, 0.5, np.ones(9))
        >>> (fit.coefficients.round(3) + 0.0).tolist()
        [0.0, 2.0]
    """
    beta = quantile_coefficients(W, y, level, weight)
    residual = y - W @ beta
    width = powell_bandwidth(residual, level, weight)
    kernel = 0.75 * np.maximum(1 - (residual / width) ** 2, 0.0) / width
    inverse = np.linalg.pinv(W.T @ ((weight * kernel)[:, None] * W) / len(W), hermitian=True)
    on = np.abs(residual) <= 1e-9 * (np.abs(y).max() + 1e-300)  # the rows that the fit goes through count as hit
    score = weight * np.where(on, 0.0, level - (residual < 0))
    return QuantileFit(beta, width, (W * score[:, None]) @ inverse * np.sqrt(len(W) / (len(W) - W.shape[1])))


def quantile_coefficients(W: FloatArray, y: FloatArray, level: float, weight: FloatArray) -> FloatArray:
    """The coefficients alone, (q,): Frisch and Newton's interior point.

    Portnoy, Koenker 1997 (doi:10.1214/ss/1030037960); the last step goes to the vertex, where as many residuals are 0
    as there are coefficients.
    """
    centre, spread = float(np.median(y)), float(np.abs(y - np.median(y)).mean())
    if spread == 0:
        return np.asarray(np.linalg.lstsq(W, y, rcond=None)[0])
    shift = np.linalg.lstsq(W, np.full(len(y), centre), rcond=None)[0]  # exact: the constant is in W
    scaled = (y - W @ shift) / spread
    rows, target = W * weight[:, None], scaled * weight
    inside = weight > 0
    beta = _interior_point(rows[inside].T, target[inside], level)
    beta = _vertex(W[inside], scaled[inside], weight[inside], level, beta)
    return np.asarray(spread * beta + shift)


def pinball(residual: FloatArray, level: float, weight: FloatArray) -> float:
    """The loss whose least value is at the quantile.

    >>> pinball(np.array([-1.0, 2.0]), 0.5, np.ones(2))
    1.5
    """
    return float(weight @ (residual * (level - (residual < 0))))


def powell_bandwidth(residual: FloatArray, level: float, weight: FloatArray) -> float:
    """The bandwidth of the density of residuals at 0 (Hall, Sheather 1988, carried to the scale of the residuals)."""
    from scipy import special  # loaded on use

    n = float(weight.sum() ** 2 / (weight**2).sum())
    z = float(special.ndtri(level))
    density = float(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))
    h = n ** (-1 / 3) * 1.959964 ** (2 / 3) * (1.5 * density**2 / (2 * z * z + 1)) ** (1 / 3)
    h = min(h, 0.95 * min(level, 1 - level))
    iqr = weighted_quantile(residual, weight, 0.75) - weighted_quantile(residual, weight, 0.25)
    spread = min(float(np.sqrt(np.average(residual**2, weights=weight))), iqr / 1.34) or float(np.std(residual))
    return max(float(spread * (special.ndtri(level + h) - special.ndtri(level - h))), 1e-12 * float(np.ptp(residual)))


def _vertex(W: FloatArray, y: FloatArray, weight: FloatArray, level: float, beta: FloatArray) -> FloatArray:
    q = W.shape[1]
    near = np.argsort(np.abs(y - W @ beta), kind="stable")[: 4 * q]
    chosen: list[int] = []
    basis = np.zeros((0, q))
    for row in near:
        left = W[row] - basis.T @ (basis @ W[row])
        size = float(np.linalg.norm(left))
        if size > 1e-8 * float(np.linalg.norm(W[row])):
            basis = np.vstack([basis, left / size])
            chosen.append(int(row))
            if len(chosen) == q:
                break
    if len(chosen) < q:
        return beta
    corner: FloatArray = np.asarray(np.linalg.solve(W[chosen], y[chosen]), dtype=np.float64)
    before, after = (pinball(y - W @ b, level, weight) for b in (beta, corner))
    return corner if after <= before * (1 + 1e-9) else beta


def _interior_point(A: FloatArray, y: FloatArray, level: float) -> FloatArray:
    """Least c'x with A x = b, 0 <= x <= 1 and c = -y, whose multipliers are the coefficients; A is (q, n)."""
    n = A.shape[1]
    x = np.full(n, 1.0 - level)
    b, c, s = A @ x, -y, np.full(n, level)
    beta: FloatArray = np.asarray(np.linalg.lstsq(A.T, c, rcond=None)[0], dtype=np.float64)
    r = c - beta @ A
    r = r + 1e-3 * (r == 0)
    z = np.maximum(r, 0.0)
    w = z - r
    floor = GAP * float(np.abs(y).sum())
    for _ in range(STEPS):
        if c @ x - beta @ b + w.sum() <= floor:
            break
        q = 1.0 / (z / x + w / s)
        r = z - w
        AQ = A * q
        gram = AQ @ A.T
        step = _directions(A, gram, AQ @ r, q, r, (x, s, z, w), None)
        primal, dual = _reach(x, step[1], s, -step[1]), _reach(z, step[2], w, step[3])
        if min(primal, dual) < 1:
            mu = float(z @ x + w @ s)
            after = (z + dual * step[2]) @ (x + primal * step[1]) + (w + dual * step[3]) @ (s - primal * step[1])
            mu = mu * (float(after) / mu) ** 3 / (2 * n)
            corrected = (step[1] * step[2], -step[1] * step[3], mu)
            step = _directions(A, gram, AQ @ r, q, r, (x, s, z, w), corrected)
            primal, dual = _reach(x, step[1], s, -step[1]), _reach(z, step[2], w, step[3])
        x, s = x + primal * step[1], s - primal * step[1]
        beta, z, w = beta + dual * step[0], z + dual * step[2], w + dual * step[3]
    return -beta


Directions = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


def _directions(
    A: FloatArray,
    gram: FloatArray,
    rhs: FloatArray,
    q: FloatArray,
    r: FloatArray,
    at: Directions,
    corrected: tuple[FloatArray, FloatArray, float] | None,
) -> Directions:
    """Newton's step for the multipliers, x, z and w; Mehrotra's corrected one where its terms are given."""
    x, s, z, w = at
    if corrected is None:
        d_beta = _solved(gram, rhs)
        dx = q * (d_beta @ A - r)
        return d_beta, dx, -z * (1 + dx / x), -w * (1 - dx / s)
    xz, sw, mu = corrected
    xi = mu * (1 / x - 1 / s)
    # the products of the first step stand divided by x and s, as in Newton's equations for z x = mu and w s = mu
    xz, sw = xz / x, sw / s
    d_beta = _solved(gram, rhs + (A * q) @ (xz - sw - xi))
    dx = q * (d_beta @ A + xi - r - xz + sw)
    return d_beta, dx, mu / x - z - z * dx / x - xz, mu / s - w + w * dx / s - sw


def _solved(gram: FloatArray, rhs: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.lstsq(gram, rhs, rcond=None)[0], dtype=np.float64)


def _reach(a: FloatArray, da: FloatArray, b: FloatArray, db: FloatArray) -> float:
    """How far a step may go until one of the two vectors meets 0, at most 1."""
    v, dv = np.concatenate([a, b]), np.concatenate([da, db])
    down = dv < 0
    return min(1.0, SHORT_OF * float((-v[down] / dv[down]).min())) if down.any() else 1.0
