"""k-class estimators of linear models with instruments, and sets that hold however weak the instruments are."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import linalg, stats

from dorec.numeric.arrays import FloatArray


class KClass(NamedTuple):
    """Coefficients of the endogenous columns, their influences, and the k that was used."""

    value: FloatArray  # (m,)
    influence: FloatArray  # (n, m), averaging zero
    residual: FloatArray  # (n,)
    k: float


def partial_out(columns: FloatArray, controls: FloatArray, root: FloatArray) -> FloatArray:
    """Residuals (n, m) of columns on controls (n, p), both weighted by `root` (n,), the square root of the weights."""
    C = controls * root[:, None]
    q, _ = linalg.qr(C, mode="economic")
    Y = columns * root[:, None]
    return np.asarray(Y - q @ (q.T @ Y))


def k_class(y: FloatArray, D: FloatArray, Z: FloatArray, k: float | None = 1.0) -> KClass:
    """The k-class estimate of y on D with instruments Z, all partialled out of the controls (Theil 1958).

    k = 1 is two-stage least squares, k = 0 least squares, None limited-information maximum likelihood. The influence is
    that of the heteroskedasticity-robust (HC0) variance.

    Args:
        y: (n,); D: (n, m); Z: (n, q), q >= m.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z, u = rng.normal(size=(2, 2000))
        >>> d = z + u + rng.normal(size=2000)
        >>> found = k_class(2.0 * d + u, d[:, None], z[:, None])
        >>> bool(abs(found.value[0] - 2.0) < 0.1), found.influence.shape
        (True, (2000, 1))
    """
    projected = _projector(Z)
    if k is None:
        k = _liml_k(y, D, projected)
    instrumented = (1.0 - k) * D + k * projected(D)
    bread = np.linalg.inv(instrumented.T @ D)
    value = bread @ (instrumented.T @ y)
    residual = y - D @ value
    influence = len(y) * (instrumented * residual[:, None]) @ bread.T
    return KClass(value, influence, residual, k)


def effective_f(D: FloatArray, Z: FloatArray) -> float:
    """The robust first-stage F of one endogenous column (Montiel Olea, Pflueger 2013, 10.1080/00401706.2013.806694).

    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=500)
    >>> effective_f(0.5 * z + rng.normal(size=500), z[:, None]) > 50
    True
    """
    q, _ = linalg.qr(Z, mode="economic")
    first = q.T @ D
    residual = D - q @ first
    meat = (q * residual[:, None]).T @ (q * residual[:, None])
    return float(first @ first / np.trace(meat))


def anderson_rubin(y: FloatArray, D: FloatArray, Z: FloatArray, level: float) -> list[tuple[float, float]]:
    """The values of one coefficient that the Anderson-Rubin test does not reject, as intervals, perhaps unbounded.

    Robust to heteroskedasticity and to weak instruments (Anderson, Rubin 1949; Andrews, Stock, Sun 2019). The test's
    statistic is walked over the whole line by its angle, and the ends of the set are then found by bisection.
    """
    q, _ = linalg.qr(Z, mode="economic")
    critical = float(stats.chi2.ppf(level, q.shape[1]))

    def accepted(angle: float) -> bool:
        e = y * np.cos(angle) - D * np.sin(angle)
        moment = q.T @ e
        scores = q * e[:, None]
        return float(moment @ np.linalg.solve(scores.T @ scores, moment)) <= critical

    angles = np.linspace(-np.pi / 2, np.pi / 2, 721)  # beta = tan(angle); both ends are the same, infinite, value
    scale = float(np.linalg.norm(y) / np.linalg.norm(D))
    y = y / scale
    inside = [accepted(a) for a in angles]
    ends = [_bisect(accepted, angles[i], angles[i + 1], inside[i]) for i in range(720) if inside[i] != inside[i + 1]]
    bounds = [scale * float(np.tan(a)) for a in ends]
    marks = ([-np.inf] if inside[0] else []) + bounds + ([np.inf] if inside[-1] else [])
    return list(zip(marks[::2], marks[1::2], strict=True))


def overidentification(residual: FloatArray, Z: FloatArray, n_endogenous: int) -> tuple[float, float]:
    """Hansen's J and its p-value, from the residuals of two-stage least squares; (0, 1) when just identified."""
    spare = Z.shape[1] - n_endogenous
    if spare <= 0:
        return 0.0, 1.0
    scores = Z * residual[:, None]
    moment = scores.sum(axis=0)
    statistic = float(moment @ np.linalg.solve(scores.T @ scores, moment))
    return statistic, float(stats.chi2.sf(statistic, spare))


def _projector(Z: FloatArray) -> Callable[[FloatArray], FloatArray]:
    q, _ = linalg.qr(Z, mode="economic")
    return lambda X: np.asarray(q @ (q.T @ X))


def _liml_k(y: FloatArray, D: FloatArray, projected: Callable[[FloatArray], FloatArray]) -> float:
    W = np.column_stack([y, D])
    inside = projected(W)
    return float(linalg.eigh(W.T @ W, (W - inside).T @ (W - inside), eigvals_only=True)[0])


def _bisect(accepted: Callable[[float], bool], left: float, right: float, before: bool) -> float:
    for _ in range(60):
        middle = (left + right) / 2
        if accepted(middle) == before:
            left = middle
        else:
            right = middle
    return (left + right) / 2
