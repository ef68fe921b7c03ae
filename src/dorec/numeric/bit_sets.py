"""Sets of rows as bits, 64 to a word: contingency counts by intersecting them, compiled."""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel


def _count_bits(context: Any, value: Any) -> Any:
    """The processor's own instruction, which counts the ones of a word."""
    del context

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), build


n_bits: Any = intrinsic(_count_bits)


@kernel
def rows_of_levels(codes: AnyArray, first: IntArray) -> AnyArray:
    """The rows at each level as bits: row first[j] + i of the answer (first[d], words) has those of codes[j] == i.

    >>> rows_of_levels(np.array([[0, 1, 1]]), np.array([0, 2])).tolist()
    [[1], [6]]
    """
    d, n = codes.shape
    out = np.zeros((first[d], (n + 63) // 64), dtype=np.uint64)
    for j in range(d):
        for r in range(n):
            out[first[j] + codes[j, r], r >> 6] |= np.uint64(1) << np.uint64(r & 63)
    return out


@kernel
def _intersect(a: AnyArray, b: AnyArray, out: AnyArray) -> int:
    """Write a & b, (words,) each, to out; how many rows that is."""
    total = np.uint64(0)
    for w in range(len(a)):
        both = a[w] & b[w]
        out[w] = both
        total += n_bits(both)
    return int(total)


@kernel
def _n_common(a: AnyArray, b: AnyArray) -> int:
    """How many rows a and b, (words,) each, have in common."""
    total = np.uint64(0)
    for w in range(len(a)):
        total += n_bits(a[w] & b[w])
    return int(total)


@kernel
def bit_counts(bits: AnyArray, first: IntArray, parents: IntArray, y: int, n: int, out: FloatArray) -> int:
    """Counts of y at each joint level of its parents that occurs, to the rows of `out` (cells, levels of y).

    Gives the number of rows written. Costs (joint levels) x (levels of y) intersections of n / 64 words; parents whose
    first members exclude each other are never intersected further.

    >>> first = np.array([0, 2, 4])
    >>> bits = rows_of_levels(np.array([[0, 1, 1, 1], [0, 0, 1, 1]]), first)
    >>> out = np.zeros((2, 2))
    >>> int(bit_counts(bits, first, np.array([0]), 1, 4, out)), out.tolist()
    (2, [[1.0, 0.0], [1.0, 2.0]])
    """
    k, r = len(parents), first[y + 1] - first[y]
    inside = np.empty((k + 1, bits.shape[1]), dtype=np.uint64)  # rows at the levels chosen so far
    inside[0, :] = ~np.uint64(0)  # beyond the last row no level has a bit
    size = np.empty(k + 1, dtype=np.int64)
    size[0] = n
    level = np.zeros(k + 1, dtype=np.int64)
    depth, cell = 0, 0
    while depth >= 0:
        if depth == k:
            rest = size[k]
            for i in range(r - 1):
                seen = _n_common(inside[k], bits[first[y] + i]) if rest > 0 else 0
                out[cell, i] = seen
                rest -= seen
            out[cell, r - 1] = rest
            cell += 1
            depth -= 1
            continue
        p = parents[depth]
        if level[depth] == first[p + 1] - first[p]:
            level[depth] = 0
            depth -= 1
            continue
        size[depth + 1] = _intersect(inside[depth], bits[first[p] + level[depth]], inside[depth + 1])
        level[depth] += 1
        if size[depth + 1] > 0:
            depth += 1
    return cell
