"""The influence of each kind of unit on a smooth functional of a discrete distribution."""

from collections.abc import Callable, Iterable

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray

STEP = 1e-4  # of the central difference; its error is of the order of the step's square


def influence_of_cells(
    functional: Callable[[FloatArray], FloatArray], p: FloatArray, cells: Iterable[int] | IntArray
) -> FloatArray:
    """The derivative of a functional of p towards each of some cells, (number of cells, m).

    It is the influence function of the plug-in estimate at a unit of that cell (Jaeckel 1972; Efron 1982, chapter 6),
    found by a central difference of functional((1 - e) p + e cell).

    Args:
        functional: smooth, from probabilities of the shape of `p` to (m,).
        p: probabilities, of any shape, summing to one.
        cells: flat positions of cells with positive probability.

    Example:
        >>> p = np.array([0.2, 0.3, 0.5])
        >>> influence_of_cells(lambda q: np.array([q[2] / q[1]]), p, [0, 1, 2]).round(4).ravel().tolist()
        [0.0, -5.5556, 3.3333]
    """
    rows = []
    for cell in cells:
        share = float(p.flat[cell])
        step = STEP * min(share, 1.0)  # so that no probability becomes negative
        towards = np.zeros_like(p)
        towards.flat[cell] = 1.0
        move = step * (towards - p)
        rows.append((functional(p + move) - functional(p - move)) / (2.0 * step))
    return np.asarray(rows)
