"""Robust regression adjustment: losses, doses, what is told, what is refused."""

from typing import Any

import numpy as np
import pytest

from dorec import Study
from dorec.domain.errors import ArmTooSmall, ConfigError, ConstantColumn, InputError, NoInterval, NoOverlap, TooFewUnits
from dorec.estimate.robust_regression import RobustRegression

LOSSES = ("huber", "mm", "quantile")


def study_of(n: int = 400, seed: int = 0, effect: Any = 2.0, bad: float = 0.0, **roles: Any) -> Study:
    rng = np.random.default_rng(seed)
    x, z, u = rng.normal(size=(3, n))
    t = (rng.random(n) < 1 / (1 + np.exp(-0.5 * x))).astype(int)
    y = effect * t + x - z + rng.standard_t(3, n)
    y = np.where(rng.random(n) < bad, 1e6, y)
    table = {"x": x, "z": z, "t": t, "y": y, "dose": 0.5 * x + u}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"], **roles)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_effect_is_found_among_gross_errors(loss: Any) -> None:
    effect = RobustRegression(loss=loss).fit(study_of(bad=0.02)).ate()
    assert abs(effect.value - 2.0) < 3.5 * effect.std_error < 1.2
    assert "given the covariates" in effect.estimand


def test_huber_equals_statsmodels() -> None:
    sm = pytest.importorskip("statsmodels.api")
    s = study_of()
    theirs = sm.RLM(s.outcome, np.column_stack([s.treatment, np.ones(s.n), s.covariates])).fit(tol=1e-12, maxiter=200)
    assert RobustRegression().fit(s).ate().value == pytest.approx(theirs.params[0], abs=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_order_names_scale_and_the_swap_of_arms_do_not_matter(loss: Any) -> None:
    s, learner = study_of(n=151), RobustRegression(loss=loss, n_starts=8)
    effect = learner.fit(s).ate()
    moved = s.take(np.random.default_rng(0).permutation(s.n))
    assert learner.fit(moved).ate().value == pytest.approx(effect.value, abs=1e-9)
    columns = s.with_columns(covariates=s.covariates[:, ::-1], covariate_names=s.covariate_names[::-1])
    assert learner.fit(columns).ate().value == pytest.approx(effect.value, abs=1e-9)
    scaled = learner.fit(s.with_columns(outcome=100 * s.outcome + 7)).ate()
    assert scaled.value == pytest.approx(100 * effect.value)
    assert scaled.std_error == pytest.approx(100 * effect.std_error)
    swapped = learner.fit(s.with_columns(treatment=1 - s.treatment, arms=s.arms[::-1])).ate()
    assert swapped.value == pytest.approx(-effect.value, abs=1e-8)


def test_several_arms_and_a_dose() -> None:
    rng = np.random.default_rng(0)
    x, u = rng.normal(size=(2, 500))
    arm = rng.integers(0, 3, 500)
    table = {"x": x, "arm": arm, "d": u + 0.5 * x, "y": arm + x + rng.standard_t(2, 500)}
    arms = RobustRegression().fit(Study.from_table(table, outcome="y", treatment="arm", covariates=["x"])).ate()
    assert arms.name == ("1 - 0", "2 - 0")
    assert np.abs(arms.value - [1, 2]).max() < 0.6
    table["y"] = 1.5 * table["d"] + x + rng.standard_t(2, 500)
    dose = Study.from_table(table, outcome="y", treatment="d", covariates=["x"], continuous=True)
    effect = RobustRegression(loss="mm").fit(dose).ate()
    assert effect.name == "one more of d"
    assert abs(effect.value - 1.5) < 4 * effect.std_error < 0.6


def test_what_is_no_single_effect_is_told() -> None:
    rng = np.random.default_rng(3)
    s = study_of(n=2_000)
    differing = s.with_columns(outcome=s.outcome + 2.0 * s.treatment * s.covariates[:, 0])
    assert "effect_varies" in {v.code for v in RobustRegression().fit(differing).ate().verdicts}
    assert "effect_varies" not in {v.code for v in RobustRegression().fit(s).ate().verdicts}
    tail = s.with_columns(outcome=s.outcome + s.treatment * (rng.random(s.n) < 0.1) * rng.uniform(10, 20, s.n))
    assert "differs_from_mean" in {v.code for v in RobustRegression().fit(tail).ate().verdicts}
    curved = study_of(n=2_000)
    curve = (curved.covariates[:, 0] > 0) * curved.covariates[:, 0] * 4
    lean = np.random.default_rng(1).random(2_000) < 1 / (1 + np.exp(-2 * np.abs(curved.covariates[:, 0]) + 1.5))
    bent = curved.with_columns(outcome=curve + 0.3 * rng.normal(size=2_000), treatment=lean.astype(np.int64))
    assert RobustRegression().fit(bent).ate().no_interval


def test_clusters_and_weights_reach_the_estimate() -> None:
    s = study_of(n=200)
    twice = s.take(np.tile(np.arange(200), 2)).with_columns(cluster=np.tile(np.arange(200), 2))
    once, both = (RobustRegression().fit(one).ate() for one in (s, twice))
    assert both.value == pytest.approx(once.value, abs=1e-8)
    assert both.std_error == pytest.approx(once.std_error, rel=0.05)
    weighted = s.with_columns(weight=np.where(s.treatment == 1, 2.0, 1.0))
    copies = s.take(np.concatenate([np.arange(200), np.flatnonzero(s.treatment == 1)]))
    assert RobustRegression().fit(weighted).ate().value == pytest.approx(
        RobustRegression().fit(copies).ate().value, abs=1e-7
    )


def test_refusals() -> None:
    s = study_of()
    with pytest.raises(ConfigError, match="loss"):
        RobustRegression(loss="l1")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="quantile"):
        RobustRegression(quantile=1.0)
    with pytest.raises(ConstantColumn, match="no scale"):
        RobustRegression().fit(s.with_columns(outcome=np.where(np.arange(s.n) < 300, 0.0, s.outcome)))
    with pytest.raises(ArmTooSmall):
        RobustRegression().fit(s.take(np.flatnonzero((s.treatment == 1) | (np.arange(s.n) < 5))))
    dose = s.with_columns(dose=s.covariates[:, 0] - s.covariates[:, 1], arms=(), treatment=np.zeros(s.n, dtype=int))
    with pytest.raises(NoOverlap, match="linear function"):
        RobustRegression().fit(dose)
    with pytest.raises(TooFewUnits):
        RobustRegression().fit(dose.take(np.arange(9)))
    with pytest.raises(InputError, match="columns"):
        RobustRegression().fit(s).effect(np.zeros((2, 1)))
    with pytest.raises(NoInterval):
        RobustRegression().fit(s).interval(s.covariates)
