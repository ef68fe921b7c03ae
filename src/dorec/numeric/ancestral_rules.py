"""Zhang's first three rules for partial ancestral graphs, compiled: which circles they turn.

Marks (d, d) stand at j on the edge i - j: 0 without an edge. Triples that the rules look for are walked from the
rarest mark on, so that sparse graphs take time in their edges.
"""

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray
from dorec.numeric.compiled import kernel

CIRCLE, ARROW, TAIL = 1, 2, 3


@kernel
def after_arrowhead(marks: AnyArray) -> BoolArray:
    """R1: at [c, b], whether a *-> b o-* c for some a that is not adjacent to c.

    >>> after_arrowhead(np.array([[0, 2, 0], [1, 0, 1], [0, 1, 0]])).tolist()  # 0 o-> 1 o-o 2
    [[False, False, False], [False, False, False], [False, True, False]]
    """
    d = len(marks)
    found = np.zeros((d, d), dtype=np.bool_)
    for c in range(d):
        for b in range(d):
            if marks[c, b] != CIRCLE:
                continue
            for a in range(d):
                if marks[a, b] == ARROW and a != c and marks[a, c] == 0:
                    found[c, b] = True
                    break
    return found


@kernel
def along_arrowheads(marks: AnyArray) -> BoolArray:
    """R2: at [a, c], whether a *-o c, and a -> b *-> c or a *-> b -> c for some b."""
    d = len(marks)
    found = np.zeros((d, d), dtype=np.bool_)
    for a in range(d):
        for c in range(d):
            if marks[a, c] != CIRCLE:
                continue
            for b in range(d):
                if marks[a, b] == ARROW and marks[b, c] == ARROW and (marks[b, a] == TAIL or marks[c, b] == TAIL):
                    found[a, c] = True
                    break
    return found


@kernel
def beside_collider(marks: AnyArray) -> BoolArray:
    """R3: at [t, b], whether t *-o b, and a *-> b <-* c, a *-o t o-* c for some a and c that are not adjacent."""
    d = len(marks)
    found = np.zeros((d, d), dtype=np.bool_)
    both = np.empty(d, dtype=np.int64)
    for t in range(d):
        for b in range(d):
            if marks[t, b] != CIRCLE:
                continue
            k = 0
            for a in range(d):
                if marks[a, b] == ARROW and marks[a, t] == CIRCLE:
                    for i in range(k):
                        found[t, b] |= marks[a, both[i]] == 0
                    both[k] = a
                    k += 1
    return found
