"""Least squares on a series whose errors depend on each other: autoregressive ones, or by a long-run covariance."""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import FloatArray

LARGEST = 0.97  # autocorrelation that is believed


class SeriesFit(NamedTuple):
    """Coefficients, their covariance, and the part of each time in them."""

    coefficients: FloatArray  # (q,)
    covariance: FloatArray  # (q, q)
    influence: FloatArray  # (n, q), whose own covariance is the one above
    autocorrelation: float
    dof: float  # of Student's t


def autoregressive_fit(X: FloatArray, y: FloatArray) -> SeriesFit:
    """Generalised least squares with AR(1) errors, whose autocorrelation has the largest restricted likelihood.

    Prais, Winsten 1954; Cheang, Reinsel 2000 (doi:10.1080/01621459.2000.10474335): the restricted likelihood has little
    of the downward bias that makes intervals of short series too narrow. Degrees of freedom are of as many independent
    times as the series is worth.

    Args:
        X: design (n, q) of full rank in the order of time.
        y: outcome (n,).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> e = np.zeros(400)
        >>> for t in range(1, 400):
        ...     e[t] = 0.6 * e[t - 1] + rng.normal()
        >>> fit = autoregressive_fit(np.ones((400, 1)), 5.0 + e)
        >>> bool(0.5 < fit.autocorrelation < 0.7 and 0.05 < fit.covariance[0, 0] ** 0.5 < 0.2)
        True
    """
    grid = np.linspace(-LARGEST, LARGEST, 98)
    rho = float(grid[int(np.argmax([_restricted_likelihood(X, y, r) for r in grid]))])
    near = np.clip(rho + np.linspace(-0.02, 0.02, 21), -LARGEST, LARGEST)
    rho = float(near[int(np.argmax([_restricted_likelihood(X, y, r) for r in near]))])
    A, b = _whitened(X, rho), _whitened(y[:, None], rho)[:, 0]
    inverse = np.linalg.pinv(A.T @ A, hermitian=True)
    beta = inverse @ (A.T @ b)
    left = b - A @ beta
    n, q = X.shape
    covariance = inverse * float(left @ left) / (n - q)
    parts = n * (A * left[:, None]) @ inverse
    worth = (n - q) * (1 - max(rho, 0.0)) / (1 + max(rho, 0.0))
    return SeriesFit(beta, covariance, coloured(parts, covariance), rho, max(worth, 2.0))


def long_run_fit(X: FloatArray, y: FloatArray, lags: int | None = None) -> SeriesFit:
    """Least squares with the covariance of Newey and West (1987), prewhitened (Andrews, Monahan 1992).

    Args:
        X: design (n, q) of full rank in the order of time.
        y: outcome (n,).
        lags: of Bartlett's kernel; by default 4 (n / 100)^(2/9).

    Example:
        >>> x = np.arange(60.0)
        >>> fit = long_run_fit(np.column_stack([np.ones(60), x]), 1.0 + 2.0 * x + np.sin(x))
        >>> fit.coefficients.round(1).tolist()
        [1.0, 2.0]
    """
    n, q = X.shape
    inverse = np.linalg.pinv(X.T @ X, hermitian=True)
    beta = inverse @ (X.T @ y)
    left = y - X @ beta
    parts = n * (X * left[:, None]) @ inverse
    covariance = long_run_covariance(parts, lags) / n * n / (n - q)
    rho = float(left[1:] @ left[:-1] / max(float(left[:-1] @ left[:-1]), 1e-300))
    return SeriesFit(beta, covariance, coloured(parts, covariance), rho, float(n - q))


def long_run_covariance(parts: FloatArray, lags: int | None = None) -> FloatArray:
    """The covariance of the mean of a series (n, q), times n: Bartlett's weights on prewhitened parts.

    >>> alternating = np.tile([1.0, -1.0], 50)[:, None]
    >>> float(long_run_covariance(alternating)[0, 0]) < 0.1
    True
    """
    n = len(parts)
    lags = int(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    before, now = parts[:-1], parts[1:]
    size = np.maximum((before**2).sum(axis=0), 1e-300)
    slope = np.clip((before * now).sum(axis=0) / size, -LARGEST, LARGEST)
    white = now - slope * before
    total = white.T @ white
    for lag in range(1, min(lags, len(white) - 1) + 1):
        crossed = white[lag:].T @ white[:-lag]
        total = total + (1 - lag / (lags + 1)) * (crossed + crossed.T)
    back = 1.0 / (1.0 - slope)
    return np.asarray(total / len(white) * np.outer(back, back))


def coloured(parts: FloatArray, covariance: FloatArray) -> FloatArray:
    """Parts (n, q) turned so that the covariance of their mean is the one given: what is not independent is counted so.

    >>> rng = np.random.default_rng(0)
    >>> turned = coloured(rng.normal(size=(50, 2)), np.array([[2.0, 1.0], [1.0, 3.0]]))
    >>> (np.cov(turned.T) / 50).round(6).tolist()
    [[2.0, 1.0], [1.0, 3.0]]
    """
    n = len(parts)
    centred = parts - parts.mean(axis=0)
    has = centred.T @ centred / (n * (n - 1))
    return np.asarray(centred @ _root(has, -1.0) @ _root(covariance, 1.0))


def _root(matrix: FloatArray, sign: float) -> FloatArray:
    """The symmetric root of a covariance, or of its inverse, safe where scales of its entries differ much."""
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    values, turn = np.linalg.eigh(matrix / np.outer(scale, scale))
    values = np.maximum(values, 0.0)
    power = np.where(values > 1e-12 * values.max(), np.maximum(values, 1e-300) ** (0.5 * sign), 0.0)
    inner = turn * power
    # parts are rows: their covariance is root' root
    return np.asarray((turn * power).T * scale if sign > 0 else (inner / scale[:, None]))


def _restricted_likelihood(X: FloatArray, y: FloatArray, rho: float) -> float:
    A, b = _whitened(X, rho), _whitened(y[:, None], rho)[:, 0]
    n, q = X.shape
    gram = A.T @ A
    left = b - A @ np.linalg.lstsq(A, b, rcond=None)[0]
    return float(
        0.5 * np.log(1 - rho**2)
        - 0.5 * np.linalg.slogdet(gram)[1]
        - 0.5 * (n - q) * np.log(max(float(left @ left), 1e-300))
    )


def _whitened(X: FloatArray, rho: float) -> FloatArray:
    out = X.copy()
    out[1:] -= rho * X[:-1]
    out[0] *= np.sqrt(1 - rho**2)
    return out
