import numpy as np
import pytest
from scipy import sparse

from dorec.numeric.gram import gram, nearest_columns


@pytest.fixture
def entries():
    rng = np.random.default_rng(0)
    dense = rng.random((40, 23)) * (rng.random((40, 23)) < 0.3)
    dense[:, 4] = 0.0
    return sparse.csr_matrix(dense)


@pytest.mark.parametrize("threads", [1, 3])
def test_gram_is_the_upper_triangle_of_the_product(entries, threads):
    dense = entries.toarray()
    np.testing.assert_allclose(gram(entries, threads=threads), np.triu(dense.T @ dense), atol=1e-12)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shrinkage", [0.0, 5.0])
def test_nearest_columns_equal_a_dense_sort(entries, threads, shrinkage):
    dense = entries.toarray()
    both = (dense > 0).T.astype(float) @ (dense > 0)
    norms = np.sqrt((dense**2).sum(axis=0))
    safe = np.where(norms > 0, norms, 1.0)
    similarity = dense.T @ dense / np.outer(safe, safe) * both / np.maximum(both + shrinkage, 1e-300)
    np.fill_diagonal(similarity, 0.0)
    near, values = nearest_columns(entries, 5, norms=norms, shrinkage=shrinkage, threads=threads)
    for i in range(dense.shape[1]):
        best = np.argsort(-similarity[i], kind="stable")[:5]
        best = best[similarity[i, best] > 0]
        np.testing.assert_allclose(values[i, : len(best)], similarity[i, best], rtol=1e-12)
        assert near[i].tolist() == [*best, *[-1] * (5 - len(best))]


def test_a_column_without_entries_has_no_neighbour(entries):
    near, values = nearest_columns(entries, 3, norms=np.zeros(23) + (np.arange(23) != 4))
    assert near[4].tolist() == [-1, -1, -1]
    assert values[4].tolist() == [0.0, 0.0, 0.0]
    assert 4 not in near
