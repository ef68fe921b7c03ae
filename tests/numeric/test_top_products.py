"""Top products: against the table of all products."""

import numpy as np
import pytest
from scipy import sparse

from dorec.numeric.top_k import top_k
from dorec.numeric.top_products import top_products


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 30, 3), (150, 2500, 8)])
@pytest.mark.parametrize("k", [1, 10, 40])
def test_it_agrees_with_the_table(shape, k):
    n, m, f = shape
    rng = np.random.default_rng(n)
    left, right, bias = (rng.normal(size=s).astype(np.float32) for s in ((n, f), (m, f), (m,)))
    left_out = sparse.csr_matrix(rng.random((n, m)) < 0.3)
    left_out.sort_indices()
    tie = rng.permutation(m)
    where = (left_out.indptr, left_out.indices)
    found = top_products(left, right, k, bias=bias, leave_out=where, tie_rank=tie, threads=2)
    table = left @ right.T + bias
    table[left_out.nonzero()] = -np.inf
    expected = top_k(table, k, tie_rank=tie)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-5)
    assert (found[0] == expected[0]).mean() > 0.99  # two that differ by a rounding error may change places


def test_ties_go_by_rank_across_blocks():
    right = np.ones((3000, 1), dtype=np.float32)
    assert top_products(np.ones((1, 1)), right, 3)[0].tolist() == [[0, 1, 2]]
    assert top_products(np.ones((1, 1)), right, 3, tie_rank=np.arange(3000)[::-1])[0].tolist() == [[2999, 2998, 2997]]


def test_what_is_not_a_number_is_never_taken():
    right = np.array([[np.nan], [1.0], [-np.inf]])
    positions, values = top_products(np.ones((1, 1)), right, 2)
    assert (positions.tolist(), values.tolist()) == ([[1, -1]], [[1.0, -np.inf]])


def test_nothing_asked_and_nothing_to_find():
    assert top_products(np.ones((2, 3)), np.ones((0, 3)), 2)[0].tolist() == [[-1, -1]] * 2
    assert top_products(np.ones((0, 3)), np.ones((4, 3)), 2)[0].shape == (0, 2)
    with pytest.raises(ValueError, match="top_products got"):
        top_products(np.ones((2, 3)), np.ones((4, 2)), 2)
