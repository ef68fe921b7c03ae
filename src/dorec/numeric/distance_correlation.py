"""Whether two things vary together, of any number of columns and any shape of dependence, from distances alone."""

import numpy as np
from scipy import special

from dorec.numeric.arrays import AnyArray, FloatArray


def distance_correlation_test(a: FloatArray, b: FloatArray) -> tuple[float, float]:
    """Unbiased distance correlation of two matrices of distances (n, n), and the p-value of independence.

    Zero in the population only under independence (Székely, Rizzo 2014, doi:10.1214/14-AOS1255). The p-value is that of
    n C + 1 as a chi-square with one degree of freedom, which holds its level at 0.05 and below (Shen, Panda, Vogelstein
    2022, doi:10.1080/10618600.2021.1938585). With b the distances of two labels this is the energy test of two samples.
    O(n^2) time and memory.

    Example:
        >>> x = np.linspace(-1, 1, 60)
        >>> c, p = distance_correlation_test(distances(x), distances(x**2))
        >>> round(c, 2), p < 0.001
        (0.2, True)
    """
    n = len(a)
    if n < 4:
        return 0.0, 1.0
    a, b = _centred(a), _centred(b)
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    if scale <= 1e-12 * n:
        return 0.0, 1.0
    c = float((a * b).sum()) / scale
    return c, float(special.chdtrc(1, max(n * c + 1.0, 0.0)))


def distances(x: AnyArray) -> FloatArray:
    """Euclidean distances (n, n) of values (n,) or rows (n, p).

    >>> distances(np.array([0.0, 3.0])).tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    columns = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
    if columns.shape[1] == 1:
        one: FloatArray = np.abs(columns - columns.T)
        return one
    square = (columns**2).sum(axis=1)
    out: FloatArray = np.sqrt(np.maximum(square[:, None] + square[None, :] - 2 * columns @ columns.T, 0.0))
    np.fill_diagonal(out, 0.0)
    return out


def _centred(d: FloatArray) -> FloatArray:
    """The U-centred matrix, whose inner products are unbiased."""
    n = len(d)
    row = d.sum(axis=0)
    out: FloatArray = d - row[:, None] / (n - 2) - row[None, :] / (n - 2) + row.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(out, 0.0)
    return out
