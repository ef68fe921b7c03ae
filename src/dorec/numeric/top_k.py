"""The k largest of each row, exactly, with ties broken by a stated rule."""

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel, ranges, run_parts


def top_k(
    scores: AnyArray, k: int, *, tie_rank: IntArray | None = None, threads: int = 1
) -> tuple[IntArray, FloatArray]:
    """Positions (n, k) and values (n, k) of the k largest of each row, descending.

    Entries of -inf or NaN are never taken: a place that nothing can fill has position -1 and value -inf.

    Args:
        scores: (n, m), float32 or float64.
        k: how many; it may exceed m.
        tie_rank: (m,) distinct ranks; of two equal values the one with the lower rank goes first, by default the one
            that stands first.
        threads: rows are shared out among them; the answer does not depend on it.

    Example:
        >>> positions, values = top_k(np.array([[1.0, 3.0, 3.0], [-np.inf, 0.5, -np.inf]]), 2)
        >>> positions.tolist(), values.tolist()
        ([[1, 2], [1, -1]], [[3.0, 3.0], [0.5, -inf]])
    """
    if scores.ndim != 2 or k < 0:
        raise ValueError(f"top_k got scores of shape {scores.shape} and k = {k}; give (n, m) and k >= 0.")
    n, m = scores.shape
    positions = np.full((n, k), -1, dtype=np.int64)
    values = np.full((n, k), -np.inf)
    width = min(k, m)
    if not n or not width:
        return positions, values
    if scores.dtype not in (np.float32, np.float64):
        scores = scores.astype(np.float64)
    scores = np.ascontiguousarray(scores)
    tie = np.arange(m, dtype=np.int64) if tie_rank is None else np.ascontiguousarray(tie_rank, dtype=np.int64)

    def rows(start: int, stop: int) -> None:
        _largest(scores[start:stop], tie, width, positions[start:stop], values[start:stop])

    run_parts(rows, list(ranges(n, threads)), threads)
    return positions, values


@kernel
def _largest(scores: AnyArray, tie: IntArray, k: int, positions: IntArray, values: FloatArray) -> None:
    """Fill the first k columns of `positions` and `values`; the heap's root is the worst entry that is kept."""
    value = np.empty(k)
    place = np.empty(k, dtype=np.int64)
    for row in range(scores.shape[0]):
        size = 0
        for i in range(scores.shape[1]):
            s = scores[row, i]
            if size < k:
                if s > -np.inf:
                    rise(value, place, tie, size, s, i)
                    size += 1
            elif s > value[0] or (s == value[0] and tie[i] < tie[place[0]]):
                sink(value, place, tie, size, s, i)
        while size > 0:
            size -= 1
            positions[row, size] = place[0]
            values[row, size] = value[0]
            if size > 0:
                sink(value, place, tie, size, value[size], place[size])


@kernel
def rise(value: FloatArray, place: IntArray, tie: IntArray, at: int, s: float, i: int) -> None:
    """Put (s, i) at the end of the heap and let it rise while it is worse than its parent."""
    while at > 0:
        parent = (at - 1) // 2
        if s < value[parent] or (s == value[parent] and tie[i] > tie[place[parent]]):
            value[at], place[at] = value[parent], place[parent]
            at = parent
        else:
            break
    value[at], place[at] = s, i


@kernel
def sink(value: FloatArray, place: IntArray, tie: IntArray, size: int, s: float, i: int) -> None:
    """Put (s, i) in the place of the root and let it sink below everything that is worse."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            value[other] < value[child] or (value[other] == value[child] and tie[place[other]] > tie[place[child]])
        ):
            child = other
        if value[child] < s or (value[child] == s and tie[place[child]] > tie[i]):
            value[at], place[at] = value[child], place[child]
            at = child
        else:
            break
    value[at], place[at] = s, i
