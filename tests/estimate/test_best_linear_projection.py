"""The projection against least squares and its sandwich, and what it refuses."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.errors import Collinear, ColumnNotFound, InputError
from dorec.estimate import AIPW, XLearner, best_linear_projection
from dorec.estimate.best_linear_projection import projection

CHEAP = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
ONE = RunContext(threads=1)


def study(n: int = 3_000, seed: int = 0, **roles: object) -> Study:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(3.0, 2.0, size=(2, n))
    t = rng.integers(0, 2, size=n)
    table = {"x": x, "z": z, "t": t, "y": x + t * (1 + 0.5 * x) + rng.normal(size=n), "c": np.arange(n) // 10}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"], **roles)


def test_coefficients_and_errors_are_those_of_least_squares() -> None:
    model = CHEAP.fit(study(), context=ONE)
    found = best_linear_projection(model)
    contrast = model.pseudo_outcomes[:, 1] - model.pseudo_outcomes[:, 0]
    A = np.column_stack([np.ones(model.study.n), model.study.covariates])
    solved = np.linalg.lstsq(A, contrast, rcond=None)[0]
    np.testing.assert_allclose(found.value, solved, rtol=1e-8)
    bread = np.linalg.inv(A.T @ A)
    meat = (A * (contrast - A @ solved)[:, None] ** 2).T @ A
    np.testing.assert_allclose(found.covariance, bread @ meat @ bread, rtol=0.01)
    lower, upper = found.interval()
    assert (lower <= [1.0, 0.5, 0.0]).all()
    assert (upper >= [1.0, 0.5, 0.0]).all()


def test_columns_weights_clusters_and_learners() -> None:
    s = study(cluster="c")
    one = best_linear_projection(XLearner(effect_model=LinearRegression(), average=CHEAP).fit(s, context=ONE), ["x"])
    assert one.name == ("effect where all are 0", "effect for one more of x")
    assert one.cluster is not None
    X, y = np.random.default_rng(0).normal(size=(2, 50, 1))
    weight = np.repeat([1.0, 2.0], 25)
    twice = np.concatenate([np.arange(25), np.repeat(np.arange(25, 50), 2)])
    np.testing.assert_allclose(projection(X, y, weight)[0], projection(X[twice], y[twice])[0])


def test_several_arms_have_a_line_each() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=3_000), rng.integers(0, 3, size=3_000)
    table = {"x": x, "t": t, "y": t * (1 + x) + rng.normal(size=3_000)}
    s = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
    found = best_linear_projection(CHEAP.fit(s, context=ONE))
    assert found.value == pytest.approx([1.0, 1.0, 2.0, 2.0], abs=0.2)
    assert found.name[3] == "2 - 0: effect for one more of x"
    assert found["2 - 0: effect for one more of x"].value == found.value[3]
    assert found.influence.shape == (3_000, 4)


def test_refusals() -> None:
    s = study(400)
    model = CHEAP.fit(s, context=ONE)
    with pytest.raises(ColumnNotFound, match="'w'"):
        best_linear_projection(model, ["w"])
    with pytest.raises(InputError, match="twice"):
        best_linear_projection(model, ["x", "x"])
    X = s.covariates
    with pytest.raises(Collinear):
        projection(np.column_stack([X, X[:, 0] - 2 * X[:, 1]]), X)
    with pytest.raises(Collinear):
        projection(np.ones((10, 1)), np.arange(10.0)[:, None])
