"""How alike two items are: unit vectors of their categories or of who chose them."""

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD

from dorec.domain.dataset import Dataset
from dorec.numeric.arrays import FloatArray
from dorec.recommend.reranking.candidates import codes_matrix


def item_vectors(dataset: Dataset, by: str | None, size: int = 32) -> FloatArray:
    """Vectors of length one (n_items, d), whose products are similarities; zero where nothing is known of an item.

    Args:
        dataset: interactions and item features.
        by: a column of categories (d of them); None compares items by their users, in `size` singular vectors.
        size: dimensions for items compared by users.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3], "i": ["tea", "milk", "tea", "milk", "soap"]}
        >>> vectors = item_vectors(Dataset.from_interactions(rows, user="u", item="i"), None)
        >>> (vectors @ vectors.T).round(2).tolist()  # milk, soap, tea
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    """
    vectors = _of_users(dataset, size) if by is None else codes_matrix(dataset, by)[0]
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-9)


def _of_users(dataset: Dataset, size: int) -> FloatArray:
    chosen = sparse.csr_matrix(dataset.matrix > 0, dtype=np.float64)
    count = np.sqrt(np.bincount(chosen.indices, minlength=dataset.n_items))
    columns = (chosen @ sparse.diags(1.0 / np.maximum(count, 1.0))).T.tocsr()
    if size >= min(columns.shape):
        return np.asarray(columns.toarray())
    return np.asarray(TruncatedSVD(size, random_state=0).fit_transform(columns))
