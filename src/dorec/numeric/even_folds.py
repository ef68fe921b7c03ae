"""Folds of the same size that follow the clusters and nothing else."""

import numpy as np

from dorec.numeric.arrays import AnyArray, IntArray
from dorec.numeric.folds import hash64


def even_folds(n: int, n_folds: int, cluster: AnyArray | None = None) -> IntArray:
    """A fold for each row, (n,), that depends on nothing but the row's cluster (or place), evenly spread.

    Example:
        >>> fold = even_folds(4, 2, np.array(["ann", "bob", "ann", "cid"]))
        >>> bool(fold[0] == fold[2])
        True
        >>> np.bincount(even_folds(10, 5)).tolist()
        [2, 2, 2, 2, 2]
    """
    if cluster is None:
        ids, units = np.arange(n), np.arange(n)
    else:
        ids, units = np.unique(cluster, return_inverse=True)
    order = np.argsort(hash64(ids))  # no two places have one hash
    fold = np.empty(len(ids), dtype=np.int64)
    fold[order] = np.arange(len(ids)) % n_folds
    return fold[units]
