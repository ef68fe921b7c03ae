import numpy as np
import pytest
from scipy import sparse

from dorec.numeric.implicit_als import conjugate_gradient_step, exact_step, gram_with, row_weights

REG = 3.0


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    dense = rng.random((30, 20)) * (rng.random((30, 20)) < 0.3)
    dense[7] = 0.0
    extra = sparse.csr_matrix(dense.astype(np.float32))
    other = rng.standard_normal((20, 6)).astype(np.float32)
    return extra, (extra.indptr.astype(np.int64), extra.indices.astype(np.int64), extra.data), other


def by_hand(extra, other, u):
    c = 1.0 + extra.toarray()[u].astype(float)
    p = (extra.toarray()[u] > 0).astype(float)
    y = other.astype(float)
    return np.linalg.solve((y.T * c) @ y + REG * np.eye(y.shape[1]), (y.T * c) @ p)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_exact_step_solves_each_rows_normal_equations(problem, threads):
    extra, entries, other = problem
    solved = exact_step(entries, other, REG, threads=threads)
    for u in range(30):
        np.testing.assert_allclose(solved[u], by_hand(extra, other, u), atol=1e-10)
    assert solved[7].tolist() == [0.0] * 6


def test_conjugate_gradients_reach_the_exact_step(problem):
    _, entries, other = problem
    factors = np.zeros((30, 6), dtype=np.float32)
    conjugate_gradient_step(entries, factors, other, REG, n_steps=12)
    np.testing.assert_allclose(factors, exact_step(entries, other, REG), atol=1e-4)


def test_more_threads_give_the_same_bits(problem):
    _, entries, other = problem
    one, three = (np.full((30, 6), 0.1, dtype=np.float32) for _ in range(2))
    conjugate_gradient_step(entries, one, other, REG, threads=1)
    conjugate_gradient_step(entries, three, other, REG, threads=3)
    assert one.tobytes() == three.tobytes()


def test_the_weights_of_a_rows_entries_add_up_to_its_scores(problem):
    extra, entries, other = problem
    solved = exact_step(entries, other, REG)
    base = gram_with(other, REG)
    for u in (0, 3, 29):
        items = extra[u].indices
        weights = row_weights(base, extra[u].data, other[items], other)
        np.testing.assert_allclose(weights.sum(axis=0), other.astype(float) @ solved[u], atol=1e-10)
