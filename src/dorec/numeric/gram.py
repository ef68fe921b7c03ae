"""Products of a sparse matrix with itself, a row at a time in a dense buffer: all of it, or the k nearest columns."""

from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.compiled import kernel, ranges, run_parts
from dorec.numeric.top_k import rise, sink

Compressed: TypeAlias = tuple[IntArray, IntArray, FloatArray]  # indptr, indices, data

PARTS_PER_THREAD = 16  # rows differ much in cost


def gram(matrix: sparse.csr_matrix, *, threads: int = 1) -> FloatArray:
    """The upper triangle of `matrix.T @ matrix`, dense (m, m); zeros below the diagonal.

    Takes 8 m^2 bytes and the sum of squared row lengths, halved, in additions.

    Example:
        >>> gram(sparse.csr_matrix(np.array([[1.0, 2.0], [0.0, 3.0]]))).tolist()
        [[1.0, 2.0], [0.0, 13.0]]
    """
    by_row, by_column = _both(matrix)
    m = matrix.shape[1]
    out = np.zeros((m, m))

    def rows(start: int, stop: int) -> None:
        _gram_rows(start, stop, by_column, by_row, out)

    run_parts(rows, list(ranges(m, PARTS_PER_THREAD * threads)), threads)
    return out


def nearest_columns(
    matrix: sparse.csr_matrix,
    k: int,
    *,
    norms: FloatArray,
    shrinkage: float = 0.0,
    least: int = 1,
    union: bool = False,
    threads: int = 1,
) -> tuple[IntArray, FloatArray]:
    """For each column its k most similar other columns, (m, k), and the similarities, descending.

    Similarity of i and j: dot product / (norms_i norms_j) * c / (c + shrinkage), with c the number of rows in
    which both stand, at least `least`. With `union`, the first factor is dot / (norms_i + norms_j - dot), Jaccard's for
    entries of 1 and norms that count them. Only positive ones count; a place without a neighbour has position -1 and
    similarity 0. Ties go to the lower position. Needs 16 m bytes a thread beside the answer: m^2 is never held.

    Example:
        >>> near, similar = nearest_columns(sparse.csr_matrix(np.array([[1.0, 1, 0], [0, 1, 1]])), 1, norms=np.ones(3))
        >>> near.tolist(), similar.tolist()
        ([[1], [0], [1]], [[1.0], [1.0], [1.0]])
    """
    by_row, by_column = _both(matrix)
    m = matrix.shape[1]
    neighbours = np.full((m, k), -1, dtype=np.int64)
    similarity = np.zeros((m, k))

    def rows(start: int, stop: int) -> None:
        _nearest_rows((start, stop), by_column, by_row, norms, (shrinkage, least, union), (neighbours, similarity))

    if k:
        run_parts(rows, list(ranges(m, PARTS_PER_THREAD * threads)), threads)
    return neighbours, similarity


def _both(matrix: sparse.csr_matrix) -> tuple[Compressed, Compressed]:
    """(indptr, indices, data) by row and by column."""
    rows = matrix.tocsr()
    rows.sort_indices()
    return _plain(rows), _plain(rows.tocsc())


def _plain(matrix: Any) -> Compressed:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data.astype(np.float64)


@kernel
def _gram_rows(start: int, stop: int, by_column: Compressed, by_row: Compressed, out: FloatArray) -> None:
    column_ptr, column_rows, column_data = by_column
    row_ptr, row_columns, row_data = by_row
    for i in range(start, stop):
        for p in range(column_ptr[i], column_ptr[i + 1]):
            u = column_rows[p]
            w = column_data[p]
            for q in range(row_ptr[u + 1] - 1, row_ptr[u] - 1, -1):
                j = row_columns[q]
                if j < i:
                    break
                out[i, j] += w * row_data[q]


@kernel
def _nearest_rows(
    span: tuple[int, int],
    by_column: Compressed,
    by_row: Compressed,
    norms: FloatArray,
    how: tuple[float, int, bool],
    found: tuple[IntArray, FloatArray],
) -> None:
    neighbours, similarity = found
    shrinkage, least, union = how
    m, k = neighbours.shape
    sums = np.zeros((m, 2))  # dot product and count side by side: one cache line serves both
    touched = np.empty(m, dtype=np.int64)
    tie = np.arange(m)
    value = np.empty(k)
    place = np.empty(k, dtype=np.int64)
    for i in range(span[0], span[1]):
        n_touched = _dot_with_all(i, by_column, by_row, sums, touched)
        size = 0
        for t in range(n_touched):
            j = touched[t]
            dot, both = sums[j, 0], sums[j, 1]
            sums[j] = 0.0
            s = 0.0
            if dot > 0.0 and j != i and both >= least:
                size_of_both = norms[i] + norms[j] - dot if union else norms[i] * norms[j]
                s = dot / size_of_both * both / (both + shrinkage)
            if size < k and s > 0.0:
                rise(value, place, tie, size, s, j)
                size += 1
            elif s > 0.0 and (s > value[0] or (s == value[0] and j < place[0])):
                sink(value, place, tie, size, s, j)
        while size > 0:
            size -= 1
            neighbours[i, size] = place[0]
            similarity[i, size] = value[0]
            if size > 0:
                sink(value, place, tie, size, value[size], place[size])


@kernel
def _dot_with_all(
    i: int,
    by_column: Compressed,
    by_row: Compressed,
    sums: FloatArray,
    touched: IntArray,
) -> int:
    """Dot products of column i with every column it shares a row with, and in how many rows; how many such columns."""
    column_ptr, column_rows, column_data = by_column
    row_ptr, row_columns, row_data = by_row
    n_touched = 0
    for p in range(column_ptr[i], column_ptr[i + 1]):
        u = column_rows[p]
        w = column_data[p]
        for q in range(row_ptr[u], row_ptr[u + 1]):
            j = row_columns[q]
            if sums[j, 1] == 0.0:
                touched[n_touched] = j
                n_touched += 1
            sums[j, 0] += w * row_data[q]
            sums[j, 1] += 1.0
    return n_touched
