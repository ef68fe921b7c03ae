"""The strongest of many contributions."""

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.top_k import top_k


def strongest(history: IntArray, parts: FloatArray, n: int) -> list[list[int]]:
    """For each column of parts (h, t) the up to n items of the history (h,) with the largest positive part.

    A history of -1, what no single item explains, is no reason.

    Example:
        >>> strongest(np.array([4, 7, 9]), np.array([[0.1, -1.0], [0.5, 0.0], [0.2, 3.0]]), 2)
        [[7, 9], [9]]
    """
    history, parts = history[history >= 0], parts[history >= 0]
    at, value = top_k(np.ascontiguousarray(parts.T), n)
    return [history[row[good]].tolist() for row, good in zip(at, value > 0, strict=True)]
