"""What a smooth function of other variables leaves of one."""

import numpy as np
from scipy.linalg import cho_factor, eigh, solve_triangular

from dorec.numeric.arrays import FloatArray

FEW_VALUES = 8  # of a regressor: then its levels' means serve instead of a spline
N_KNOTS = 25
DEGREE = 3


class Smoother:
    """Projects on smooth functions of one regressor, as smooth as generalised cross-validation asks (Wahba 1990).

    Cubic splines with knots at quantiles and a penalty on the squared second derivative; a regressor of fewer than 8
    values has a mean for each.

    >>> x = np.linspace(0, 1, 200)
    >>> noisy = np.sin(6 * x) + np.random.default_rng(0).normal(size=200) * 0.1
    >>> bool(np.abs(Smoother(x).fit(noisy) - np.sin(6 * x)).mean() < 0.03)
    True
    """

    def __init__(self, x: FloatArray) -> None:
        values, place = np.unique(x, return_inverse=True)
        if len(values) < FEW_VALUES:
            self.basis = np.eye(len(values))[place] / np.sqrt(np.bincount(place))
            self.roughness = np.zeros(len(values))
            return
        from scipy.interpolate import BSpline  # loaded on use, as it loads most of scipy

        at = (x - values[0]) / (values[-1] - values[0])
        inner = np.unique(np.quantile(at, np.linspace(0, 1, N_KNOTS)[1:-1]))
        inner = inner[(inner > 1e-6) & (inner < 1 - 1e-6) & np.concatenate(([True], np.diff(inner) > 1e-6))]
        knots = np.concatenate((np.zeros(DEGREE + 1), inner, np.ones(DEGREE + 1)))
        design = BSpline.design_matrix(at, knots, DEGREE).toarray()
        bend = BSpline(knots, np.eye(design.shape[1]), DEGREE).derivative(2)(np.linspace(0, 1, 400))
        gram = design.T @ design
        factor = cho_factor(gram + 1e-10 * np.trace(gram) / len(gram) * np.eye(len(gram)), lower=True)[0]
        half = solve_triangular(factor, bend.T, lower=True)
        self.roughness, turn = eigh(half @ half.T)  # the basis in which fit and penalty are both diagonal
        self.basis = design @ solve_triangular(factor, turn, lower=True, trans="T")

    def fit(self, y: FloatArray) -> FloatArray:
        """The smooth part (n,) of y (n,)."""
        n, along = len(y), self.basis.T @ y
        top = max(float(self.roughness.max()), 1e-12)
        penalties = np.concatenate(([0.0], np.logspace(-8, 6, 57) / top * len(self.roughness)))
        shrunk = 1.0 / (1.0 + penalties[:, None] * np.maximum(self.roughness, 0.0))
        left = float(y @ y) - ((2 * shrunk - shrunk**2) * along**2).sum(axis=1)
        score = left / (n - np.minimum(shrunk.sum(axis=1), n - 1)) ** 2
        fitted: FloatArray = self.basis @ (shrunk[int(np.argmin(score))] * along)
        return fitted


def additive_residual(y: FloatArray, regressors: FloatArray, max_rounds: int = 20) -> FloatArray:
    """What a sum of smooth functions of the regressors (p, n) leaves of y (n,): backfitting (Breiman, Friedman 1985).

    >>> rng = np.random.default_rng(0)
    >>> a, b, noise = rng.normal(size=(3, 400))
    >>> left = additive_residual(np.sin(a) + b**2 + 0.1 * noise, np.stack([a, b]))
    >>> bool(np.corrcoef(left, noise)[0, 1] > 0.95)
    True
    """
    centred = y - y.mean()
    smoothers = [Smoother(x) for x in regressors]
    parts = np.zeros_like(regressors)
    for _ in range(max_rounds if len(regressors) > 1 else 1):
        before = parts.copy()
        for k, smoother in enumerate(smoothers):
            fitted = smoother.fit(centred - parts.sum(axis=0) + parts[k])
            parts[k] = fitted - fitted.mean()
        if np.abs(parts - before).max() < 1e-3 * centred.std():
            break
    left: FloatArray = centred - parts.sum(axis=0)
    return left
