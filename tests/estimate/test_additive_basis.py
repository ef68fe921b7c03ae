"""The basis bends, scales and multiplies what matters."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import make_pipeline

from dorec.estimate.additive_basis import FLOOR, AdditiveBasis

RNG = np.random.default_rng(0)
X = np.column_stack([RNG.normal(size=(800, 6)), RNG.integers(0, 2, size=800)])


def test_indicators_stay_and_the_rest_bends() -> None:
    basis = AdditiveBasis(n_knots=3, n_products=0).fit(X, np.abs(X[:, 1]))
    assert basis.transform(X).shape == (800, 7 + 6 * 3)
    assert 6 not in basis.bent_
    curve = LinearRegression().fit(basis.transform(X), np.abs(X[:, 1]))
    assert curve.score(basis.transform(X), np.abs(X[:, 1])) > 0.97


def test_relevance_finds_the_features_that_matter() -> None:
    y = np.sin(1.5 * X[:, 2]) + X[:, 6] + 0.5 * RNG.normal(size=800)
    basis = AdditiveBasis(n_products=2).fit(X, y)
    assert set(basis.pairs_.ravel().tolist()) == {2, 6}
    assert basis.scale_[2] > 0.4
    assert basis.scale_[[0, 1, 3, 4, 5]].max() < 0.2
    assert basis.scale_.min() >= FLOOR


def test_it_predicts_better_than_a_line_where_there_are_curves_and_products() -> None:
    y = X[:, 0] * X[:, 1] + X[:, 0] + X[:, 1] + np.abs(X[:, 2]) + 0.3 * RNG.normal(size=800)
    train, test = slice(0, 500), slice(500, 800)
    grid = np.logspace(-1, 4, 11)
    curved = make_pipeline(AdditiveBasis(), RidgeCV(grid)).fit(X[train], y[train]).score(X[test], y[test])
    line = RidgeCV(grid).fit(X[train], y[train]).score(X[test], y[test])
    assert curved > 0.9 > line


def test_the_order_of_classes_does_not_matter() -> None:
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    other = np.array([2, 0, 1])[y]
    one, two = (AdditiveBasis().fit(X, codes).transform(X) for codes in (y, other))
    np.testing.assert_allclose(one, two, atol=1e-9)


@pytest.mark.parametrize("y", [np.zeros(800), np.ones(800, dtype=int)])
def test_a_constant_target_makes_every_feature_equally_relevant(y: np.ndarray) -> None:
    assert (AdditiveBasis().fit(X, y).scale_ == 1).all()
