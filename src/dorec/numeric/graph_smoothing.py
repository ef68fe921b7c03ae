"""Smoothing over the graph of users and items: a sparse product with symmetric weights, one layer after another."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dorec.numeric.arrays import AnyArray, IntArray
from dorec.numeric.compiled import fast_kernel, ranges, run_parts

Single: TypeAlias = NDArray[np.float32]
PARTS_PER_THREAD = 16


class Edges(NamedTuple):
    """The edges of one side's nodes, as in a CSR matrix."""

    indptr: IntArray  # (n + 1,)
    indices: IntArray  # (edges,) nodes of the other side
    weight: Single  # (edges,)


class Bipartite(NamedTuple):
    """A graph between users and items, from both sides; an edge weighs 1 / sqrt(degree of user x degree of item)."""

    by_user: Edges
    by_item: Edges


def bipartite(history: sparse.csr_matrix) -> Bipartite:
    """The graph of the entries of a matrix (n_users, n_items).

    >>> bipartite(sparse.csr_matrix(np.array([[1.0, 1.0], [0.0, 1.0]]))).by_user.weight.tolist()[1]
    0.5
    """
    ones = sparse.csr_matrix((np.ones(history.nnz), history.indices, history.indptr), shape=history.shape)
    scales = [1.0 / np.sqrt(np.maximum(np.asarray(ones.sum(axis=side)).ravel(), 1.0)) for side in (1, 0)]
    weighted = sparse.diags_array(scales[0]) @ ones @ sparse.diags_array(scales[1])
    return Bipartite(_edges(weighted.tocsr()), _edges(weighted.T.tocsr()))


def smoothed(
    graph: Bipartite, users: Single, items: Single, n_layers: int, *, threads: int = 1
) -> tuple[Single, Single]:
    """The mean of a signal on users (n, f) and items (m, f) and of its `n_layers` products with the graph.

    The operator is symmetric: what takes a gradient of the result back to the signal is the same call. The answer does
    not depend on the number of threads. (He et al. 2020, arXiv 2002.02126, equations 3 and 4.)

    Example:
        >>> graph = bipartite(sparse.csr_matrix(np.ones((1, 1))))
        >>> one, zero = np.ones((1, 1), dtype=np.float32), np.zeros((1, 1), dtype=np.float32)
        >>> [side.tolist() for side in smoothed(graph, one, zero, 1)]
        [[[0.5]], [[0.5]]]
    """
    total = (users.copy(), items.copy())
    now = (users, items)
    for _ in range(n_layers):
        now = (neighbours_sum(graph.by_user, now[1], threads), neighbours_sum(graph.by_item, now[0], threads))
        for side, layer in zip(total, now, strict=True):
            np.add(side, layer, out=side)
    for side in total:
        np.divide(side, np.float32(n_layers + 1), out=side)
    return total


def neighbours_sum(edges: Edges, signal: Single, threads: int = 1) -> Single:
    """For each node the weighted sum of the signal (m, f) over its neighbours, (n, f).

    >>> edges = Edges(np.array([0, 2]), np.array([0, 1]), np.array([0.5, 2.0], dtype=np.float32))
    >>> neighbours_sum(edges, np.array([[2.0], [3.0]], dtype=np.float32)).tolist()
    [[7.0]]
    """
    out = np.zeros((len(edges.indptr) - 1, signal.shape[1]), dtype=np.float32)
    signal = np.ascontiguousarray(signal)

    def rows(start: int, stop: int) -> None:
        _gather((start, stop), edges.indptr, edges.indices, edges.weight, signal, out)

    run_parts(rows, list(ranges(len(out), PARTS_PER_THREAD * threads)), threads)
    return out


def _edges(matrix: sparse.csr_array) -> Edges:
    return Edges(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data.astype(np.float32))


@fast_kernel
def _gather(
    span: tuple[int, int], indptr: IntArray, indices: IntArray, weight: Single, signal: Single, out: AnyArray
) -> None:
    f = signal.shape[1]
    for row in range(span[0], span[1]):
        to = out[row]
        for q in range(indptr[row], indptr[row + 1]):
            w = weight[q]
            of = signal[indices[q]]
            for a in range(f):
                to[a] += w * of[a]
