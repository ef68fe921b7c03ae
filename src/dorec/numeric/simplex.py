"""Least squares by weights that are at least zero and sum to one, for any number of columns."""

import numpy as np

from dorec.numeric.arrays import FloatArray


def simplex_weights(A: FloatArray, b: FloatArray, *, ridge: float = 0.0, intercept: bool = False) -> FloatArray:
    """The weights w of the columns of A with the least |A w + c - b|^2 + ridge |w|^2, w >= 0, sum(w) = 1.

    Exact: on the simplex A w - b = D w with D = A - b, and the direction of the non-negative least-squares solution of
    [D; 1] w = [0; 1] is the one with the least |D w|^2.

    Args:
        A: (m, k); b: (m,).
        intercept: whether a constant c is free; else it is 0.

    Example:
        >>> simplex_weights(np.eye(3)[:, :2], np.array([0.3, 0.7, 0.0])).round(2).tolist()
        [0.3, 0.7]
    """
    from scipy.optimize import nnls  # loaded on use: it takes a third of a second

    D = A - b[:, None]
    if intercept:
        D = D - D.mean(axis=0)
    k = A.shape[1]
    if ridge > 0:
        D = np.vstack([D, np.sqrt(ridge) * np.eye(k)])
    scale = float(np.abs(D).max()) or 1.0
    found, _ = nnls(np.vstack([D / scale, np.ones(k)]), np.append(np.zeros(len(D)), 1.0), maxiter=50 * k + 100)
    return np.asarray(found / found.sum())
