"""Compiled walks over subsets of a node's neighbours, for tests of conditional independence.

Here and in the kernels that call these, plain loops stand where array expressions would do: numba compiles them in a
fraction of the time, and runs them as fast.
"""

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, IntArray
from dorec.numeric.compiled import kernel


@kernel
def next_subset(member: IntArray, n: int) -> int:
    """Move `member` (size,) to the next subset of 0..n-1 in lexicographic order.

    Returns the first place that changed, or -1 when there is no next subset.

    >>> member = np.array([0, 2])
    >>> next_subset(member, 3), member.tolist()
    (0, [1, 2])
    >>> next_subset(member, 3)
    -1
    """
    size = len(member)
    first = size - 1
    while first >= 0 and member[first] == n - size + first:
        first -= 1
    if first >= 0:
        member[first] += 1
        for i in range(first + 1, size):
            member[i] = member[i - 1] + 1
    return first


@kernel
def neighbours(x: int, adjacent: BoolArray, usable: BoolArray) -> tuple[IntArray, IntArray]:
    """The neighbours of x, (k,), and the places among them of those that may be conditioned on, (m,)."""
    d = adjacent.shape[0]
    near = np.empty(d, dtype=np.int64)
    pool = np.empty(d, dtype=np.int64)
    k, m = 0, 0
    for j in range(d):
        if adjacent[x, j]:
            if usable[j, x]:
                pool[m] = k
                m += 1
            near[k] = j
            k += 1
    return near[:k], pool[:m]


@kernel
def mark_members(inside: BoolArray, pool: IntArray, member: IntArray) -> None:
    """Set `inside` (k,) to whether each neighbour is a member of the set."""
    for j in range(len(inside)):
        inside[j] = False
    for i in range(len(member)):
        inside[pool[member[i]]] = True


@kernel
def unite(union: BoolArray, j: int, inside: BoolArray) -> None:
    """Add the members of a set to the row `j` of `union` (k, k)."""
    for s in range(len(inside)):
        if inside[s]:
            union[j, s] = True


@kernel
def append_members(found: AnyArray, n_found: int, x: int, near: IntArray, union: BoolArray) -> tuple[AnyArray, int]:
    """Append a row (x, y, s) to `found` (m, 3) for each union[y, s]; gives the array, grown if full, and its fill."""
    for j in range(len(near)):
        for s in range(len(near)):
            if union[j, s]:
                if n_found == found.shape[0]:
                    larger = np.empty((2 * n_found, 3), dtype=np.int32)
                    for row in range(n_found):
                        for column in range(3):
                            larger[row, column] = found[row, column]
                    found = larger
                found[n_found, 0] = x
                found[n_found, 1] = near[j]
                found[n_found, 2] = near[s]
                n_found += 1
    return found, n_found
