"""Scores that are sums over a user's history: history times a matrix of item-to-item weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dorec.domain.errors import InputError
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel


@dataclass(frozen=True, eq=False)
class DenseWeights:
    """score_ui = sum_j x_uj B_ji with a dense B. 4 n_items^2 bytes."""

    history: sparse.csr_matrix  # (n_users, n_items)
    weights: AnyArray  # (n_items, n_items) float32

    def scores(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items), added up in double precision."""
        rows = self.history[users]
        out = np.zeros(rows.shape)
        _add_dense_rows(rows.indptr, rows.indices, rows.data, self.weights, out)
        return out

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history (h,) and x_uj B_ji, (h, len(items))."""
        history, x = _row(self.history, user)
        return history, x[:, None] * self.weights[np.ix_(history, items)].astype(np.float64)

    def arrays(self) -> dict[str, AnyArray]:
        """The weights."""
        return {"weights": self.weights}


@dataclass(frozen=True, eq=False)
class SparseWeights:
    """score_ui = sum_j x_uj S_ji with a sparse S. 12 bytes a weight."""

    history: sparse.csr_matrix  # (n_users, n_items)
    weights: sparse.csr_matrix  # (n_items, n_items)

    def scores(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items); 0 where no item of the history is a neighbour."""
        rows = self.history[users]
        out = np.zeros(rows.shape)
        s = self.weights
        _add_sparse_rows((rows.indptr, rows.indices, rows.data), (s.indptr, s.indices, s.data), out)
        return out

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history (h,) and x_uj S_ji, (h, len(items))."""
        history, x = _row(self.history, user)
        s = self.weights
        slot = np.full(s.shape[1], -1, dtype=np.int64)
        distinct, back = np.unique(items, return_inverse=True)
        slot[distinct] = np.arange(len(distinct))
        out = np.zeros((len(history), len(distinct)))
        _pick((s.indptr, s.indices, s.data), history, slot, out)
        return history, x[:, None] * out[:, back]

    def arrays(self) -> dict[str, AnyArray]:
        """The weights in compressed rows."""
        s = self.weights
        return {"indptr": s.indptr, "indices": s.indices, "data": s.data}


def square_weights(arrays: Mapping[str, AnyArray], n: int, of: str) -> sparse.csr_matrix:
    """The weights (n, n) that compressed rows hold.

    Raises:
        InputError: the arrays are no such matrix.
    """
    try:
        weights = sparse.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n, n))
        weights.check_format(full_check=True)
    except ValueError as problem:
        raise InputError(f"The arrays are no weights between {n} {of}: {problem}.") from None
    return weights


def _row(matrix: sparse.csr_matrix, user: int) -> tuple[IntArray, FloatArray]:
    span = slice(matrix.indptr[user], matrix.indptr[user + 1])
    return matrix.indices[span].astype(np.int64), matrix.data[span].astype(np.float64)


@kernel
def _add_dense_rows(indptr: AnyArray, indices: AnyArray, data: FloatArray, weights: AnyArray, out: FloatArray) -> None:
    for u in range(out.shape[0]):
        for p in range(indptr[u], indptr[u + 1]):
            x = data[p]
            row = weights[indices[p]]
            for i in range(out.shape[1]):
                out[u, i] += x * row[i]


@kernel
def _add_sparse_rows(
    history: tuple[AnyArray, AnyArray, AnyArray], weights: tuple[AnyArray, AnyArray, AnyArray], out: FloatArray
) -> None:
    indptr, indices, data = history
    row_ptr, columns, values = weights
    for u in range(out.shape[0]):
        for p in range(indptr[u], indptr[u + 1]):
            x = data[p]
            j = indices[p]
            for q in range(row_ptr[j], row_ptr[j + 1]):
                out[u, columns[q]] += x * values[q]


@kernel
def _pick(weights: tuple[AnyArray, AnyArray, AnyArray], history: IntArray, slot: IntArray, out: FloatArray) -> None:
    """The weights from each item of the history to the items that have a slot."""
    row_ptr, columns, values = weights
    for h in range(len(history)):
        for q in range(row_ptr[history[h]], row_ptr[history[h] + 1]):
            s = slot[columns[q]]
            if s >= 0:
                out[h, s] = values[q]
