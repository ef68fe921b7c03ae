"""Shares of categories and mixes of histories, against a plain loop."""

import numpy as np
from scipy import sparse

from dorec.numeric.category_mix import category_shares, history_mix


def test_shares_of_mixed_cells():
    shares, names = category_shares(["b", None, ["a", "b"], float("nan"), [], "c"])
    assert names == ("a", "b", "c")
    assert shares.tolist() == [[0, 1, 0], [0, 0, 0], [0.5, 0.5, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_mixes_are_those_of_a_plain_loop():
    rng = np.random.default_rng(0)
    weights = rng.poisson(0.5, (12, 6)).astype(float)
    weights[3] = 0.0
    shares = category_shares(["a", "b", ["a", "c"], None, "c", "a"])[0]
    weights[5] = [0, 0, 0, 7, 0, 0]  # nothing but an item without a category
    users = np.array([0, 3, 5, -1, 11])
    made = history_mix(sparse.csr_matrix(weights), users, shares)
    everyone = weights.sum(axis=0) @ shares
    for user, row in zip(users, made, strict=True):
        own = weights[user] @ shares if user >= 0 else everyone
        own = own if own.sum() > 0 else everyone
        np.testing.assert_allclose(row, own / own.sum())
