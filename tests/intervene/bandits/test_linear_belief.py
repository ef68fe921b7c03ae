"""Posteriors against the textbook's formulas, and credible intervals against truths drawn from the prior."""

import numpy as np
import pytest
from scipy.stats import t

from dorec.intervene.bandits.linear_belief import LinearBelief


def belief_of(X, y, **settings):
    known = {"reg": 0.7, "noise": None} | settings
    empty = LinearBelief.empty(n_groups=1, n_columns=X.shape[1], **known)
    return empty.learn(X, np.zeros(len(X), int), y, np.arange(len(X)), np.ones(len(X)))


def test_known_noise_is_ridge_regression():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    belief = belief_of(X, y, noise=2.0)
    precision = X.T @ X + 0.7 * np.eye(3)
    np.testing.assert_allclose(belief.coefficients[0], np.linalg.solve(precision, X.T @ y), rtol=1e-10)
    reach = 1.959963985 * 2.0 * np.sqrt(np.diag(np.linalg.inv(precision)))
    np.testing.assert_allclose(belief.interval().upper[0] - belief.coefficients[0], reach, rtol=1e-8)


def test_learned_noise_is_normal_inverse_gamma():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    belief = belief_of(X, y)
    precision = X.T @ X + 0.7 * np.eye(3)
    mode = np.linalg.solve(precision, X.T @ y)
    a, b = 1 + 40 / 2, 1 + (y @ y - mode @ precision @ mode) / 2
    assert belief.deviation[0] ** 2 == pytest.approx(b / a)
    spread = np.sqrt(b / a * np.diag(np.linalg.inv(precision)))
    np.testing.assert_allclose(belief.interval(0.9).lower[0], mode - t(2 * a).ppf(0.95) * spread, rtol=1e-9)
    draws = belief.deviation**2 * belief.noise_draws(rng, 200_000)[:, 0] ** 2
    assert draws.mean() == pytest.approx(b / (a - 1), rel=0.01)


def test_a_weight_is_a_number_of_rows():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    twice = belief_of(np.vstack([X, X]), np.append(y, y))
    empty = LinearBelief.empty(n_groups=1, n_columns=2, reg=0.7, noise=None)
    heavy = empty.learn(X, np.zeros(9, int), y, np.arange(9), np.full(9, 2.0))
    for name in ("gram", "moment", "square", "count"):
        np.testing.assert_allclose(getattr(heavy, name), getattr(twice, name), rtol=1e-10)


def test_a_discount_weighs_by_the_age_of_the_decision():
    X, y = np.ones((3, 1)), np.array([1.0, 2.0, 4.0])
    belief = belief_of(X, y, discount=0.5)
    assert belief.gram[0, 0, 0] == pytest.approx(1.75)
    assert belief.moment[0, 0] == pytest.approx(0.25 * 1 + 0.5 * 2 + 4)
    idle = belief.learn(np.ones((1, 1)), np.zeros(1, int), np.zeros(1), np.array([12]), np.ones(1))
    assert idle.width(np.ones((1, 1)))[0, 0] > belief.width(np.ones((1, 1)))[0, 0]  # what is old grows uncertain


@pytest.mark.parametrize("noise", [0.5, None])
def test_credible_intervals_cover_what_the_prior_drew(noise):
    """Calibrated even though the data were collected adaptively: Bayes' posterior does not ask why a row was taken."""
    from dorec.intervene.bandits import LinearThompson

    rng, reg, covered = np.random.default_rng(3), 1.0, []
    for _ in range(80):
        truth_noise = noise if noise else 1 / np.sqrt(rng.gamma(1.0))
        truth = truth_noise / np.sqrt(reg) * rng.normal(size=(2, 2))
        state = LinearThompson(reg=reg, noise=noise, intercept=False, n_draws=8).start(2, 2)
        if noise is None:
            state = LinearThompson(reg=reg, intercept=False, n_draws=8, shared=True).start(2, 2)
        for _ in range(15):
            x = rng.normal(size=(4, 2, 2) if noise is None else (4, 2))
            action = state.choose(x, rng).action
            mean = x[np.arange(4), action] @ truth[0] if noise is None else (x * truth[action]).sum(axis=1)
            state = state.learn(x, action, mean + truth_noise * rng.normal(size=4))
        bounds = state.belief.interval(0.8)
        inside = (bounds.lower <= truth[: len(bounds.lower)]) & (truth[: len(bounds.lower)] <= bounds.upper)
        covered.append(inside.mean())
    error = np.std(covered) / np.sqrt(len(covered))
    assert abs(np.mean(covered) - 0.8) < 3.5 * error
