"""Curves and maps of the effect: right where the truth is known, bands that hold, cells that are masked."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import ColumnNotFound, InputError, TooFewUnits
from dorec.estimate import AIPW, TLearner, effect_curve, effect_map, partial_dependence, segment_effects
from dorec.estimate.effect_profile import spline_basis

QUICK = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def study(n: int = 2000, seed: int = 0, arms: int = 2) -> Study:
    rng = np.random.default_rng(seed)
    x, z = rng.uniform(-1, 1, size=n), rng.normal(size=n)
    city, t = np.array(["Oslo", "Rome"])[rng.integers(0, 2, size=n)], rng.integers(0, arms, size=n)
    y = t * (1.0 + x**2 + (city == "Rome")) + z + rng.normal(size=n)
    table = {"x": x, "z": z, "city": city, "t": t, "y": y}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z", "city"])


def test_the_band_holds_the_curve_everywhere_at_once() -> None:
    held = 0
    for seed in range(30):
        curve = effect_curve(QUICK.fit(study(800, seed)), "x", n_points=15, partial=False)
        lower, upper = curve.effect.interval(joint=True)
        truth = 1.5 + curve.at**2
        held += bool(((lower <= truth) & (truth <= upper)).all())
    assert held >= 25  # 28 expected


def test_a_curve_of_two_terms_is_the_best_line() -> None:
    s = study(500)
    model = QUICK.fit(s)
    curve = effect_curve(model, "x", n_points=3, n_terms=2)
    assert curve.effect.value[1] == pytest.approx(curve.effect.value[[0, 2]].mean(), abs=0.02)
    assert curve.contrast == "1 - 0"
    assert np.ptp(curve.at) == pytest.approx(1.8, abs=0.1)
    assert effect_curve(QUICK.fit(study(arms=3)), "x", arm=2).contrast == "2 - 0"


def test_partial_dependence_averages_the_model_s_effects() -> None:
    s = study(600)
    model = TLearner(outcome_model=LinearRegression(), average=QUICK).fit(s)
    X = s.covariates.copy()
    X[:, 0] = 0.3
    assert partial_dependence(model, "x", [0.3])[0] == pytest.approx(model.effect(X).mean())
    steps = np.diff(partial_dependence(model, "x", [0.0, 0.5, 1.0]))
    assert steps[0] == pytest.approx(steps[1])  # a linear model


def test_cells_are_segments_and_small_ones_are_masked() -> None:
    s = study()
    model = QUICK.fit(s)
    found = effect_map(model, "x", "city", n_bins=2)
    rome = s.covariates[:, s.covariate_names.index("city=Rome")] == 1
    cut = float(found.rows[0].rsplit(" ", 1)[1])
    direct = segment_effects(model, {"cell": rome & (s.covariates[:, 0] > cut + 1e-3)})
    assert found.grid()[1, 1] == pytest.approx(direct.value[0], abs=0.02)
    assert found.columns == ("city = another", "city = Rome")
    assert found.grid()[:, 1].min() > found.grid()[:, 0].max()
    assert found.left_out == 0
    tiny = effect_map(QUICK.fit(study(200)), "x", "z", n_bins=4, min_units=14)
    assert np.isnan(tiny.grid()).any()
    assert tiny.left_out > 0
    assert len(tiny.effects.value) == np.isfinite(tiny.grid()).sum()
    with pytest.raises(TooFewUnits):
        effect_map(QUICK.fit(study(200)), "x", "z", n_bins=8)


def test_splines_span_lines_and_hold_their_ends() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    basis = spline_basis(x, 5)
    inside = np.linspace(-1.5, 1.5, 50)
    design = np.column_stack([np.ones(50), basis(inside)])
    left = inside - design @ np.linalg.lstsq(design, inside, rcond=None)[0]
    np.testing.assert_allclose(left, 0.0, atol=1e-9)
    np.testing.assert_allclose(basis(np.array([50.0])), basis(np.array([90.0])))


def test_wrong_questions_are_refused() -> None:
    model = QUICK.fit(study(300))
    with pytest.raises(ColumnNotFound):
        effect_curve(model, "age")
    with pytest.raises(InputError, match="too few for a curve"):
        effect_curve(model, "city=Rome")
    with pytest.raises(InputError, match="arm is 2"):
        effect_map(model, "x", "z", arm=2)
    with pytest.raises(InputError, match="both 'x'"):
        effect_map(model, "x", "x")
    with pytest.raises(TooFewUnits):
        effect_curve(model, "x", n_terms=20)
