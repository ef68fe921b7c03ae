"""The k largest inner products of each row with all others, exactly, without the table of all products."""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel, ranges, run_parts
from dorec.numeric.top_k import rise, sink

ROWS, COLUMNS = 128, 1024  # of a block of products: half a MiB, which stays in the cache
CHUNK = 64  # products compared with the threshold at once


class Heaps(NamedTuple):
    """The best so far of each row of a block; the worst of them stands first."""

    value: FloatArray  # (b, k)
    place: IntArray  # (b, k)
    size: IntArray  # (b,)
    cursor: IntArray  # (b,) of each row in what it leaves out


def top_products(
    left: AnyArray,
    right: AnyArray,
    k: int,
    *,
    bias: AnyArray | None = None,
    leave_out: tuple[AnyArray, AnyArray] | None = None,
    tie_rank: IntArray | None = None,
    threads: int = 1,
) -> tuple[IntArray, FloatArray]:
    """Positions (n, k) and values (n, k) of the k largest of left_i'right_j + bias_j for each i, descending.

    Blocks of products are made by matrix multiplication in single precision, and looked through against the k-th best
    so far, many at once. As in `top_k`, a place that nothing can fill has position -1 and value -inf, and NaN is never
    taken. Memory beside the answer is half a MiB a thread.

    Args:
        left: (n, f).
        right: (m, f).
        k: how many; it may exceed m.
        bias: (m,).
        leave_out: indptr (n + 1,) and sorted indices of the positions that each row must not get.
        tie_rank: (m,) distinct ranks; of two equal values the one with the lower rank goes first, by default the one
            that stands first.
        threads: rows are shared out among them; the answer does not depend on it.

    Example:
        >>> positions, values = top_products(np.eye(2), np.array([[1.0, 5.0], [3.0, 4.0]]), 1)
        >>> positions.tolist(), values.tolist()
        ([[1], [0]], [[3.0], [5.0]])
    """
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1] or k < 0:
        raise ValueError(f"top_products got {left.shape}, {right.shape} and k = {k}; give (n, f), (m, f) and k >= 0.")
    n, m = len(left), len(right)
    positions, values = np.full((n, k), -1, dtype=np.int64), np.full((n, k), -np.inf)
    width = min(k, m)
    if not n or not width:
        return positions, values
    rows, columns = (np.ascontiguousarray(side, dtype=np.float32) for side in (left, right))
    offsets = None if bias is None else np.ascontiguousarray(bias, dtype=np.float32)
    tie = np.arange(m, dtype=np.int64) if tie_rank is None else np.ascontiguousarray(tie_rank, dtype=np.int64)
    indptr, indices = (np.zeros(n + 1), np.zeros(0)) if leave_out is None else leave_out
    without = np.asarray(indptr, dtype=np.int64), np.asarray(indices, dtype=np.int64)

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, ROWS):
            last = min(first + ROWS, stop)
            heaps = _best(rows[first:last], (columns, offsets), (without[0][first : last + 1], without[1]), tie, width)
            _unload(heaps.value, heaps.place, heaps.size, tie, positions[first:last], values[first:last])

    run_parts(work, list(ranges(n, threads)), threads)
    return positions, values


def _best(
    rows: AnyArray,
    columns: tuple[AnyArray, AnyArray | None],
    without: tuple[IntArray, IntArray],
    tie: IntArray,
    k: int,
) -> Heaps:
    b = len(rows)
    heaps = Heaps(
        np.empty((b, k)), np.empty((b, k), dtype=np.int64), np.zeros(b, dtype=np.int64), without[0][:-1].copy()
    )
    buffer = np.empty((b, COLUMNS), dtype=np.float32)
    for start in range(0, len(columns[0]), COLUMNS):
        block = columns[0][start : start + COLUMNS]
        products = buffer[:, : len(block)] if len(block) == COLUMNS else np.empty((b, len(block)), dtype=np.float32)
        np.matmul(rows, block.T, out=products)
        if columns[1] is not None:
            products += columns[1][start : start + COLUMNS]
        _look_through(products, start, without[0][1:], without[1], heaps, tie)
    return heaps


@kernel
def _look_through(
    products: AnyArray, start: int, ends: IntArray, left_out: IntArray, heaps: Heaps, tie: IntArray
) -> None:
    k = heaps.value.shape[1]
    n = products.shape[1]
    for row in range(products.shape[0]):
        line, value, place = products[row], heaps.value[row], heaps.place[row]
        at = heaps.cursor[row]
        while at < ends[row] and left_out[at] < start + n:
            line[left_out[at] - start] = -np.inf
            at += 1
        heaps.cursor[row] = at
        size = heaps.size[row]
        for first in range(0, n, CHUNK):
            last = min(first + CHUNK, n)
            if size == k and not _any_reaches(line[first:last], np.float32(value[0])):
                continue
            for i in range(first, last):
                s = np.float64(line[i])
                j = start + i
                if size < k:
                    if s > -np.inf:
                        rise(value, place, tie, size, s, j)
                        size += 1
                elif s > value[0] or (s == value[0] and tie[j] < tie[place[0]]):
                    sink(value, place, tie, size, s, j)
        heaps.size[row] = size


@kernel
def _any_reaches(line: AnyArray, threshold: np.float32) -> bool:
    """Whether one of the numbers is at least the threshold; counted without a branch, so in vector instructions."""
    count = 0
    for i in range(len(line)):
        count += line[i] >= threshold
    return count > 0


@kernel
def _unload(
    value: FloatArray, place: IntArray, sizes: IntArray, tie: IntArray, positions: IntArray, values: FloatArray
) -> None:
    """Empty the heaps, worst first, into the columns from the last one down."""
    for row in range(len(sizes)):
        size = sizes[row]
        while size > 0:
            size -= 1
            positions[row, size] = place[row, 0]
            values[row, size] = value[row, 0]
            if size > 0:
                sink(value[row], place[row], tie, size, value[row, size], place[row, size])
