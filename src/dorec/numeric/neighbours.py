"""Nearest neighbours with all of their ties, between cells of units that are alike."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from dorec.numeric.arrays import FloatArray, IntArray

SAME = 1e-9  # distances that differ by less, relatively, are ties


class Cells(NamedTuple):
    """Units put together where all of their columns are equal."""

    points: FloatArray  # (c, p)
    of: IntArray  # (n,) the cell of each unit


def cells_of(X: FloatArray) -> Cells:
    """The distinct rows of X (n, p).

    >>> cells_of(np.array([[1.0], [0.0], [1.0]])).of.tolist()
    [1, 0, 1]
    """
    if X.shape[1] == 0:
        return Cells(np.zeros((1, 0)), np.zeros(len(X), dtype=np.int64))
    points, of = np.unique(X, axis=0, return_inverse=True)
    return Cells(points, np.asarray(of.ravel(), dtype=np.int64))


def whitened(points: FloatArray, X: FloatArray) -> FloatArray:
    """Points (c, p) turned so that Euclidean distance is Mahalanobis' by the covariance of X (n, p), (c, r).

    Directions in which X does not vary are left out.
    """
    spread = X.std(axis=0)
    varied = spread > 0
    if not varied.any():
        return np.zeros((len(points), 1))
    middle = X[:, varied].mean(axis=0)
    S = (X[:, varied] - middle) / spread[varied]
    values, vectors = np.linalg.eigh(S.T @ S / len(X))
    kept = values > 1e-10 * values.max()
    return np.asarray((points[:, varied] - middle) / spread[varied] @ vectors[:, kept] / np.sqrt(values[kept]))


def neighbour_shares(points: FloatArray, size: IntArray, k: int) -> sparse.csr_matrix:
    """What each unit of a cell counts in the mean of the k nearest units of a pool, ties at the k-th all in, (c, c).

    A row times the sums over the pool's cells is the mean over the neighbours.

    Args:
        points: of the cells, (c, r).
        size: number of units of the pool in each cell, (c,).
        k: neighbours; all of the pool where it has fewer.

    Example:
        >>> shares = neighbour_shares(np.array([[0.0], [1.0], [-1.0], [3.0]]), np.array([0, 1, 1, 2]), 1)
        >>> shares.toarray()[0].tolist(), shares.toarray()[3].tolist()
        ([0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 0.5])
    """
    pool = np.flatnonzero(size > 0)
    tree = cKDTree(points[pool])
    nearest = min(k, len(pool))
    distance, place = tree.query(points, k=nearest)
    distance, place = np.reshape(distance, (len(points), -1)), np.reshape(place, (len(points), -1))
    enough = np.cumsum(size[pool][place], axis=1) >= k
    last = np.where(enough.any(axis=1), enough.argmax(axis=1), nearest - 1)
    reach = distance[np.arange(len(points)), last]
    found = tree.query_ball_point(points, reach * (1.0 + SAME) + 1e-12)
    counts = np.array([len(row) for row in found])
    columns = pool[np.concatenate([np.asarray(row, dtype=np.int64) for row in found])]
    rows = np.repeat(np.arange(len(points)), counts)
    total = np.bincount(rows, weights=size[columns].astype(np.float64), minlength=len(points))
    return sparse.csr_matrix((1.0 / total[rows], (rows, columns)), shape=(len(points), len(points)))
