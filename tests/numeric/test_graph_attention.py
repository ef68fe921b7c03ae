"""Attention over neighbours beside a dense softmax, and its gradient beside torch's."""

import numpy as np
import pytest
import torch
from scipy import sparse

from dorec.numeric.graph_attention import BEND, attended, attention_slopes
from dorec.numeric.graph_smoothing import bipartite


def example(n_heads, seed=0):
    """A graph in which one user and one item have no neighbours, and what attention is given."""
    rng = np.random.default_rng(seed)
    there = rng.random((9, 6)) < 0.5
    there[2], there[:, 3] = False, False
    given = [rng.normal(size=shape).astype(np.float32) for shape in ((9, n_heads), (6, n_heads), (6, 6))]
    return there, bipartite(sparse.csr_matrix(there.astype(float))), given


def dense(there, asks, tells, values):
    logits = torch.nn.functional.leaky_relu(asks[:, None] + tells[None], float(BEND))
    weights = torch.softmax(logits.masked_fill(~torch.tensor(there)[..., None], -1e9), dim=1)
    weights = weights * torch.tensor(there)[..., None]
    return torch.einsum("ija,jaf->iaf", weights, values.unflatten(1, (asks.shape[1], -1))).flatten(1)


@pytest.mark.parametrize("n_heads", [1, 3])
def test_it_is_the_dense_softmax_forward_and_backward(n_heads):
    there, graph, given = example(n_heads)
    told = attended(graph.by_user, *given)
    tensors = [torch.tensor(part, dtype=torch.float64, requires_grad=True) for part in given]
    expected = dense(there, *tensors)
    np.testing.assert_allclose(told[0], expected.detach(), atol=1e-6)
    assert (told[0][2] == 0).all()
    slope = np.random.default_rng(1).normal(size=told[0].shape).astype(np.float32)
    expected.backward(torch.tensor(slope, dtype=torch.float64))
    for found, tensor in zip(attention_slopes(graph, tuple(given), told, slope), tensors, strict=True):
        np.testing.assert_allclose(found, tensor.grad, atol=2e-6)


def test_threads_change_no_bit_and_large_logits_do_not_overflow():
    _, graph, given = example(2)
    given[0] *= np.float32(100.0)
    one, two = (attended(graph.by_user, *given, threads) for threads in (1, 2))
    np.testing.assert_array_equal(one[0], two[0])
    assert np.isfinite(one[0]).all()
    slope = np.ones_like(one[0])
    for a, b in zip(*(attention_slopes(graph, tuple(given), one, slope, n) for n in (1, 2)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_add_up_to_one():
    there, graph, given = example(3)
    given[2] = np.ones_like(given[2])
    np.testing.assert_allclose(
        attended(graph.by_user, *given)[0], there.any(axis=1)[:, None] * np.ones((1, 6)), rtol=1e-6
    )
