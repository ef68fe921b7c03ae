"""k-class estimators of linear models with instruments, and sets that hold however weak the instruments are."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import linalg, stats

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.multiplicity import cluster_sums


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


def effective_f(D: FloatArray, Z: FloatArray, groups: IntArray | None = None) -> float:
    """The robust first-stage F of one endogenous column (Montiel Olea, Pflueger 2013, 10.1080/00401706.2013.806694).

    With `groups` (n,), codes of clusters, it is robust to dependence within them.

    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=500)
    >>> effective_f(0.5 * z + rng.normal(size=500), z[:, None]) > 50
    True
    """
    q, _ = linalg.qr(Z, mode="economic")
    first = q.T @ D
    residual = D - q @ first
    scores = _summed(q * residual[:, None], groups)
    return float(first @ first / np.trace(scores.T @ scores))


def anderson_rubin(
    y: FloatArray, D: FloatArray, Z: FloatArray, level: float, groups: IntArray | None = None
) -> list[tuple[float, float]]:
    """The values of one coefficient that the Anderson-Rubin test does not reject, as intervals, perhaps unbounded.

    Robust to heteroskedasticity, to dependence within `groups`, and to weak instruments (Anderson, Rubin 1949; Andrews,
    Stock, Sun 2019). The test's statistic is walked over the whole line by its angle, and the ends of the set are then
    found by bisection.
    """
    q, _ = linalg.qr(Z, mode="economic")
    critical = float(stats.chi2.ppf(level, q.shape[1]))

    def accepted(angle: float) -> bool:
        e = y * np.cos(angle) - D * np.sin(angle)
        moment = q.T @ e
        scores = _summed(q * e[:, None], groups)
        return float(moment @ np.linalg.solve(scores.T @ scores, moment)) <= critical

    angles = np.linspace(-np.pi / 2, np.pi / 2, 721)  # beta = tan(angle); both ends are the same, infinite, value
    scale = float(np.linalg.norm(y) / np.linalg.norm(D))
    y = y / scale
    inside = [accepted(a) for a in angles]
    ends = [_bisect(accepted, angles[i], angles[i + 1], inside[i]) for i in range(720) if inside[i] != inside[i + 1]]
    bounds = [scale * float(np.tan(a)) for a in ends]
    marks = ([-np.inf] if inside[0] else []) + bounds + ([np.inf] if inside[-1] else [])
    return list(zip(marks[::2], marks[1::2], strict=True))


def overidentification(
    y: FloatArray, D: FloatArray, Z: FloatArray, groups: IntArray | None = None
) -> tuple[float, float]:
    """Hansen's J and its p-value (1982, doi:10.2307/1912775), by two-step moments; (0, 1) when just identified.

    Args:
        y: (n,); D: (n, m); Z: (n, q), all partialled out of the controls; groups: (n,) codes of clusters.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> Z, u = rng.normal(size=(2000, 2)), rng.normal(size=2000)
        >>> d = Z.sum(axis=1) + u
        >>> good, bad = overidentification(d + u, d[:, None], Z), overidentification(d + u + Z[:, 0], d[:, None], Z)
        >>> good[1] > 0.05, bad[1] < 1e-6
        (True, True)
    """
    spare = Z.shape[1] - D.shape[1]
    if spare <= 0:
        return 0.0, 1.0
    Q = np.asarray(linalg.qr(Z, mode="economic")[0], dtype=np.float64)
    first = k_class(y, D, Q).residual
    scores = _summed(Q * first[:, None], groups)
    weight = np.linalg.pinv(scores.T @ scores, hermitian=True)
    crossed = Q.T @ D
    value = np.linalg.solve(crossed.T @ weight @ crossed, crossed.T @ weight @ (Q.T @ y))
    moment = Q.T @ (y - D @ value)
    statistic = float(moment @ weight @ moment)
    return statistic, float(stats.chi2.sf(statistic, spare))


def _summed(scores: FloatArray, groups: IntArray | None) -> FloatArray:
    return scores if groups is None else cluster_sums(scores, groups)


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
