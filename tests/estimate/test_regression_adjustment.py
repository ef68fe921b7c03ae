"""Regression adjustment against Lin's interacted regression, and its interval in experiments."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from dorec import Study
from dorec.domain.errors import ArmTooSmall, NoOverlap
from dorec.estimate import RegressionAdjustment, naive_difference
from dorec.refute import check_causal_estimator


def table(n: int = 400, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    t = (rng.random(n) < 0.4 + 0.2 * (a > 0)).astype(int)
    y = t * (1 + 0.5 * b) + a + (1 + t) * rng.normal(size=n)
    return {"a": a, "b": b, "t": t, "y": y, "w": np.ones(n)}


def study(data: dict[str, np.ndarray], covariates: tuple[str, ...] = ("a", "b"), **roles: object) -> Study:
    return Study.from_table(data, outcome="y", treatment="t", covariates=list(covariates), **roles)


def test_value_is_lin_s_coefficient_and_error_adds_the_spread_of_the_effects() -> None:
    statsmodels = pytest.importorskip("statsmodels.api")
    data = table()
    X = np.column_stack([data["a"], data["b"]])
    X = X - X.mean(axis=0)
    t = data["t"][:, None]
    lin = statsmodels.OLS(data["y"], np.hstack([np.ones((400, 1)), t, X, t * X])).fit(cov_type="HC2")
    ate = RegressionAdjustment().fit(study(data)).ate()
    assert ate.value == pytest.approx(lin.params[1])
    spread = (X @ lin.params[4:]).var() / 400  # of the covariates as a sample, which the coefficient leaves out
    assert ate.std_error == pytest.approx(np.sqrt(lin.bse[1] ** 2 + spread), rel=0.01)


def test_influence_is_what_a_unit_moves() -> None:
    data = table()
    means = RegressionAdjustment().fit(study(data, weight="w")).means
    for row in (3, 150, 399):
        heavier = data["w"].copy()
        heavier[row] += 1e-4
        moved = RegressionAdjustment().fit(study(data | {"w": heavier}, weight="w")).means.value - means.value
        assert means.influence[row] == pytest.approx(moved / 1e-4 * 400, rel=0.03, abs=0.02)  # HC2 is a little more


def test_without_covariates_it_is_the_difference_in_means() -> None:
    plain = study(table(), ())
    ate, naive = RegressionAdjustment().fit(plain).ate(), naive_difference(plain)
    assert ate.value == pytest.approx(naive.value)
    assert ate.std_error == pytest.approx(naive.std_error, rel=0.01)


def test_effects_given_covariates_are_the_regressions() -> None:
    data = table(2_000)
    model = RegressionAdjustment().fit(study(data))
    found = model.effect(np.array([[0.0, -1.0], [0.0, 1.0]]))
    assert found == pytest.approx([0.5, 1.5], abs=0.25)
    assert model.unit_effects.shape == (2_000,)


def test_interval_holds_in_the_linear_world_and_for_the_treated() -> None:
    for population in ("all", "treated"):
        learner = RegressionAdjustment(population=population)
        found = check_causal_estimator(learner, n=300, repetitions=25, population=population, worlds=["linear"])
        asked = [v for v in found if population == "all" or "reference" not in v.check]
        assert [str(v) for v in asked if not v] == []


def test_another_outcome_model_has_no_interval() -> None:
    model = RegressionAdjustment(outcome_model=HistGradientBoostingRegressor(max_iter=20)).fit(study(table()))
    assert "no valid interval" in str(model.ate())


def test_a_group_that_an_arm_does_not_have_is_refused() -> None:
    data = table(600)
    data["g"] = ((np.arange(600) % 20 == 0) & (data["t"] == 1)).astype(int)
    with pytest.raises(NoOverlap):
        RegressionAdjustment().fit(study(data, ("a", "g")))
    wide = {f"x{j}": column for j, column in enumerate(np.random.default_rng(0).normal(size=(20, 40)))}
    with pytest.raises(ArmTooSmall):
        RegressionAdjustment().fit(study(table(40) | wide, tuple(wide)))
