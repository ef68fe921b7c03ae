import numpy as np
import pytest
from scipy.optimize import approx_fprime

from dorec.numeric.cycle_penalty import log_det_excess, walk_excess
from dorec.numeric.orthant_search import BARRIER, LAGRANGIAN, Penalised, orthant_search, smooth_part


@pytest.mark.parametrize(("kind", "first", "second"), [(LAGRANGIAN, 3.0, 0.7), (BARRIER, 0.4, 0.9)])
@pytest.mark.parametrize("d", [2, 5, 8])
def test_gradients_are_those_of_the_function(kind, first, second, d):
    rng = np.random.default_rng(d)
    covariance = np.cov(rng.normal(size=(d, 50)))
    free = ~np.eye(d, dtype=bool)
    held = np.zeros((d, d))
    held[0, 1] = 1.0
    problem = Penalised(kind, covariance, free, held, np.zeros((d, d)), first, second)
    weights = rng.normal(size=(d, d)) * 0.2 * free
    gradient = smooth_part(problem, weights)[1]
    numeric = approx_fprime(weights.ravel(), lambda w: smooth_part(problem, w.reshape(d, d))[0], 1e-7).reshape(d, d)
    assert np.allclose(gradient[free], numeric[free], atol=1e-4)
    assert not gradient[~free].any()


def test_excess_is_zero_exactly_where_there_is_no_cycle():
    rng = np.random.default_rng(0)
    for d in (1, 2, 3, 7, 10):
        acyclic = np.triu(rng.random((d, d)), 1)
        assert abs(walk_excess(acyclic)[0]) < 1e-9
        assert abs(log_det_excess(acyclic, 0.8)[0]) < 1e-9
        expected = np.trace(np.linalg.matrix_power(np.eye(d) + acyclic.T @ acyclic / d, d)) - d
        assert walk_excess(acyclic.T @ acyclic)[0] == pytest.approx(expected)


def test_log_det_is_numpys_inside_and_infinite_outside():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        squares = rng.random((4, 4)) * rng.uniform(0, 0.6)
        value, gradient = log_det_excess(squares, 1.0)
        if np.abs(np.linalg.eigvals(squares)).max() < 1:
            inside += 1
            assert value == pytest.approx(-np.linalg.slogdet(np.eye(4) - squares)[1])
            assert np.allclose(gradient, np.linalg.inv(np.eye(4) - squares).T)
        else:
            assert value == np.inf
    assert 20 < inside < 180


def test_the_lasso_is_solved():
    """Without cycles in reach it is one lasso for each variable."""
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    y = x @ np.array([1.0, -0.5, 0.0, 0.2]) + rng.normal(size=300)
    data = np.column_stack([x, y]) - np.column_stack([x, y]).mean(axis=0)
    free = np.zeros((5, 5), dtype=bool)
    free[:4, 4] = True
    zero = np.zeros((5, 5))
    problem = Penalised(LAGRANGIAN, data.T @ data / 300, free, zero, np.full((5, 5), 0.15), 1.0, 0.0)
    weights, _, _ = orthant_search(problem, zero, 1000, 1e-9, 1e-15)
    theirs = linear.Lasso(alpha=0.15, tol=1e-12, fit_intercept=False).fit(data[:, :4], data[:, 4]).coef_
    assert np.allclose(weights[:4, 4], theirs, atol=1e-6)
