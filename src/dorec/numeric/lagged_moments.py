"""Correlations of the columns of a panel with their own past, from one pass over its rows."""

from dataclasses import dataclass

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray, IntArray

CHUNK = 65_536  # windows at a time: what is held beside the table


@dataclass(frozen=True, eq=False)
class LaggedMoments:
    """The correlation of every column at every lag with every other, over the windows that units have in full.

    Column v at lag k stands at position k * d + v.
    """

    correlation: FloatArray  # (d (reach + 1), d (reach + 1)); a column without variance has 0 on the diagonal
    variance: FloatArray  # (d (reach + 1),)
    n_windows: int
    dof: int  # windows less the means that were taken out, plus one: what a single series of as much worth would have
    n_units: int  # with a window


def run_lengths(follows: BoolArray) -> IntArray:
    """How many rows without a gap lead up to each row, (n,), from whether each row directly follows the one before it.

    >>> run_lengths(np.array([False, True, True, False, True])).tolist()
    [0, 1, 2, 0, 1]
    """
    here = np.arange(len(follows))
    length: IntArray = here - np.maximum.accumulate(np.where(follows, 0, here))
    return length


def sweep_means(values: FloatArray, groupings: list[IntArray], tolerance: float = 1e-10) -> FloatArray:
    """The values (n, d) less the means of every grouping (n,), taken out in turn until none is left.

    >>> sweep_means(np.array([[1.0], [2.0], [11.0], [12.0]]), [np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])]).tolist()
    [[0.0], [0.0], [0.0], [0.0]]
    """
    out = values.copy()
    scale = np.abs(values).max(axis=0, initial=1e-300)
    for _ in range(1 if len(groupings) == 1 else 500):
        largest = 0.0
        for codes in groupings:
            size = np.maximum(np.bincount(codes), 1)
            for j in range(values.shape[1]):
                mean = np.bincount(codes, weights=out[:, j]) / size
                out[:, j] -= mean[codes]
                largest = max(largest, float(np.abs(mean).max()) / float(scale[j]))
        if largest < tolerance:
            break
    return out


def lagged_moments(
    values: FloatArray, usable: BoolArray, group: IntArray, reach: int, taken_out: int = 0, *, jackknife: bool = False
) -> LaggedMoments:
    """Correlations within groups over windows of reach + 1 rows.

    Every column of the window has the group's mean over that group's windows taken out, so the result is that of a
    regression with an intercept for each group (Frisch-Waugh). The mean of a short series follows the series, which
    biases its moments by order 1 / windows of the group. The half-panel jackknife (Dhaene, Jochmans 2015,
    doi:10.1093/restud/rdv007) takes twice what the means explain less what the means of both halves do, and leaves a
    bias of order 1 / windows².

    Args:
        values: (n, d), sorted by unit and time.
        usable: (n,), rows whose `reach` predecessors are in the table.
        group: (n,), sorted, what has a mean of its own: the unit, or 0 throughout.
        reach: the largest lag.
        taken_out: how many more means were taken out of the values beforehand.
        jackknife: whether the bias of the groups' means is taken out.
    """
    width = values.shape[1] * (reach + 1)
    rows = np.flatnonzero(usable)
    _, codes, size = np.unique(group[rows], return_inverse=True, return_counts=True)
    rank = np.arange(len(rows)) - np.searchsorted(codes, codes)
    half = 2 * codes + (2 * rank >= size[codes])  # the earlier and the later windows of each group
    total, outer = np.zeros((2 * len(size), width)), np.zeros((width, width))
    for start in range(0, len(rows), CHUNK):
        now = rows[start : start + CHUNK]
        window = np.concatenate([values[now - lag] for lag in range(reach + 1)], axis=1)
        outer += window.T @ window
        _add_by_group(total, half[start : start + CHUNK], window)
    explained = _explained(total[::2] + total[1::2], size)
    if jackknife:
        explained = 2 * explained - _explained(total, np.bincount(half, minlength=len(total)))
    outer -= explained
    sd = np.sqrt(np.maximum(np.diag(outer), 0.0))
    safe = np.where(sd > 0, sd, 1.0)
    correlation = outer / np.outer(safe, safe)
    np.fill_diagonal(correlation, np.where(sd > 0, 1.0, 0.0))
    dof = len(rows) - len(size) + 1 - taken_out
    return LaggedMoments(correlation, sd**2 / max(len(rows), 1), len(rows), dof, len(size))


def _explained(total: FloatArray, size: IntArray) -> FloatArray:
    """What the means of groups explain of the products, from their sums (g, w) and sizes (g,)."""
    scaled = total[size > 0] / np.sqrt(size[size > 0])[:, None]
    out: FloatArray = scaled.T @ scaled
    return out


def _add_by_group(total: FloatArray, codes: IntArray, window: FloatArray) -> None:
    """Add the rows of `window` (m, w) to those of `total` (g, w) that their sorted codes (m,) name."""
    first = np.flatnonzero(np.diff(codes, prepend=-1))
    total[codes[first]] += np.add.reduceat(window, first, axis=0)
