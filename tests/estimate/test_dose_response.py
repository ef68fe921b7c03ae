"""Dose-response curves: the truth found, support respected, what must not matter, refusals."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import make_pipeline

from dorec import Study
from dorec.domain.errors import ConfigError, InputError, NoOverlap, NotFinite, TooFewUnits
from dorec.estimate.additive_basis import RIDGE_GRID, AdditiveBasis
from dorec.estimate.dose_response import DoseResponse
from dorec.explain.figures import draw

FAST: dict[str, Any] = {
    "n_folds": 2,
    "outcome_model": make_pipeline(AdditiveBasis(), RidgeCV(RIDGE_GRID)),
    "treatment_model": LinearRegression(),
}
DOSES = np.array([-1.0, 0.0, 1.0])


def study_of(n: int = 500, seed: int = 0, confounding: float = 0.5) -> Study:
    rng = np.random.default_rng(seed)
    x, u, e = rng.normal(size=(3, n))
    d = confounding * x + u
    table = {"x": x, "d": d, "y": 2.0 * x + np.sin(2 * d) + 0.5 * e}
    return Study.from_table(table, outcome="y", treatment="d", covariates=["x"], continuous=True)


def test_the_curve_is_found_under_confounding() -> None:
    model = DoseResponse(**FAST).fit(study_of(1_000))
    curve = model.curve(DOSES)
    error = curve.value - np.sin(2 * DOSES)
    assert (np.abs(error) < 3.5 * curve.std_error).all()
    assert (curve.std_error < 0.3).all()
    one, both = curve.interval(), curve.interval(joint=True)
    assert (both.lower < one.lower).all()
    assert model.support[0] < -1 < 1 < model.support[1]
    quartiles = np.quantile(model.study.dose, [0.25, 0.75])
    assert model.ate().value == pytest.approx(model.contrast(quartiles[1], quartiles[0]).value)
    contrast = model.contrast(1.0, -1.0)
    assert contrast.value == pytest.approx(curve.value[2] - curve.value[0])
    assert abs(contrast.value - 2 * np.sin(2)) < 3.5 * contrast.std_error


def test_one_model_may_be_wrong() -> None:
    """An outcome model that does not look at the covariates: the weights put it right."""

    class DoseAlone(LinearRegression):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            return super().fit(X[:, -1:], y, sample_weight)

        def predict(self, X: Any) -> Any:
            return super().predict(X[:, -1:])

    study = study_of(2_000, confounding=0.7)
    wrong = DoseResponse(n_folds=2, outcome_model=DoseAlone(), treatment_model=LinearRegression()).fit(study)
    curve = wrong.curve(DOSES)
    assert (np.abs(curve.value - np.sin(2 * DOSES)) < 3.5 * curve.std_error).all()
    confounded = 2 * 0.7 / 1.49 * DOSES  # what is off where nothing is done
    assert np.abs(confounded).max() > 2.5 * np.abs(curve.value - np.sin(2 * DOSES)).max()


def test_what_must_not_matter() -> None:
    study, learner = study_of(300), DoseResponse(**FAST)
    curve = learner.fit(study).curve(DOSES)
    moved = learner.fit(study.take(np.random.default_rng(0).permutation(study.n))).curve(DOSES)
    assert moved.value == pytest.approx(curve.value, abs=1e-8)
    scaled = learner.fit(study.with_columns(outcome=100 * study.outcome - 7)).curve(DOSES)
    assert scaled.value == pytest.approx(100 * curve.value - 7)
    assert scaled.std_error == pytest.approx(100 * curve.std_error)
    other = learner.fit(study.with_columns(dose=10 * np.asarray(study.dose) + 3)).curve(10 * DOSES + 3)
    assert other.value == pytest.approx(curve.value, abs=1e-6)


def test_outside_the_support_is_refused() -> None:
    model = DoseResponse(**FAST).fit(study_of())
    with pytest.raises(NoOverlap, match="no unit was there"):
        model.curve([9.0])
    with pytest.raises(NoOverlap, match="ask within"):
        model.curve([0.0, 2.9])
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    d = 3.0 * x + 0.4 * rng.normal(size=600)
    told = Study.from_table({"x": x, "d": d, "y": d}, outcome="y", treatment="d", covariates=["x"], continuous=True)
    noisy = told.with_columns(outcome=told.outcome + rng.normal(size=600))
    with pytest.raises(NoOverlap, match=r"hardly have had it|no value of|tell 'd'"):
        DoseResponse(**FAST).fit(noisy).curve([4.0])


def test_figure() -> None:
    figure = DoseResponse(**FAST).fit(study_of(300)).figure(points=8)
    assert "<svg" in draw(figure)
    lines = {line["name"]: np.array(line["y"]) for line in figure.data["lines"]}
    assert (lines["lower"] < lines["mean"]).all()


def test_refusals() -> None:
    study = study_of(200)
    with pytest.raises(ConfigError, match="bandwidth"):
        DoseResponse(bandwidth=0.0)
    with pytest.raises(InputError, match="n_folds"):
        DoseResponse(n_folds=1)
    with pytest.raises(TooFewUnits):
        DoseResponse().fit(study.take(np.arange(99)))
    with pytest.raises(NotFinite):
        DoseResponse().fit(study.with_columns(outcome=np.where(np.arange(200) == 3, np.inf, study.outcome)))
    arms = study.with_columns(dose=None, arms=(0, 1), treatment=np.arange(200) % 2)
    with pytest.raises(InputError, match="has arms"):
        DoseResponse().fit(arms)
    with pytest.raises(InputError, match="too few for a curve"):
        DoseResponse().fit(study.with_columns(dose=np.arange(200.0) % 3))
    exact = study.with_columns(dose=study.covariates[:, 0])
    with pytest.raises(NoOverlap, match="all but exactly"):
        DoseResponse(**FAST).fit(exact)
