"""Probabilities of being the largest, against quadrature and plain simulation."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm, t

from dorec.numeric.best_of_normals import best_of_draws, best_of_normals, best_of_shared, best_of_two


def exact(mean, deviation, allowed, law=norm):
    """P(largest) of each, by the trapezoidal rule."""
    x = np.linspace((mean - 12 * deviation).min(), (mean + 12 * deviation).max(), 40_001)
    z = (x - mean[:, None]) / deviation[:, None]
    below = np.where(allowed[:, None], law.cdf(z), 1.0)
    others = [np.prod(np.delete(below, j, axis=0), axis=0) for j in range(len(mean))]
    return trapezoid(law.pdf(z) / deviation[:, None] * others, x, axis=1) * allowed


@pytest.mark.parametrize("seed", range(4))
def test_unbiased_and_sharper_than_counting(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(3, 7))
    mean, deviation = rng.normal(size=k), np.exp(rng.normal(-0.5, 1.0, size=k))
    allowed = rng.random(k) < 0.8
    allowed[:3] = True
    n = 1_500
    chance = best_of_normals(np.tile(mean, (n, 1)), np.tile(deviation, (n, 1)), np.tile(allowed, (n, 1)), rng)
    truth = exact(mean, deviation, allowed)
    np.testing.assert_allclose(chance.sum(axis=1), 1.0, rtol=1e-12)
    assert (chance[:, ~allowed] == 0).all()
    error = chance.std(axis=0) / np.sqrt(n)
    assert (np.abs(chance.mean(axis=0) - truth) < 4.5 * error + 1e-6).all()
    counting = np.sqrt(truth * (1 - truth) / 16)
    assert (chance.std(axis=0)[allowed] <= counting[allowed] + 1e-9).all()


def test_two_have_a_closed_form():
    mean, deviation = np.array([[0.3, 9.0, -0.2]]), np.array([[0.5, 1.0, 1.5]])
    allowed = np.array([[True, False, True]])
    truth = exact(mean[0], deviation[0], allowed[0])
    np.testing.assert_allclose(best_of_two(mean, deviation, allowed)[0], truth, atol=1e-7)
    np.testing.assert_allclose(best_of_normals(mean, deviation, allowed, np.random.default_rng(0))[0], truth, atol=1e-7)


def test_a_mixture_of_normals_is_students_t():
    rng, dof, n = np.random.default_rng(1), 9.0, 150
    mean, deviation, allowed = np.array([0.0, 0.5, 0.2]), np.array([1.0, 0.3, 0.6]), np.ones(3, bool)
    found = np.zeros(3)
    for _ in range(n):
        scale = np.sqrt(dof / rng.chisquare(dof, size=(256, 3)))
        found += best_of_normals(mean[None], deviation[None], allowed[None], rng, 256, scale)[0] / n
    np.testing.assert_allclose(found, exact(mean, deviation, allowed, t(dof)), atol=0.006)


@pytest.mark.parametrize(
    ("mean", "deviation", "winner"),
    [
        ([0.0, 0.0, 1e6], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]),
        ([-1e9, 0.0, -1e9], [1e-9, 1e-9, 1e3], [0.0, 1.0, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]),
        ([0.0, 1.0, 0.5], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
    ],
)
def test_extremes_stay_distributions(mean, deviation, winner):
    args = np.array([mean]), np.array([deviation]), np.ones((1, 3), bool), np.random.default_rng(0), 400
    np.testing.assert_allclose(best_of_normals(*args)[0], winner, atol=0.05)


def test_one_that_is_allowed_is_the_best():
    allowed = np.eye(3, dtype=bool)
    args = np.zeros((3, 3)), np.ones((3, 3)), allowed, np.random.default_rng(0)
    np.testing.assert_array_equal(best_of_normals(*args), allowed.astype(float))


def test_functions_of_one_vector_vary_together():
    rng = np.random.default_rng(2)
    design, coefficients, root = rng.normal(size=(1, 4, 3)), rng.normal(size=3), np.tril(rng.normal(size=(3, 3)))
    covariance = root.T @ root
    scores = rng.multivariate_normal(design[0] @ coefficients, design[0] @ covariance @ design[0].T, size=200_000)
    truth = np.bincount(scores.argmax(axis=1), minlength=4) / 200_000
    found = best_of_shared(design, coefficients, root, np.ones((1, 4), bool), rng, 100_000, None)[0]
    np.testing.assert_allclose(found, truth, atol=0.01)
    two = best_of_shared(design[:, :2], coefficients, root, np.ones((1, 2), bool), rng, 1, None)[0]
    np.testing.assert_allclose(two[0], (scores[:, 0] > scores[:, 1]).mean(), atol=0.005)


def test_counting_leaves_out_what_is_not_allowed():
    drawn = np.array([[[3.0, 3.0], [2.0, 1.0], [1.0, 2.0]]])
    assert best_of_draws(drawn, np.array([[False, True, True]])).tolist() == [[0.0, 0.5, 0.5]]
