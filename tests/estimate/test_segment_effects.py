"""Effects by segment: means of scores, honest errors, small segments told."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import ColumnNotFound, InputError, NoInterval, TooFewUnits
from dorec.estimate import (
    AIPW,
    IPW,
    TMLE,
    CausalForest,
    DoubleML,
    DRLearner,
    Matching,
    RegressionAdjustment,
    segment_effects,
)
from dorec.estimate.column_levels import bin_names, crossed_levels, levels_of, quantile_cuts

QUICK = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression(max_iter=1_000))


def study(n: int = 1200, seed: int = 0, arms: int = 2, **roles: object) -> Study:
    rng = np.random.default_rng(seed)
    x, age = rng.normal(size=n), rng.integers(18, 80, size=n)
    city = np.array(["Bergen", "Oslo", "Rome"])[rng.integers(0, 3, size=n)]
    t = rng.integers(0, arms, size=n)
    y = t * (1.0 + (city == "Rome") + 0.02 * age) + x + rng.normal(size=n)
    table = {
        "x": x,
        "age": age,
        "city": city,
        "t": t,
        "y": y,
        "w": rng.uniform(0.5, 1.5, size=n),
        "who": rng.integers(0, n // 4, size=n),
    }
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "age", "city"], **roles)  # type: ignore[arg-type]


def test_a_segment_is_the_mean_score_of_its_units_and_equals_the_model_s_own() -> None:
    s = study()
    model = QUICK.fit(s)
    rome = s.covariates[:, s.covariate_names.index("city=Rome")] == 1
    found = segment_effects(model, {"Rome": rome, "all": np.ones(s.n, dtype=bool)})
    own = model.segment(rome)
    assert found.value[0] == pytest.approx(own.value)
    assert found["Rome"].std_error == pytest.approx(own.std_error, rel=1e-3)
    assert found.value[1] == pytest.approx(model.ate().value)
    assert found["all"].std_error == pytest.approx(model.ate().std_error, rel=1e-3)
    assert found.sample == model.ate().sample  # so that a segment less the average has an error
    assert (found["Rome"] - model.ate()).std_error > 0


def test_segments_add_up_to_the_average() -> None:
    s = study(weight="w")
    model = QUICK.fit(s)
    found = segment_effects(model, "city")
    levels = levels_of(s, "city")
    share = np.bincount(levels.code, weights=s.weight)
    assert (found.value * share / share.sum()).sum() == pytest.approx(model.ate().value)


def test_joint_intervals_are_wider_and_cover_together() -> None:
    covered, apart = 0, 0
    for seed in range(40):
        rng = np.random.default_rng([5, seed])
        g, t = rng.integers(0, 5, size=500), rng.integers(0, 2, size=500)
        table = {"g": g, "t": t, "y": t * g + rng.normal(size=500)}
        model = QUICK.fit(Study.from_table(table, outcome="y", treatment="t", covariates=["g"]))
        found = segment_effects(model, "g")
        joint, one = found.interval(joint=True), found.interval()
        assert (joint.upper - joint.lower > one.upper - one.lower).all()
        covered += bool(((joint.lower <= np.arange(5)) & (np.arange(5) <= joint.upper)).all())
        apart += bool(((one.lower <= np.arange(5)) & (np.arange(5) <= one.upper)).all())
    assert covered >= 34  # 38 of 40 expected
    assert apart < covered


@pytest.mark.parametrize(
    "learner",
    [
        TMLE(n_folds=2),
        DoubleML(n_folds=2, model="interactive"),
        CausalForest(n_trees=20, average=QUICK),
        DRLearner(effect_model=LinearRegression(), average=QUICK),
    ],
)
def test_estimators_with_scores_of_units_have_segments(learner: object) -> None:
    found = segment_effects(learner.fit(study(600)), "city")  # type: ignore[attr-defined]
    lower, upper = found.interval(joint=True)
    assert found.name == ("city = another", "city = Oslo", "city = Rome")
    assert (lower < upper).all()
    assert found["city = Rome"].value > found["city = Oslo"].value


def test_estimators_without_them_give_no_interval() -> None:
    for learner in (RegressionAdjustment(), Matching(), IPW()):
        found = segment_effects(learner.fit(study(600)), "city")
        with pytest.raises(NoInterval):
            found.interval()
    with pytest.raises(InputError, match="no scores of single units"):
        segment_effects(DoubleML(n_folds=2).fit(study(600)), "city")


def test_several_arms_and_clusters() -> None:
    s = study(arms=3, cluster="who")
    found = segment_effects(QUICK.fit(s), "city")
    assert len(found.value) == 6
    assert found.name[:2] == ("city = another: 1 - 0", "city = another: 2 - 0")
    assert found.cluster is not None
    assert found.value[1] > found.value[0]


def test_small_segments_are_pooled_left_out_or_refused() -> None:
    s = study(400)
    model = QUICK.fit(s)
    labels = np.array(["big"] * 340 + ["a"] * 20 + ["b"] * 20 + ["c"] * 20)
    found = segment_effects(model, labels)
    assert found.name == ("big", "others")
    assert found.verdicts[0].code == "small_segments"
    assert "'a' (20)" in found.verdicts[0].meaning
    alone = segment_effects(model, np.array(["big"] * 380 + ["a"] * 20))
    assert alone.name == ("big",)
    assert "left out" in alone.verdicts[0].meaning
    with pytest.raises(TooFewUnits, match="fewer than 30 units"):
        segment_effects(model, labels, small="refuse")
    with pytest.raises(TooFewUnits):
        segment_effects(model, {"one arm": s.treatment == 1})


def test_whether_segments_differ_is_tested_at_its_level() -> None:
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng([9, seed])
        g, t = rng.integers(0, 4, size=400), rng.integers(0, 2, size=400)
        table = {"g": g, "t": t, "y": t + g + rng.normal(size=400)}
        model = QUICK.fit(Study.from_table(table, outcome="y", treatment="t", covariates=["g"]))
        (verdict,) = segment_effects(model, "g").verdicts
        alarms += verdict.p_value < 0.05
    assert alarms <= 8  # 3 expected
    differ = segment_effects(QUICK.fit(study()), "city").verdicts[0]
    assert differ.status == "passed"
    assert differ.p_value < 0.01


def test_columns_as_levels() -> None:
    s = study()
    assert levels_of(s, "city").names == ("city = another", "city = Oslo", "city = Rome")
    assert levels_of(s, "city=Rome").names == ("city is not Rome", "city = Rome")
    age = levels_of(s, "age", 3)
    assert age.names[0].startswith("age up to ")
    assert age.names[2].startswith("age above ")
    counts = np.bincount(age.code)
    assert counts.max() < 1.15 * counts.min()
    both = crossed_levels(s, ["city", "age"], 2)
    assert len(both.names) == 6
    assert np.bincount(both.code).sum() == s.n
    with pytest.raises(ColumnNotFound, match="Did you mean 'city'"):
        levels_of(s, "cty")
    with pytest.raises(InputError):
        levels_of(s, "age", 1)


def test_cuts_of_ties_and_names_that_stay_apart() -> None:
    x = np.array([0.0] * 90 + [1.0] * 5 + [2.0] * 5)
    assert quantile_cuts(x, 4).tolist() == [0.0]
    assert bin_names("v", np.array([1.00001, 1.00002])) == (
        "v up to 1.00001",
        "v 1.00001 to 1.00002",
        "v above 1.00002",
    )
    assert quantile_cuts(np.ones(5), 4).tolist() == []


def test_wrong_masks_are_refused() -> None:
    model = QUICK.fit(study(300))
    for by in ({"short": np.ones(3, dtype=bool)}, {"far": np.array([900])}, np.zeros(4), {}, []):
        with pytest.raises(InputError):
            segment_effects(model, by)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="small is"):
        segment_effects(model, "city", small="drop")  # type: ignore[arg-type]
