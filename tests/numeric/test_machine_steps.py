"""One step of a factorisation machine against the gradient of its loss, by differences."""

import numpy as np
import pytest
from scipy import sparse

from dorec.numeric.machine_steps import machine_epoch

HEAVY = 1e12  # sums of squares that large make every step of AdaGrad the gradient, times rate / 1e6


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_step_goes_down_the_logistic_loss_of_all_pairs_of_columns(label):
    rng = np.random.default_rng(0)
    left, right = sparse.csr_matrix([[1.0, 0.5, 0.0]]), sparse.csr_matrix([[0.0, 2.0], [1.0, 0.3]])
    x = np.array([1.0, 0.5, 0.0, 1.0, 0.3])
    reg, rate = 0.1, 1e-3
    weights = (rng.normal(size=1), rng.normal(size=5), rng.normal(size=(5, 2)))

    def loss(flat):
        constant, linear, vectors = flat[0], flat[1:6], flat[6:].reshape(5, 2)
        pairs = sum(vectors[a] @ vectors[b] * x[a] * x[b] for a in range(5) for b in range(a + 1, 5))
        score = constant + linear @ x + pairs
        met = x != 0
        decay = 0.5 * reg * ((linear[met] ** 2).sum() + (vectors[met] ** 2).sum())
        return np.logaddexp(0.0, score) - label * score + decay

    def flat():
        return np.concatenate([w.ravel() for w in weights])

    before = flat()
    slope = np.array([(loss(before + e) - loss(before - e)) / 2e-6 for e in 1e-6 * np.eye(len(before))])
    squares = (np.full(1, HEAVY), np.full(5, HEAVY), np.full((5, 1), HEAVY))
    sides = ((left.indptr, left.indices, left.data), (right.indptr, right.indices + 3, right.data))
    history = (np.array([0, 0]), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    steps = (np.array([0]), np.array([0]), np.array([1]), np.array([label]))
    machine_epoch(steps, history, sides, (weights, squares), np.array([rate, reg, 0.0]), rng)
    # the step of the constant comes before those of the rows, which all use the same error
    np.testing.assert_allclose((before - flat()) * 1e6 / rate, slope, atol=1e-5)
