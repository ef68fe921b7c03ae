"""Partial pooling of effects: eight schools, groups of a study, intervals, refusals."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import ArmTooSmall, ConfigError, InputError, NotFinite, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.estimate import AIPW
from dorec.estimate.hierarchical_effect import GroupEffects, HierarchicalEffect

SCHOOLS = GroupEffects.of(
    {
        name: (float(effect), float(error))
        for name, effect, error in zip(
            "ABCDEFGH", [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18], strict=True
        )
    }
)


def test_eight_schools_near_gelmans() -> None:
    """Bayesian Data Analysis, table 5.3 (flat prior on tau): medians 10, 8, 7, 8, 5, 6, 10, 8; tau about 6.5."""
    model = HierarchicalEffect(method="gibbs", prior_scale=1e3).fit(SCHOOLS)
    assert np.median(model.draws.theta, axis=0) * model.size == pytest.approx([10, 8, 7, 8, 5, 6, 10, 8], abs=1.0)
    assert model.tau == pytest.approx(5.5, abs=1.2)
    assert model.tau_interval().lower < 0.8


def test_two_methods_tell_one_story() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(3.0, 1.0, 30)
    groups = GroupEffects.of({f"{i}": (t + 0.7 * rng.normal(), 0.7) for i, t in enumerate(truth)})
    closed, drawn = HierarchicalEffect().fit(groups), HierarchicalEffect(method="gibbs").fit(groups)
    assert closed.effects == pytest.approx(drawn.effects, abs=0.3)
    assert closed.std_errors == pytest.approx(drawn.std_errors, rel=0.25)
    assert np.mean((closed.effects - truth) ** 2) < np.mean((groups.value - truth) ** 2)
    for model in (closed, drawn):
        value, (low, high) = model.new_group(0.9)
        assert low < value < high
        assert high - low > 2 * 1.64 * model.tau * 0.9
    assert abs(closed.pooled().value - 3.0) < 3 * closed.pooled().std_error
    assert closed.heterogeneity.code == "groups_differ"


@pytest.mark.parametrize("method", ["morris", "gibbs"])
def test_scale_and_order_of_groups(method: Any) -> None:
    learner = HierarchicalEffect(method=method, n_draws=4_000)
    scaled = GroupEffects(names=SCHOOLS.names, value=100 * SCHOOLS.value, std_error=100 * SCHOOLS.std_error)
    assert learner.fit(scaled).effects == pytest.approx(100 * learner.fit(SCHOOLS).effects, rel=1e-3)
    back = GroupEffects(names=SCHOOLS.names[::-1], value=SCHOOLS.value[::-1], std_error=SCHOOLS.std_error[::-1])
    assert learner.fit(back).effects[::-1] == pytest.approx(learner.fit(SCHOOLS).effects, abs=0.6)


def test_pooled_mean_is_hartung_knapp() -> None:
    model = HierarchicalEffect().fit(SCHOOLS)
    w = 1 / (SCHOOLS.std_error**2 + model.tau**2)
    mu = w @ SCHOOLS.value / w.sum()
    q = max(w @ (SCHOOLS.value - mu) ** 2 / 7, 1.0)
    assert (model.pooled().value, model.pooled().std_error) == pytest.approx((mu, np.sqrt(q / w.sum())))
    assert model.pooled().dof == 7


def test_groups_of_a_study() -> None:
    rng = np.random.default_rng(0)
    n = 1_200
    market = rng.integers(0, 6, n)
    x, t = rng.normal(size=n), rng.integers(0, 2, n)
    table = {"x": x, "t": t, "y": (1 + 0.2 * market) * t + x + rng.normal(size=n)}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
    learner = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
    groups = GroupEffects.from_study(study, market, learner=learner)
    assert groups.names == tuple("012345")
    assert sum(groups.units) == n
    own = learner.fit(study).segment(market == 2)
    assert (groups.value[2], groups.std_error[2]) == pytest.approx((own.value, own.std_error))
    rows = HierarchicalEffect().fit(groups).to_table()
    assert [row["group"] for row in rows] == list(groups.names)
    assert all(row["lower"] < row["effect"] < row["upper"] for row in rows)
    lone = np.where(np.arange(n) < 5, "few", "many")
    with pytest.raises(ArmTooSmall, match="few"):
        GroupEffects.from_model(learner.fit(study), lone)
    with pytest.raises(InputError, match="label"):
        GroupEffects.from_model(learner.fit(study), lone[:5])


def test_from_estimates() -> None:
    rng = np.random.default_rng(0)
    parts = [Estimate.of_mean(rng.normal(size=50), name=f"m{i}") for i in range(4)]
    groups = GroupEffects.from_estimates(parts)
    assert groups.std_error == pytest.approx([p.std_error for p in parts])
    with pytest.raises(InputError, match="vector"):
        GroupEffects.from_estimates([Estimate.of_mean(rng.normal(size=(50, 2)))])


def test_refusals() -> None:
    with pytest.raises(TooFewUnits, match="3 group"):
        HierarchicalEffect().fit(GroupEffects.of({f"{i}": (1.0 * i, 1.0) for i in range(3)}))
    with pytest.raises(NotFinite, match="'b'"):
        GroupEffects.of({"a": (1.0, 1.0), "b": (2.0, 0.0)})
    with pytest.raises(NotFinite):
        GroupEffects.of({"a": (np.nan, 1.0)})
    with pytest.raises(ConfigError, match="method"):
        HierarchicalEffect(method="nuts")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="prior_scale"):
        HierarchicalEffect(prior_scale=0.0)
    with pytest.raises(InputError, match="one value of tau"):
        HierarchicalEffect().fit(SCHOOLS).tau_interval()
    with pytest.raises(InputError, match="level"):
        HierarchicalEffect().fit(SCHOOLS).interval(95)
