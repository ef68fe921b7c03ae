"""Categories of items as shares, and the mix of them in each user's history."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray


def category_shares(cells: Sequence[Any]) -> tuple[FloatArray, tuple[Any, ...]]:
    """Which categories each item is in, (n_items, categories), rows summing to one or, for unknown ones, to zero.

    A cell may hold one category or a list of them, each with an equal share.

    >>> category_shares(["war", ["war", "love"], None])[0].tolist()
    [[0.0, 1.0], [0.5, 0.5], [0.0, 0.0]]
    """
    labels = [_labels(cell) for cell in cells]
    names = sorted({label for cell in labels for label in cell}, key=str)
    place = {label: j for j, label in enumerate(names)}
    out = np.zeros((len(labels), len(names)))
    for i, cell in enumerate(labels):
        for label in cell:
            out[i, place[label]] += 1.0 / len(cell)
    return out, tuple(names)


def history_mix(matrix: Any, users: IntArray, categories: AnyArray) -> FloatArray:
    """Each user's share of each category in the history, (u, categories); a stranger has everyone's.

    A user whose items have no known category has everyone's mix too.

    Args:
        matrix: weights of users' items, sparse (n_users, n_items).
        users: positions (u,), -1 for strangers.
        categories: shares (n_items, categories), as of `category_shares`.

    >>> from scipy import sparse
    >>> history_mix(sparse.csr_matrix([[3.0, 1.0], [0.0, 4.0]]), np.array([0, -1]), np.eye(2)).tolist()
    [[0.75, 0.25], [0.375, 0.625]]
    """
    everyone = np.asarray(matrix.sum(axis=0)).ravel() @ categories
    mix = np.tile(everyone, (len(users), 1))
    known = users >= 0
    own = np.asarray(matrix[users[known]] @ categories)
    mix[known] = np.where(own.sum(axis=1, keepdims=True) > 0, own, everyone)
    total = mix.sum(axis=1, keepdims=True)
    return np.divide(mix, total, out=np.zeros_like(mix), where=total > 0)


def _labels(cell: Any) -> tuple[Any, ...]:
    if cell is None or cell != cell:
        return ()
    return tuple(cell) if isinstance(cell, (list, tuple)) else (cell,)
