"""Independence of two variables, whatever the dependence: the Hilbert-Schmidt criterion, compiled."""

import numpy as np
from scipy.special import gammaincc

from dorec.numeric.arrays import FloatArray
from dorec.numeric.compiled import fast_kernel


def hsic(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """The Hilbert-Schmidt independence criterion of x and y (n,), times n, and its p-value.

    Gaussian kernels as wide as the median distance, and the gamma approximation of the null distribution (Gretton et
    al. 2008). Time grows with n², memory with n.

    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2, 300))
    >>> bool(hsic(x, y)[1] > 0.05), bool(hsic(x, x**2 + 0.1 * y)[1] < 1e-6)
    (True, True)
    """
    n = len(x)
    x, y = x / _median_distance(x), y / _median_distance(y)
    means_x, means_y = _row_means(x), _row_means(y)
    statistic, squares = _centred_products(x, y, means_x, means_y)
    off_x, off_y = (means_x.sum() - 1) / (n - 1), (means_y.sum() - 1) / (n - 1)  # mean kernel of two distinct rows
    mean = (1 + off_x * off_y - off_x - off_y) / n
    variance = squares / (n * (n - 1)) * 2 * (n - 4) * (n - 5) / (n * (n - 1) * (n - 2) * (n - 3))
    shape, scale = mean**2 / variance, n * variance / mean
    return statistic / n, float(gammaincc(shape, max(statistic, 0.0) / n / scale))


def _median_distance(x: FloatArray) -> float:
    some = x[:: max(1, len(x) // 500)]
    gaps = np.abs(some[:, None] - some[None, :])[np.triu_indices(len(some), 1)]
    return float(np.median(gaps[gaps > 0]))


@fast_kernel
def _row_means(x: FloatArray) -> FloatArray:
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i] += 1.0
        for j in range(i):
            k = np.exp(-0.5 * (x[i] - x[j]) ** 2)
            out[i] += k
            out[j] += k
    return out / len(x)


@fast_kernel
def _centred_products(x: FloatArray, y: FloatArray, means_x: FloatArray, means_y: FloatArray) -> tuple[float, float]:
    """The sum of the products of both centred kernels, and of their squares off the diagonal."""
    all_x, all_y = means_x.mean(), means_y.mean()
    total, squares = 0.0, 0.0
    for i in range(len(x)):
        total += (1.0 - 2.0 * means_x[i] + all_x) * (1.0 - 2.0 * means_y[i] + all_y)
        for j in range(i):
            of_x = np.exp(-0.5 * (x[i] - x[j]) ** 2) - means_x[i] - means_x[j] + all_x
            of_y = np.exp(-0.5 * (y[i] - y[j]) ** 2) - means_y[i] - means_y[j] + all_y
            total += 2.0 * of_x * of_y
            squares += 2.0 * (of_x * of_y) ** 2
    return total, squares
