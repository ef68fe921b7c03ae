"""The smooth part of an effect: what it keeps, what it drops, and how far its copies lie apart."""

import numpy as np
import pytest

from dorec.numeric.honest_forest import half_samples
from dorec.numeric.smooth_effect import SmoothEffect, basis_of, fit_smooth_effect, recentred

NOTHING = np.empty((0, 2), dtype=np.int64)


def draw(n: int, p: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, p)), rng.integers(0, 2, size=n) - 0.5, rng.normal(size=n)


def fitted(X: np.ndarray, w: np.ndarray, y: np.ndarray, mass: np.ndarray | None = None) -> SmoothEffect:
    signs = half_samples(len(y), np.arange(40))
    return fit_smooth_effect(X, w, y, np.ones(len(y)) if mass is None else mass, signs)


def effect(model: SmoothEffect, X: np.ndarray) -> np.ndarray:
    return np.asarray((model.design(X) @ model.copies.T).mean(axis=1))


def of_term(model: SmoothEffect, feature: int) -> np.ndarray:
    """The columns of one covariate's curve, numbered without the constant."""
    return np.flatnonzero(np.concatenate([model.basis.linear, model.basis.hinged]) == feature)


def test_a_basis_is_standardised_and_leaves_out_what_does_not_vary() -> None:
    X = np.column_stack([np.random.default_rng(0).normal(size=500), np.arange(500) % 2, np.ones(500)])
    basis = basis_of(X, np.arange(3), np.arange(3), np.array([[0, 1]]))
    Z = basis.transform(X)
    assert Z.shape == (500, 1 + 2 + 3 + 1)  # one, two columns that vary, hinges of the first, the product
    np.testing.assert_allclose(Z[:, 1:].mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(Z[:, 1:].std(axis=0), 1.0)
    assert basis.owner.tolist() == [0, 1, 0, 0, 0, 2]
    kept = basis.only(np.array([0, 3, 5]))
    np.testing.assert_allclose(kept.transform(X), Z[:, [0, 1, 4, 6]])


def test_curves_and_products_that_matter_are_found_and_others_vanish() -> None:
    X, w, noise = draw(5_000, 8)
    truth = 1.0 + np.tanh(X[:, 3]) + 0.5 * np.clip(X[:, 0] * X[:, 5], -3, 3)
    model = fitted(X, w, w * truth + noise)
    assert model.basis.pairs.tolist() == [[0, 5]]
    width = np.array([np.abs(model.copies[:, 1:][:, of_term(model, j)]).sum(axis=1).mean() for j in range(8)])
    assert np.argmax(width) == 3
    assert width[[0, 1, 2, 4, 5, 6, 7]].max() < 0.1 * width[3]
    fresh = draw(2_000, 8, seed=1)[0]
    wanted = 1.0 + np.tanh(fresh[:, 3]) + 0.5 * np.clip(fresh[:, 0] * fresh[:, 5], -3, 3)
    assert np.sqrt(np.mean((effect(model, fresh) - wanted) ** 2)) < 0.2


def test_one_effect_for_all_leaves_the_constant() -> None:
    X, w, noise = draw(2_000, 10, seed=3)
    model = fitted(X, w, 2.0 * w + 0.5 * noise)
    np.testing.assert_allclose(effect(model, X), 2.0, atol=0.15)


def test_the_copies_vary_as_estimates_from_new_data_do() -> None:
    values, spreads = [], []
    at = np.array([[0.5]])
    for seed in range(25):
        X, w, noise = draw(400, 1, seed)
        model = fitted(X, w, w * (1 + 2.0 * X[:, 0]) + noise)
        copies = model.design(at) @ model.copies.T
        values.append(copies.mean())
        spreads.append(copies.std())
    assert np.mean(spreads) == pytest.approx(np.std(values), rel=0.4)


def test_bias_is_what_the_prior_lets_the_ridge_miss() -> None:
    X, w, noise = draw(500, 3)
    model = fitted(X, w, w * X[:, 0] + noise)
    design = model.design(X)
    assert (model.bias_variance(design) >= 0).all()
    more = fitted(*draw(500, 3)[:2], w * X[:, 0] + 3.0 * noise)
    assert more.bias_variance(more.design(X)).mean() > model.bias_variance(design).mean()


def test_a_weight_is_a_repeated_unit() -> None:
    X, w, noise = draw(600, 2)
    y, mass = w * np.sin(X[:, 0]) + 0.5 * noise, np.where(np.arange(600) < 300, 2.0, 1.0)
    twice = np.concatenate([np.arange(600), np.arange(300)])
    basis = basis_of(X, np.arange(2), np.arange(2), NOTHING)
    assert basis.transform(X).shape[1] == 9
    left = recentred(X, np.stack([w, y], axis=1), mass)
    # knots are quantiles of rows, so only the equations, and not the bases, agree exactly
    np.testing.assert_allclose(left, recentred(X[twice], np.stack([w, y], axis=1)[twice], np.ones(900))[:600], atol=0.1)


def test_recentring_takes_off_what_nuisances_left() -> None:
    X, w, noise = draw(3_000, 4)
    left = recentred(X, np.stack([w + 0.3 * np.tanh(X[:, 1]), noise + np.abs(X[:, 2])], axis=1), np.ones(3_000))
    assert abs(np.corrcoef(left[:, 0], np.tanh(X[:, 1]))[0, 1]) < 0.05
    assert abs(np.corrcoef(left[:, 1], np.abs(X[:, 2]))[0, 1]) < 0.08


def test_many_covariates_are_screened() -> None:
    X, w, noise = draw(1_000, 205)
    model = fitted(X, w, w * (1.0 + X[:, 7]) + 0.5 * noise)
    assert 7 in model.basis.linear
    assert np.corrcoef(effect(model, X), X[:, 7])[0, 1] > 0.9
