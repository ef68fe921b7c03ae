"""Whether a directed graph has a cycle."""

import numpy as np

from dorec.numeric.arrays import BoolArray
from dorec.numeric.compiled import kernel


@kernel
def is_acyclic(directed: BoolArray) -> bool:
    """Whether no directed path of `directed` (d, d), at [i, j] for i -> j, comes back to its start.

    >>> is_acyclic(np.array([[False, True], [False, False]])), is_acyclic(np.array([[False, True], [True, False]]))
    (True, False)
    """
    d = len(directed)
    waiting = np.zeros(d, dtype=np.int64)  # parents that have not been taken away
    order, n_taken = np.empty(d, dtype=np.int64), 0
    for j in range(d):
        for i in range(d):
            waiting[j] += directed[i, j]
        if waiting[j] == 0:
            order[n_taken] = j
            n_taken += 1
    k = 0
    while k < n_taken:
        i = order[k]
        k += 1
        for j in range(d):
            if directed[i, j]:
                waiting[j] -= 1
                if waiting[j] == 0:
                    order[n_taken] = j
                    n_taken += 1
    return n_taken == d
