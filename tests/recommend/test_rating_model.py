"""Sweeps against dense linear algebra over every pair."""

import numpy as np
import pytest

from dorec import Dataset
from dorec.recommend.rating_model import Entries, RatingFactors, sweep, sweep_everywhere

N, M, F = 7, 5, 2


@pytest.fixture
def entries():
    rng = np.random.default_rng(1)
    pair = np.sort(rng.choice(N * M, 14, replace=False))
    return Entries(pair // M, pair % M, rng.normal(3.0, 1.0, 14), (N, M))


def some(seed):
    rng = np.random.default_rng(seed)
    users, items = rng.normal(size=(N, 2 + F)), rng.normal(size=(M, 2 + F))
    users[:, 0], items[:, 1] = 1.0, 1.0
    return RatingFactors(0.7, users, items)


def loss(model, weight, target, reg):
    """Weighted squared error over a dense table, with the penalty on everything but the level."""
    penalty = (model.users[:, 1:] ** 2).sum() + (np.delete(model.items, 1, axis=1) ** 2).sum()
    return (weight * (target - model.table(np.arange(N))) ** 2).sum() + reg * penalty


def dense(entries, values):
    table = np.zeros((N, M))
    table[entries.user, entries.item] = values
    return table


def test_a_pair_rated_again_counts_once_with_its_mean():
    rows = {"u": [2, 1, 1, 1], "i": [8, 8, 7, 7], "r": [0.0, 2.0, 1.0, 4.0]}
    made = Entries.of(Dataset.from_interactions(rows, user="u", item="i", weight="r"))
    assert (made.user.tolist(), made.item.tolist(), made.value.tolist()) == ([0, 0], [0, 1], [2.5, 2.0])


def test_the_mean_squared_difference_is_that_of_the_tables():
    a, b = some(0), some(1)
    tables = a.table(np.arange(N)) - b.table(np.arange(N))
    assert a.mean_squared_difference(b) == pytest.approx((tables**2).mean())
    assert a.mean() == pytest.approx(a.table(np.arange(N)).mean())


def test_sweeps_descend_to_where_the_gradient_is_zero(entries):
    weight, reg = np.random.default_rng(2).uniform(0.5, 3.0, len(entries.value)), 0.8
    w, t = dense(entries, weight), dense(entries, entries.value)
    model, before = some(3), np.inf
    for _ in range(400):
        model = sweep(model, entries, weight, entries.value, reg)
        after = loss(model, w, t, reg)
        assert after <= before + 1e-9
        before = after
    check_stationary(model, w, t, reg)


def test_sweeps_over_all_pairs_minimise_the_dense_loss(entries):
    guess, reg = some(4), 1.5
    correction = np.random.default_rng(5).normal(size=len(entries.value))
    target = guess.table(np.arange(N)) + dense(entries, correction)
    model, before = some(6), np.inf
    for _ in range(600):
        model = sweep_everywhere(model, guess, entries, correction, reg)
        after = loss(model, 1.0, target, reg)
        assert after <= before + 1e-9
        before = after
    check_stationary(model, np.ones((N, M)), target, reg)


def check_stationary(model, weight, target, reg):
    gap = weight * (target - model.table(np.arange(N)))
    np.testing.assert_allclose(gap.sum(), 0.0, atol=1e-3)
    np.testing.assert_allclose((gap @ model.items - reg * model.users)[:, 1:], 0.0, atol=1e-3)
    np.testing.assert_allclose(np.delete(gap.T @ model.users - reg * model.items, 1, axis=1), 0.0, atol=1e-3)
