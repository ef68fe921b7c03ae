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
def mark_members(inside: BoolArray, pool: IntArray, member: IntArray) -> None:
    """Set `inside` (k,) to whether each neighbour is a member of the set."""
    for j in range(len(inside)):
        inside[j] = False
    for i in range(len(member)):
        inside[pool[member[i]]] = True


@kernel
def around(x: int, adjacent: BoolArray, pool: BoolArray) -> tuple[IntArray, IntArray, IntArray]:
    """Who takes part in the tests of x: neighbours (y is tested if adjacent[x, y]) and members (pool[s, x]).

    Returns the positions of both together, (k,), and the places among them of the members and of the neighbours.
    """
    d = adjacent.shape[0]
    near = np.empty(d, dtype=np.int64)
    members = np.empty(d, dtype=np.int64)
    asked = np.empty(d, dtype=np.int64)
    k, m, a = 0, 0, 0
    for j in range(d):
        if j == x or not (adjacent[x, j] or pool[j, x]):
            continue
        if pool[j, x]:
            members[m] = k
            m += 1
        if adjacent[x, j]:
            asked[a] = k
            a += 1
        near[k] = j
        k += 1
    return near[:k], members[:m], asked[:a]


@kernel
def questions_around(x: int, adjacent: BoolArray, pool: BoolArray, size: int) -> AnyArray:
    """Rows (x, y, s1, .., s_size), (m, 2 + size): every question of x and a neighbour y given members of the pool of x.

    >>> chain = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool)
    >>> questions_around(1, chain, chain, 1).tolist()
    [[1, 2, 0], [1, 0, 2]]
    """
    near, members, asked = around(x, adjacent, pool)
    found, m = np.empty((64, 2 + size), dtype=np.int32), 0
    if len(members) < size:
        return found[:0]
    member, first = np.arange(size), 0
    inside = np.zeros(len(near), dtype=np.bool_)
    while first >= 0:
        mark_members(inside, members, member)
        for j in asked:
            if inside[j]:
                continue
            if m == len(found):
                larger = np.empty((2 * m, 2 + size), dtype=np.int32)
                larger[:m] = found
                found = larger
            found[m, 0] = x
            found[m, 1] = near[j]
            for i in range(size):
                found[m, 2 + i] = near[members[member[i]]]
            m += 1
        first = next_subset(member, len(members))
    return found[:m]


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
