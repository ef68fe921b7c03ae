"""Effects given covariates: out of fold, level between folds, blended by what the other folds chose."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.estimate import AIPW

CHEAP = AIPW(n_folds=4, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def study(effect: float, seed: int = 0, n: int = 800) -> Study:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    t = rng.integers(0, 2, size=n)
    table = {"x": x, "z": z, "t": t, "y": x + t * (1 + effect * x) + rng.normal(size=n)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"])


def test_folds_are_level() -> None:
    model = CHEAP.fit(study(effect=1.0))
    means = [model.unit_effects[model.nuisances.folds == fold].mean() for fold in range(4)]
    contrast = model.pseudo_outcomes[:, 1] - model.pseudo_outcomes[:, 0]
    np.testing.assert_allclose(means, contrast.mean(), atol=1e-12)


def test_varying_effects_are_found() -> None:
    s = study(effect=1.0)
    model = CHEAP.fit(s)
    assert np.corrcoef(model.unit_effects, s.covariates[:, 0])[0, 1] > 0.9
    assert model.effect(np.array([[1.0, 0.0], [-1.0, 0.0]])) == pytest.approx([2.0, 0.0], abs=0.5)


def test_constant_effects_are_not_ranked_by_luck() -> None:
    # with no heterogeneity, units that are ranked high must not look better than units that are ranked low
    gaps = []
    for seed in range(20):
        model = CHEAP.fit(study(effect=0.0, seed=seed, n=300))
        contrast = model.pseudo_outcomes[:, 1] - model.pseudo_outcomes[:, 0]
        high = model.unit_effects > np.median(model.unit_effects)
        if not high.any():  # found to be the same for everyone
            assert len(np.unique(model.unit_effects)) == 1
            continue
        error = np.sqrt(contrast[high].var() / high.sum() + contrast[~high].var() / (~high).sum())
        gaps.append((contrast[high].mean() - contrast[~high].mean()) / error)
    assert len(gaps) > 5
    assert abs(np.mean(gaps)) < 0.8
