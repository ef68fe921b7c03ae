"""Blending, weights and the adapters to scikit-learn."""

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dorec.domain.errors import InputError
from dorec.estimate.nuisance import (
    CrossFit,
    Pooled,
    calibrated,
    candidates,
    fit_model,
    simplex_least_squares,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 2))
FOLDS = np.arange(400) % 4


@pytest.mark.parametrize("seed", range(8))
def test_simplex_weights_beat_every_grid_point(seed: int) -> None:
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(30, 3)), rng.normal(size=30)
    root = rng.random(30)
    w = simplex_least_squares(A, b, root)
    assert w.min() >= 0
    assert w.sum() == pytest.approx(1.0)
    loss = ((root * (A @ w - b)) ** 2).sum()
    for u in np.linspace(0, 1, 41):
        for v in np.linspace(0, 1 - u, 21):
            assert loss <= ((root * (A @ [u, v, 1 - u - v] - b)) ** 2).sum() + 1e-6


def test_equal_candidates_share_the_weight_without_a_crash() -> None:
    a = RNG.normal(size=20)
    w = simplex_least_squares(np.stack([a, a], axis=1), RNG.normal(size=20))
    assert w.sum() == pytest.approx(1.0)


def test_the_blend_takes_the_better_candidate() -> None:
    y = 3.0 * X[:, 0] + 0.1 * RNG.normal(size=400)
    fit = CrossFit(X=X, folds=FOLDS)
    blended = fit.mean(y, [DummyRegressor(), LinearRegression()])
    alone = fit.mean(y, [LinearRegression()])
    np.testing.assert_allclose(blended, alone, atol=0.05)


def test_pooled_and_armwise_models_agree_where_arms_differ_by_a_constant() -> None:
    arm = RNG.integers(0, 3, size=400)
    y = X[:, 0] + 2.0 * arm + 0.01 * RNG.normal(size=400)
    fit = CrossFit(X=X, folds=FOLDS)
    for model in (LinearRegression(), Pooled(LinearRegression())):
        mu = fit.means_by_arm(y, arm, [model], binary=False)
        np.testing.assert_allclose(mu, X[:, [0]] + 2.0 * np.arange(3), atol=0.02)


def test_one_class_or_no_covariates_give_shares() -> None:
    hit = np.zeros(400)
    hit[:4] = 1.0
    arm = np.arange(400) // 200  # the second arm has no hit
    mu = CrossFit(X=X, folds=FOLDS).means_by_arm(hit, arm, [LogisticRegression()], binary=True)
    assert (mu[:, 1] == 0).all()
    e = CrossFit(X=X[:, :0], folds=FOLDS).probability(arm, [LogisticRegression()])
    np.testing.assert_allclose(e, 0.5)


def test_weights_reach_the_last_step_or_are_refused() -> None:
    weight = np.where(np.arange(400) < 200, 1.0, 1e-9)
    y = np.where(np.arange(400) < 200, 1.0, 5.0)
    for model in (LinearRegression(), make_pipeline(StandardScaler(), LinearRegression())):
        assert fit_model(model, X, y, weight).predict(X).mean() == pytest.approx(1.0, abs=0.05)
    with pytest.raises(InputError, match="KNeighborsRegressor can't use"):
        fit_model(KNeighborsRegressor(), X, y, weight)


def test_calibration_restores_shrunken_probabilities() -> None:
    rng = np.random.default_rng(1)
    logit = rng.normal(size=(20_000, 3)) * 2
    p = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    y = (rng.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    shrunk = np.sqrt(p) / np.sqrt(p).sum(axis=1, keepdims=True)
    restored = calibrated(shrunk, y)
    assert np.abs(restored - p).mean() < 0.02 < 0.05 < np.abs(shrunk - p).mean()
    constant = np.tile([0.5, 0.5], (10, 1))
    assert calibrated(constant, np.arange(10) % 2) is constant


@pytest.mark.parametrize("wrong", ["ridge", [], [LinearRegression(), 3]])
def test_what_is_no_model_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="scikit-learn"):
        candidates(wrong, ())
