"""Smoothing over the graph: against dense algebra, its own adjoint, and for any number of threads."""

import numpy as np
import pytest
from scipy import sparse

from dorec.numeric.graph_smoothing import bipartite, smoothed


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    table = (rng.random((9, 6)) < 0.4).astype(float)
    table[3] = 0  # a user without an item
    history = sparse.csr_matrix(table)
    return history, rng.normal(size=(9, 5)).astype(np.float32), rng.normal(size=(6, 5)).astype(np.float32)


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_it_is_the_mean_of_the_powers_of_the_normalised_adjacency(case, n_layers):
    history, users, items = case
    adjacency = sparse.block_array([[None, history], [history.T, None]]).toarray()
    scale = 1 / np.sqrt(np.maximum(adjacency.sum(axis=1), 1))
    operator = scale[:, None] * adjacency * scale
    signal = np.vstack([users, items]).astype(float)
    expected = sum(np.linalg.matrix_power(operator, p) @ signal for p in range(n_layers + 1)) / (n_layers + 1)
    found = np.vstack(smoothed(bipartite(history), users, items, n_layers))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_it_is_its_own_adjoint(case):
    history, users, items = case
    rng = np.random.default_rng(1)
    others = (rng.normal(size=users.shape).astype(np.float32), rng.normal(size=items.shape).astype(np.float32))
    graph = bipartite(history)

    def product(a, b):
        return sum(float((x.astype(float) * y).sum()) for x, y in zip(a, b, strict=True))

    there = product(smoothed(graph, users, items, 3), others)
    back = product((users, items), smoothed(graph, *others, 3))
    assert there == pytest.approx(back, rel=1e-5)


def test_threads_change_no_bit_and_the_signal_is_left_as_it_was(case):
    history, users, items = case
    before = users.copy()
    one, four = (smoothed(bipartite(history), users, items, 2, threads=t) for t in (1, 4))
    assert all((a == b).all() for a, b in zip(one, four, strict=True))
    assert (users == before).all()
