"""Laplace's approximation against an optimiser and against the posterior itself."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from dorec.intervene.bandits.logistic_belief import LogisticBelief, laplace, laplace_row


def sample(m=200, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(m), rng.normal(size=(m, 2))])
    return X, (rng.random(m) < expit(X @ [-0.5, 1.0, -1.0])).astype(float)


@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_the_mode_is_the_optimisers(spread):
    X, y = sample()
    X = X * [1.0, spread, 1.0]
    center, precision = np.array([0.3, -0.2, 0.0]), np.diag([1.0, 2.0, 3.0])

    def loss(w):
        eta = X @ w
        return (np.logaddexp(0, eta) - y * eta).sum() + (w - center) @ precision @ (w - center) / 2

    mode, gained = laplace(X, y, np.ones(200), center, precision)
    best = minimize(loss, center, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000})
    assert loss(mode) <= best.fun + 1e-9
    p = expit(X @ mode)
    np.testing.assert_allclose(gained, X.T @ (X * (p * (1 - p))[:, None]), rtol=1e-9)


def test_extreme_odds_converge():
    X = np.array([[1000.0], [-1000.0], [500.0]])
    mode, _ = laplace(X, np.array([1.0, 0.0, 1.0]), np.ones(3), np.array([-5.0]), np.eye(1))
    assert np.isfinite(mode).all()
    assert mode[0] > 0


def test_batches_single_rows_and_other_orders_come_near_the_whole():
    X, y = sample(600)
    group, at, weight = np.zeros(600, int), np.arange(600), np.ones(600)
    empty = LogisticBelief.empty(n_groups=1, n_columns=3, reg=1.0)
    whole = empty.learn(X, group, y, at, weight)
    single, late = empty, empty
    for i in range(600):
        row = slice(i, i + 1)
        single = single.learn(X[row], group[row], y[row], at[row], weight[row])
    for part in np.array_split(np.random.default_rng(1).permutation(600), 40):
        late = late.learn(X[part], group[part], y[part], at[part], weight[part])
    deviation = np.sqrt((whole.root[0] ** 2).sum(axis=0))
    for other in (single, late):
        assert (np.abs(other.mode - whole.mode)[0] < deviation).all()
        np.testing.assert_allclose(other.root, whole.root, rtol=0.35, atol=0.02)


def test_a_discount_forgets_certainty_not_the_mode():
    X, y = sample()
    empty = LogisticBelief.empty(n_groups=2, n_columns=3, reg=1.0, discount=0.99)
    learned = empty.learn(X, np.zeros(200, int), y, np.arange(200), np.ones(200))
    later = learned.learn(X[:1], np.ones(1, int), y[:1], np.array([600]), np.ones(1))
    np.testing.assert_array_equal(later.mode[0], learned.mode[0])
    assert (later.width(X[:5])[:, 0] > 1.5 * learned.width(X[:5])[:, 0]).all()


@pytest.mark.parametrize("seed", range(5))
def test_one_row_alone_is_the_same_mode(seed):
    rng = np.random.default_rng(seed)
    x, center, root = 3 * rng.normal(size=4), 4 * rng.normal(size=4), np.tril(rng.normal(size=(4, 4))) + np.eye(4)
    y, weight = float(rng.integers(2)), float(rng.choice([1.0, 0.3, 2.0]))
    precision = np.linalg.inv(root.T @ root)
    whole = laplace(x[None], np.array([y]), np.array([weight]), center, precision)
    alone = laplace_row(x, y, weight, center, root)
    for found, expected in zip(alone, whole, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
