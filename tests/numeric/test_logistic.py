"""Logistic regression against scikit-learn's, and its influences against leaving rows out."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dorec.numeric.logistic import logistic


def draw(k: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(k)
    x = rng.normal(size=(n, 2))
    classes = (np.column_stack([np.zeros(n), x @ rng.normal(size=(2, k - 1))]) + rng.gumbel(size=(n, k))).argmax(axis=1)
    return np.column_stack([np.ones(n), x]), classes


@pytest.mark.parametrize("k", [2, 4])
def test_it_is_the_maximum_likelihood(k: int) -> None:
    Z, classes = draw(k)
    weight = np.random.default_rng(0).uniform(0.5, 1.5, len(Z))
    ours = logistic(Z, classes, weight / weight.mean(), k)
    theirs = LogisticRegression(C=1e10, max_iter=5_000, tol=1e-10).fit(Z[:, 1:], classes, sample_weight=weight)
    assert ours.converged
    assert ours.probability == pytest.approx(theirs.predict_proba(Z[:, 1:]), abs=2e-5)


def test_influences_are_what_a_unit_moves() -> None:
    Z, classes = draw(3)
    ones = np.ones(len(Z))
    base = logistic(Z, classes, ones, 3)
    for row in (0, 17, 333):
        heavier = ones.copy()
        heavier[row] += 1e-4
        moved = (logistic(Z, classes, heavier, 3).coefficients - base.coefficients) / 1e-4 * len(Z)
        assert base.influence[row] == pytest.approx(moved.ravel(), rel=1e-3, abs=1e-6)


def test_separated_classes_end_at_0_and_1_without_a_warning() -> None:
    x = np.linspace(-1, 1, 50)
    found = logistic(np.column_stack([np.ones(50), x]), (x > 0).astype(int), np.ones(50), 2)
    assert np.abs(found.probability[:, 1] - (x > 0)).max() < 0.01


def test_columns_that_repeat_change_no_probability() -> None:
    Z, classes = draw(2)
    once, twice = (logistic(design, classes, np.ones(len(Z)), 2) for design in (Z, np.column_stack([Z, Z[:, 1]])))
    assert twice.probability == pytest.approx(once.probability, abs=1e-8)
