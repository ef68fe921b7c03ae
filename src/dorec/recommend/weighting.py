"""How strongly an interaction counts: the entries of the user-item matrix, before a model sees them."""

from typing import Literal, get_args

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.numeric.arrays import AnyArray, FloatArray

Weighting = Literal["log", "binary", "raw"]


def check_weighting(weighting: str) -> None:
    """Refuse a weighting that does not exist."""
    if weighting not in get_args(Weighting):
        raise ConfigError(f"weighting is {weighting!r}; allowed: {', '.join(get_args(Weighting))}.")


def weighted(dataset: Dataset, weighting: Weighting) -> sparse.csr_matrix:
    """The matrix a model learns from, (n_users, n_items), without stored zeros; the dataset's own stays as it is.

    `log` is log2(1 + w): one interaction counts 1, three count 2, so that a household's 200 cartons of milk do not
    drown all else. `binary` counts each pair once, `raw` takes the summed weights as they are.

    Example:
        >>> data = Dataset.from_interactions({"u": [1, 1, 1, 1], "i": [7, 7, 7, 8]}, user="u", item="i")
        >>> weighted(data, "log").toarray().tolist(), weighted(data, "binary").toarray().tolist()
        ([[2.0, 1.0]], [[1.0, 1.0]])
    """
    matrix = dataset.matrix.copy()
    matrix.eliminate_zeros()
    if weighting == "log":
        matrix.data = np.log2(1.0 + matrix.data)
    elif weighting == "binary":
        matrix.data = np.ones_like(matrix.data)
    return matrix


def bm25(matrix: sparse.csr_matrix, k1: float, b: float) -> sparse.csr_matrix:
    """The matrix with Okapi BM25 weights: items are the documents, users the terms.

    An entry w becomes idf(user) * w (k1 + 1) / (k1 (1 - b + b length / mean length) + w), with length the item's summed
    weight and idf = log(n_items / (1 + items of the user)), at least 0: users who touch everything say nothing.

    Example:
        >>> entries = sparse.csr_matrix(np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]))
        >>> bm25(entries, k1=1.2, b=0.75).toarray().round(2).tolist()
        [[0.29, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    entries = matrix.tocoo()
    length = np.asarray(matrix.sum(axis=0)).ravel()
    mean = length.mean() or 1.0
    saturation = k1 * (1.0 - b + b * length / mean)[entries.col] + entries.data
    data = _idf(matrix)[entries.row] * entries.data * (k1 + 1.0) / saturation
    out = sparse.csr_matrix((data, (entries.row, entries.col)), shape=matrix.shape)
    out.eliminate_zeros()
    return out


def tfidf(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The matrix with TF-IDF weights: items are the documents, users the terms; sqrt(w) idf(user), idf as in `bm25`.

    Example:
        >>> entries = sparse.csr_matrix(np.array([[4.0, 0.0, 0.0], [1.0, 1.0, 0.0]]))
        >>> tfidf(entries).toarray().round(2).tolist()
        [[0.81, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    entries = matrix.tocoo()
    data = _idf(matrix)[entries.row] * np.sqrt(entries.data)
    out = sparse.csr_matrix((data, (entries.row, entries.col)), shape=matrix.shape)
    out.eliminate_zeros()
    return out


def _idf(matrix: sparse.csr_matrix) -> FloatArray:
    per_row: AnyArray = np.diff(matrix.indptr)
    idf: FloatArray = np.maximum(np.log(matrix.shape[1]) - np.log1p(per_row), 0.0)
    return idf
