"""Inverse Cholesky factors of many precision matrices at once, and the lengths that they give to rows."""

import numpy as np

from dorec.numeric.arrays import FloatArray

BLOCK = 1 << 22  # numbers held at once


def inverse_roots(gram: FloatArray, reg: float) -> FloatArray:
    """The lower triangular R with R' R = (gram + reg I)^-1, for each of g matrices (g, p, p).

    >>> inverse_roots(np.array([[[3.0]]]), 1.0).tolist()
    [[[0.5]]]
    """
    return np.asarray(np.linalg.inv(np.linalg.cholesky(gram + reg * np.eye(gram.shape[-1]))))


def widths(roots: FloatArray, design: FloatArray) -> FloatArray:
    """|R x| = sqrt(x' (gram + reg I)^-1 x): of design (m, p) under each of g roots, or of design (m, k, p) under one.

    >>> widths(np.array([[[0.5]], [[1.0]]]), np.array([[2.0]])).tolist()
    [[1.0, 2.0]]
    """
    g, p, _ = roots.shape
    flat = design.reshape(-1, p)
    stacked = roots.reshape(g * p, p).T
    out = np.empty((len(flat), g))
    step = max(1, BLOCK // (g * p))
    for start in range(0, len(flat), step):
        inside = (flat[start : start + step] @ stacked).reshape(-1, g, p)
        out[start : start + step] = np.sqrt(np.einsum("mgp,mgp->mg", inside, inside))
    return out.reshape(design.shape[:2]) if design.ndim == 3 else out
