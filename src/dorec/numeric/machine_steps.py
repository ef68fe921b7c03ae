"""Passes of stochastic gradient descent over a factorisation machine whose rows are pairs of two sparse sides."""

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import fast_kernel, kernel
from dorec.numeric.pairwise_factors import TRIES, _has
from dorec.numeric.popularity_factors import _sigmoid

Rows = tuple[AnyArray, AnyArray, AnyArray]  # indptr, indices and data of a sparse matrix
Weights = tuple[FloatArray, FloatArray, FloatArray]  # one for all (1,), of each column (d,), vectors (d, f)


@fast_kernel
def _add(rows: Rows, row: int, weights: Weights, total: FloatArray) -> float:
    """Add the vectors of a row to `total` (f,); the row's linear part, less half of what each pairs with itself."""
    indptr, indices, data = rows
    alone = 0.0
    for q in range(indptr[row], indptr[row + 1]):
        column, x = indices[q], data[q]
        own = 0.0
        for f in range(len(total)):
            part = x * weights[2][column, f]
            total[f] += part
            own += part * part
        alone += x * weights[1][column] - 0.5 * own
    return alone


@fast_kernel
def _move_row(
    rows: Rows, row: int, state: tuple[Weights, Weights], total: FloatArray, step: tuple[float, float, float]
) -> None:
    """A step down the gradient for each column of a row; `step` is the loss's slope, learning rate and decay."""
    indptr, indices, data = rows
    (_, linear, vectors), (_, linear_size, vectors_size) = state
    gap, rate, reg = step
    for q in range(indptr[row], indptr[row + 1]):
        column, x = indices[q], data[q]
        slope = gap * x + reg * linear[column]
        linear_size[column] += slope * slope
        linear[column] -= rate * slope / np.sqrt(linear_size[column])
        size = 0.0
        for f in range(len(total)):
            v = vectors[column, f]
            slope = gap * x * (total[f] - x * v) + reg * v
            size += slope * slope
        if size > 0.0:
            # one step size for a whole vector costs one root where one for each entry costs f
            vectors_size[column, 0] += size / len(total)
            pace = rate / np.sqrt(vectors_size[column, 0])
            for f in range(len(total)):
                v = vectors[column, f]
                vectors[column, f] -= pace * (gap * x * (total[f] - x * v) + reg * v)


@kernel
def _drawn(u: int, history: tuple[AnyArray, AnyArray, IntArray], rng: np.random.Generator) -> int:
    """One of the items offered that the user does not have, -1 if none was found."""
    indptr, indices, offered = history
    for _ in range(TRIES if len(offered) else 0):
        i = offered[rng.integers(0, len(offered))]
        if not _has(indices, indptr[u], indptr[u + 1], i):
            return int(i)
    return -1


@kernel
def machine_epoch(
    pairs: tuple[IntArray, IntArray, IntArray, FloatArray],
    history: tuple[AnyArray, AnyArray, IntArray],
    sides: tuple[Rows, Rows],
    state: tuple[Weights, Weights],
    how: FloatArray,
    rng: np.random.Generator,
) -> float:
    """Move the weights in place by AdaGrad on the logistic loss; the mean loss of the rows before their steps.

    The score of a row x is w0 + w'x + sum over pairs of columns a < b of v_a'v_b x_a x_b, by the sum of squares in a
    time linear in its entries (Rendle 2010, doi:10.1109/ICDM.2010.127, lemma 3.1).

    Args:
        pairs: the order of the steps (m,), user, item and label (0 or 1) of each pair (m,).
        history: indptr and sorted indices of the users' items, and the items that may be drawn as negatives.
        sides: the rows of users and of items; columns of the second come after those of the first.
        state: weights, and the sums of squared slopes of each; of vectors in the first column.
        how: learning rate, weight decay, and negatives drawn for each pair of label 1.
        rng: of the draws.
    """
    order, user, item, label = pairs
    weights, sizes = state
    total = np.zeros(weights[2].shape[1])
    loss, seen = 0.0, 0
    for t in order:
        u = user[t]
        for draw in range(1 + (int(how[2]) if label[t] > 0.5 else 0)):
            i = int(item[t]) if draw == 0 else _drawn(u, history, rng)
            if i < 0:
                continue
            y = label[t] if draw == 0 else 0.0
            total[:] = 0.0
            score = weights[0][0] + _add(sides[0], u, weights, total) + _add(sides[1], i, weights, total)
            score += 0.5 * np.sum(total * total)
            p = _sigmoid(score)
            loss -= np.log(max(p if y > 0.5 else 1.0 - p, 1e-12))
            seen += 1
            gap = p - y
            sizes[0][0] += gap * gap
            weights[0][0] -= how[0] * gap / np.sqrt(sizes[0][0])
            _move_row(sides[0], u, state, total, (gap, how[0], how[1]))
            _move_row(sides[1], i, state, total, (gap, how[0], how[1]))
    return loss / max(seen, 1)
