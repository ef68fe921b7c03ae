"""Half steps of alternating least squares for implicit feedback: one side's factors given the other's.

For each row u the problem is min_x sum_i c_ui (p_ui - y_i'x)^2 + reg |x|^2 over all columns i, with p = 1 and
c = 1 + extra where there is an entry, p = 0 and c = 1 elsewhere (Hu, Koren, Volinsky 2008,
doi:10.1109/ICDM.2008.22). With Y'Y computed once, a row costs its own entries alone.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import fast_kernel, ranges, run_parts

Single: TypeAlias = NDArray[np.float32]
Entries: TypeAlias = tuple[IntArray, IntArray, AnyArray]  # indptr, indices, extra confidence

PARTS_PER_THREAD = 16
GRAM_PARTS = 16  # fixed, so that sums are added in one order


def conjugate_gradient_step(
    entries: Entries, factors: Single, other: Single, reg: float, *, n_steps: int = 3, threads: int = 1
) -> None:
    """Improve `factors` (n, f) in place by `n_steps` of conjugate gradients a row, from where they are.

    Takack, Pilaszy, Tikk 2011 (doi:10.1145/2043932.2043987): started from the last epoch's factors, a few steps come as
    close as an exact solution, at 4 f a step and entry in place of f^2.

    Example:
        >>> entries = np.array([0, 1]), np.array([0]), np.array([1.0], dtype=np.float32)
        >>> x = np.zeros((1, 1), dtype=np.float32)
        >>> conjugate_gradient_step(entries, x, np.ones((1, 1), dtype=np.float32), reg=1.0)
        >>> round(float(x[0, 0]), 4)
        0.6667
    """
    base = gram_with(other, reg, threads=threads).astype(np.float32)

    def rows(start: int, stop: int) -> None:
        _descend((start, stop), entries, factors, other, base, n_steps)

    run_parts(rows, list(ranges(len(factors), PARTS_PER_THREAD * threads)), threads)


def exact_step(entries: Entries, other: Single, reg: float, *, threads: int = 1) -> FloatArray:
    """The exact factors of every row, (n, f), by Cholesky in double precision; zero for a row without entries.

    Example:
        >>> entries = np.array([0, 1]), np.array([0]), np.array([1.0], dtype=np.float32)
        >>> exact_step(entries, np.ones((1, 1), dtype=np.float32), reg=1.0).round(4).tolist()
        [[0.6667]]
    """
    base = gram_with(other, reg, threads=threads)
    out = np.zeros((len(entries[0]) - 1, other.shape[1]))

    def rows(start: int, stop: int) -> None:
        _solve((start, stop), entries, other, base, out)

    run_parts(rows, list(ranges(len(out), PARTS_PER_THREAD * threads)), threads)
    return out


def row_weights(base: FloatArray, extra: AnyArray, entries: Single, targets: Single) -> FloatArray:
    """What each entry of one row adds to the row's score of each target, (h, t): columns add up to the exact scores.

    score_i = sum_j c_j y_i' (Y'CY + reg)^-1 y_j (section 5 of the paper).

    Args:
        base: `gram_with(other, reg)`, (f, f).
        extra: (h,) extra confidence of the row's entries.
        entries: (h, f) factors of the entries.
        targets: (t, f) factors of the columns that are explained.

    Example:
        >>> one = np.ones((1, 1), dtype=np.float32)
        >>> row_weights(gram_with(one, 1.0), np.array([1.0]), one, one).round(4).tolist()
        [[0.6667]]
    """
    weights = np.empty((len(entries), len(targets)))
    _weigh(base.copy(), extra.astype(np.float64), entries.astype(np.float64), targets.astype(np.float64), weights)
    return weights


def gram_with(other: Single, reg: float, *, threads: int = 1) -> FloatArray:
    """Y'Y + reg I in double precision, (f, f), to the same bits whatever the number of threads.

    >>> gram_with(np.ones((2, 1), dtype=np.float32), 1.0).tolist()
    [[3.0]]
    """
    f = other.shape[1]
    spans = list(ranges(len(other), GRAM_PARTS))
    sums = np.zeros((len(spans), f, f))
    place = {start: i for i, (start, _) in enumerate(spans)}

    def part(start: int, stop: int) -> None:
        _add_outer(other[start:stop], sums[place[start]])

    run_parts(part, spans, threads)
    lower: FloatArray = sums.sum(axis=0)
    base: FloatArray = lower + np.tril(lower, -1).T
    base[np.diag_indices_from(base)] += reg
    return base


@fast_kernel
def _descend(
    span: tuple[int, int], entries: Entries, factors: Single, other: Single, base: Single, n_steps: int
) -> None:
    indptr, indices, extra = entries
    f = factors.shape[1]
    r = np.empty(f, dtype=np.float32)
    p = np.empty(f, dtype=np.float32)
    ap = np.empty(f, dtype=np.float32)
    for u in range(span[0], span[1]):
        x = factors[u]
        first, last = indptr[u], indptr[u + 1]
        if first == last:
            x[:] = 0.0
            continue
        _residual((indices[first:last], extra[first:last]), x, other, base, r)
        p[:] = r
        old = _dot(r, r)
        for _ in range(n_steps):
            if old < 1e-20:
                break
            _apply((indices[first:last], extra[first:last]), p, other, base, ap)
            curvature = _dot(p, ap)
            if curvature <= 0.0:
                break
            step = old / curvature
            for a in range(f):
                x[a] += step * p[a]
                r[a] -= step * ap[a]
            new = _dot(r, r)
            ratio = new / old
            for a in range(f):
                p[a] = r[a] + ratio * p[a]
            old = new


@fast_kernel
def _residual(row: tuple[IntArray, AnyArray], x: Single, other: Single, base: Single, out: Single) -> None:
    """Y'Cp - (Y'CY + reg) x."""
    columns, extra = row
    f = len(x)
    for a in range(f):
        out[a] = -_dot(base[a], x)
    for q in range(len(columns)):
        y = other[columns[q]]
        w = 1.0 + extra[q] - extra[q] * _dot(y, x)
        for a in range(f):
            out[a] += w * y[a]


@fast_kernel
def _apply(row: tuple[IntArray, AnyArray], p: Single, other: Single, base: Single, out: Single) -> None:
    """(Y'CY + reg) p."""
    columns, extra = row
    f = len(p)
    for a in range(f):
        out[a] = _dot(base[a], p)
    for q in range(len(columns)):
        y = other[columns[q]]
        w = extra[q] * _dot(y, p)
        for a in range(f):
            out[a] += w * y[a]


@fast_kernel
def _dot(a: Single, b: Single) -> np.float32:
    total = np.float32(0.0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@fast_kernel
def _solve(span: tuple[int, int], entries: Entries, other: Single, base: FloatArray, out: FloatArray) -> None:
    indptr, indices, extra = entries
    f = other.shape[1]
    a = np.empty((f, f))
    for u in range(span[0], span[1]):
        first, last = indptr[u], indptr[u + 1]
        if first == last:
            continue
        x = out[u]
        a[:] = base
        for q in range(first, last):
            y = other[indices[q]]
            c = np.float64(extra[q])
            for i in range(f):
                x[i] += (1.0 + c) * y[i]
                w = c * y[i]
                for j in range(i + 1):
                    a[i, j] += w * y[j]
        _factorise(a)
        _solve_with(a, x)


@fast_kernel
def _weigh(a: FloatArray, c: FloatArray, y: FloatArray, targets: FloatArray, out: FloatArray) -> None:
    """c_h y_h' (a + Y'cY)^-1 t for every entry h and target t; a is overwritten."""
    f = y.shape[1]
    for h in range(len(y)):
        for i in range(f):
            w = c[h] * y[h, i]
            for j in range(i + 1):
                a[i, j] += w * y[h, j]
    _factorise(a)
    x = np.empty(f)
    for t in range(len(targets)):
        x[:] = targets[t]
        _solve_with(a, x)
        for h in range(len(y)):
            total = 0.0
            for i in range(f):
                total += y[h, i] * x[i]
            out[h, t] = (1.0 + c[h]) * total


@fast_kernel
def _add_outer(rows: Single, out: FloatArray) -> None:
    """Add the lower triangle of rows' rows to `out`."""
    f = rows.shape[1]
    y = np.empty(f)
    for r in range(len(rows)):
        y[:] = rows[r]
        for i in range(f):
            w = y[i]
            for j in range(i + 1):
                out[i, j] += w * y[j]


@fast_kernel
def _factorise(a: FloatArray) -> None:
    """The Cholesky factor in place of the lower triangle of a positive definite matrix."""
    f = len(a)
    for j in range(f):
        d = a[j, j]
        for s in range(j):
            d -= a[j, s] * a[j, s]
        root = np.sqrt(max(d, 1e-300))  # a matrix that is singular in double precision shows as factors beyond bounds
        a[j, j] = root
        for i in range(j + 1, f):
            v = a[i, j]
            for s in range(j):
                v -= a[i, s] * a[j, s]
            a[i, j] = v / root


@fast_kernel
def _solve_with(a: FloatArray, x: FloatArray) -> None:
    """Solve A x = x in place, with the Cholesky factor of A in the lower triangle of `a`."""
    f = len(x)
    for i in range(f):
        v = x[i]
        for s in range(i):
            v -= a[i, s] * x[s]
        x[i] = v / a[i, i]
    for i in range(f - 1, -1, -1):
        v = x[i] / a[i, i]
        x[i] = v
        for s in range(i):
            x[s] -= a[i, s] * v
