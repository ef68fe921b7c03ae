"""Regressions for effects: blending that sees no outcome of its own fold, levelled folds, bins."""

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression

from dorec.estimate.effect_regression import Bins, levelled, regress
from dorec.estimate.nuisance import CrossFit


def cross_fit(n: int = 300, seed: int = 0) -> CrossFit:
    rng = np.random.default_rng(seed)
    return CrossFit(X=rng.normal(size=(n, 3)), folds=rng.permutation(n) % 3)


def test_one_model_is_fitted_without_each_fold_and_on_all_for_others() -> None:
    fit = cross_fit()
    target = fit.X[:, 0] + np.random.default_rng(1).normal(size=300)
    out, blend = regress(fit, target, (LinearRegression(),))
    for fold in range(3):
        test = fit.folds == fold
        plain = LinearRegression().fit(fit.X[~test], target[~test]).predict(fit.X[test])
        np.testing.assert_allclose(out[test], plain, atol=1e-9)
    np.testing.assert_allclose(blend.predict(fit.X), LinearRegression().fit(fit.X, target).predict(fit.X), atol=1e-9)


def test_only_the_rows_among_are_learned_from() -> None:
    fit = cross_fit()
    among = fit.X[:, 1] > 0
    target = np.where(among, 2.0 * fit.X[:, 0], np.nan)
    target = np.where(np.isnan(target), 1e6, target)
    out, blend = regress(fit, target, (LinearRegression(),), among)
    np.testing.assert_allclose(out, 2.0 * fit.X[:, 0], atol=1e-9)
    np.testing.assert_allclose(blend.predict(fit.X), 2.0 * fit.X[:, 0], atol=1e-9)


def test_a_folds_blend_does_not_see_its_targets() -> None:
    fit = cross_fit()
    target = np.random.default_rng(2).normal(size=300)
    mine = fit.folds == 1
    other = target.copy()
    other[mine] = other[mine][::-1]  # the same mean and spread
    models = (DummyRegressor(), LinearRegression())
    np.testing.assert_allclose(regress(fit, target, models)[0][mine], regress(fit, other, models)[0][mine], atol=1e-9)


def test_noise_has_no_slope_of_one() -> None:
    # weights that saw the targets would give a slope of 1 in every sample with a mixed blend
    slopes = []
    for seed in range(60):
        fit = cross_fit(seed=seed)
        target = np.random.default_rng(1_000 + seed).normal(size=300)
        out, _ = regress(fit, target, (DummyRegressor(), LinearRegression()), level=True)
        if np.ptp(out) > 1e-9:
            slopes.append(np.polyfit(out, target, 1)[0])
    assert len(slopes) > 10
    assert np.mean(np.abs(np.array(slopes) - 1.0) < 0.1) < 0.3


def test_levelled_folds_and_ties() -> None:
    fit = cross_fit()
    effects = fit.X[:, 0] + fit.folds
    out = levelled(effects, fit)
    means = [out[fit.folds == fold].mean() for fold in range(3)]
    np.testing.assert_allclose(means, effects.mean(), atol=1e-12)
    assert len(np.unique(levelled(0.1 + fit.folds / 3.0, fit))) == 1


def test_bins_of_fresh_rows_keep_the_order() -> None:
    x = np.random.default_rng(0).normal(size=(500, 1))
    bins = Bins().fit(x)
    fresh = np.sort(np.random.default_rng(1).normal(size=(200, 1)), axis=0)
    assert (np.diff(bins.transform(fresh)[:, 0]) >= 0).all()
