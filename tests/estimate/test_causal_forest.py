"""CausalForest: what it finds, what must not matter, what it refuses."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.errors import ConfigError, InputError, NoInterval, Refusal
from dorec.estimate import AIPW, CausalForest
from dorec.refute import check_causal_estimator

CHEAP = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
ONE = RunContext(threads=1)


def study(n: int = 1_500, seed: int = 0, **roles: object) -> Study:
    """Confounded by z; the effect is 2 where x is above 0, else 0."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    t = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    table = {"x": x, "z": z, "t": t, "y": z + 2.0 * t * (x > 0) + rng.normal(size=n), "mass": rng.uniform(1, 2, n)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"], **roles)


def fit(s: Study, trees: int = 200, seed: int = 0) -> object:
    return CausalForest(n_trees=trees, average=CHEAP).fit(s, context=RunContext(seed=seed, threads=1))


POINTS = np.array([[-1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])


def test_effects_and_what_they_depend_on_are_found() -> None:
    model = fit(study(4_000))
    assert model.effect(POINTS) == pytest.approx([0.0, 2.0, 2.0], abs=0.4)
    lower, upper = model.interval(POINTS)
    assert (np.abs((lower + upper) / 2 - [0.0, 2.0, 2.0]) < upper - lower).all()
    assert (upper - lower < 1.2).all()
    assert next(iter(model.importance)) == "x"
    assert sum(model.importance.values()) == pytest.approx(1.0)
    assert np.corrcoef(model.unit_effects, model.study.covariates[:, 0] > 0)[0, 1] > 0.9


def test_the_average_is_that_of_the_orthogonal_score() -> None:
    s = study()
    ate, plain = fit(s).ate(), CHEAP.fit(s, context=ONE).ate()
    assert ate.value == plain.value
    assert ate.std_error == plain.std_error
    assert ate.method == "CausalForest, AIPW score"


def test_orders_and_threads_do_not_matter_and_the_seed_does() -> None:
    s = study(600)
    base = fit(s)
    rows = np.random.default_rng(1).permutation(s.n)
    shuffled = fit(s.take(rows))
    np.testing.assert_array_equal(shuffled.effect(POINTS), base.effect(POINTS))
    np.testing.assert_array_equal(shuffled.unit_effects, base.unit_effects[rows])
    turned = fit(s.with_columns(covariates=s.covariates[:, ::-1], covariate_names=("z", "x")))
    np.testing.assert_array_equal(turned.effect(POINTS[:, ::-1]), base.effect(POINTS))
    threaded = CausalForest(n_trees=200, average=CHEAP).fit(s, context=RunContext(threads=2))
    np.testing.assert_array_equal(threaded.effect(POINTS), base.effect(POINTS))
    assert (fit(s, seed=1).effect(POINTS) != base.effect(POINTS)).all()


def test_shifts_scales_and_swapped_arms() -> None:
    s = study(600)
    base = fit(s).effect(POINTS)
    moved = fit(s.with_columns(outcome=8.0 * s.outcome + 3.0)).effect(POINTS)
    np.testing.assert_allclose(moved, 8.0 * base, rtol=1e-5, atol=1e-6)
    swapped = fit(s.with_columns(treatment=1 - s.treatment, arms=s.arms[::-1])).effect(POINTS)
    np.testing.assert_allclose(swapped, -base, rtol=1e-4, atol=1e-5)


def test_several_arms_are_compared_with_the_first() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=4_000), rng.integers(0, 3, size=4_000)
    y = x + (t == 1) * 1.0 + (t == 2) * 2.0 * (x > 0) + 0.5 * rng.normal(size=4_000)
    s = Study.from_table({"x": x, "t": t, "y": y}, outcome="y", treatment="t", covariates=["x"])
    model = fit(s)
    expected = np.array([[1.0, 0.0], [1.0, 2.0]])
    np.testing.assert_allclose(model.effect(np.array([[-1.0], [1.0]])), expected, atol=0.3)
    assert model.unit_effects.shape == (4_000, 2)
    assert np.isfinite(model.unit_effects).all()
    assert model.interval(np.zeros((5, 1))).lower.shape == (5, 2)
    assert model.ate().value.shape == (2,)


def test_clusters_are_drawn_whole_and_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(300), 8)
    x = rng.integers(0, 2, size=2_400).astype(float)
    t = rng.integers(0, 2, size=300)[user]
    y = t + rng.normal(size=300)[user] + 0.2 * rng.normal(size=2_400)
    table = {"x": x, "t": t, "y": y, "user": user}
    roles = {"outcome": "y", "treatment": "t", "covariates": ["x"]}
    alone, together = Study.from_table(table, **roles), Study.from_table(table, cluster="user", **roles)
    widths = [np.diff(fit(s).interval(np.zeros((1, 1))), axis=0).item() for s in (alone, together)]
    assert widths[1] > 1.4 * widths[0]


def test_weights_count() -> None:
    rng = np.random.default_rng(0)
    x, t, kind = rng.normal(size=3_000), rng.integers(0, 2, 3_000), rng.integers(0, 2, 3_000)
    table = {"x": x, "t": t, "y": t * kind + 0.1 * rng.normal(size=3_000), "mass": np.where(kind, 3.0, 1.0)}
    s = Study.from_table(table, outcome="y", treatment="t", covariates=["x"], weight="mass")
    assert fit(s).effect(np.zeros((1, 1)))[0] == pytest.approx(0.75, abs=0.1)


def test_the_effect_of_one_more_of_a_dose() -> None:
    rng = np.random.default_rng(0)
    x, z, noise = rng.normal(size=(3, 3_000))
    dose = 10.0 * (z + rng.normal(size=3_000))
    table = {"x": x, "z": z, "dose": dose, "y": 3.0 * z + 0.1 * dose * (1.0 + np.tanh(x)) + noise}
    s = Study.from_table(table, outcome="y", treatment="dose", covariates=["x", "z"], continuous=True)
    model = CausalForest(n_trees=200, average=CHEAP, dose_model=LinearRegression()).fit(s, context=ONE)
    points = np.array([[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    np.testing.assert_allclose(model.effect(points), 0.1 * (1.0 + np.tanh(points[:, 0])), atol=0.03)
    lower, upper = model.interval(points)
    assert (lower < model.effect(points)).all()
    assert (upper - lower < 0.1).all()
    assert model.arms == ()
    assert model.unit_effects.shape == (3_000,)
    assert model.ate().name == "one more of dose"
    assert model.ate().value == pytest.approx(0.1, abs=0.02)
    assert next(iter(model.importance)) == "x"
    tenth = CausalForest(n_trees=200, average=CHEAP, dose_model=LinearRegression()).fit(
        s.with_columns(dose=dose / 8.0), context=ONE
    )
    np.testing.assert_allclose(tenth.effect(points), 8.0 * model.effect(points), rtol=1e-4)
    with pytest.raises(InputError, match="'dose' is an amount"):
        model.segment([0, 1])
    with pytest.raises(InputError, match="has no arms"):
        model.arm_means()


def test_the_smooth_part_takes_the_bias_off_a_line() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1_500, 16))
    t = rng.integers(0, 2, size=1_500)
    table = {f"x{j:02}": x[:, j] for j in range(16)} | {"t": t, "y": t * x[:, 0] + rng.normal(size=1_500)}
    s = Study.from_table(table, outcome="y", treatment="t", covariates=[f"x{j:02}" for j in range(16)])
    points = np.zeros((9, 16))
    points[:, 0] = np.linspace(-2.0, 2.0, 9)
    flat, steep = (
        np.polyfit(points[:, 0], CausalForest(smooth=smooth, average=CHEAP).fit(s, context=ONE).effect(points), 1)[0]
        for smooth in (False, True)
    )
    assert abs(steep - 1.0) < 0.12
    assert abs(steep - 1.0) < 0.5 * abs(flat - 1.0)  # leaves average over the ends


def test_refusals() -> None:
    s = study(600)
    with pytest.raises(NoInterval, match="bags"):
        fit(s, trees=40).interval(POINTS)
    with pytest.raises(InputError, match="columns x, z"):
        fit(s, trees=40).effect(np.zeros((3, 5)))
    with pytest.raises(InputError, match="'z' is missing or infinite in row 0"):
        fit(s, trees=40).effect(np.array([[0.0, np.nan]]))
    with pytest.raises(InputError, match="no covariates"):
        fit(s.with_columns(covariates=np.empty((s.n, 0)), covariate_names=()))
    with pytest.raises(Refusal):
        fit(s.with_columns(treatment=np.zeros(s.n, dtype=np.int64)))
    for bad in (
        {"n_trees": 10},
        {"n_trees": 201},
        {"sample_fraction": 0.7},
        {"balance": 0.5},
        {"min_leaf": 0},
        {"mtry": 0},
    ):
        with pytest.raises(ConfigError):
            CausalForest(**bad)


def test_passes_the_check_of_estimators() -> None:
    learner = CausalForest(n_trees=20, average=CHEAP)
    found = check_causal_estimator(learner, n=400, repetitions=20, worlds=["linear"], context=ONE)
    assert [v.check for v in found if v.status == "failed"] == []


@pytest.mark.parametrize(("name", "kept"), [("line", True), ("jump", False)])
def test_the_smooth_part_is_left_out_where_it_does_harm(name: str, kept: bool) -> None:
    rng = np.random.default_rng(0)
    x, z, noise = rng.normal(size=(3, 8_000))
    t = rng.integers(0, 2, size=8_000)
    y = 4.0 * t * (x if name == "line" else (x > 0.3)) + 0.3 * noise
    s = Study.from_table({"x": x, "z": z, "t": t, "y": y}, outcome="y", treatment="t", covariates=["x", "z"])
    part = fit(s).forests[0]
    assert (part.smooth is not None) == kept
    assert (part.design is not None) == kept
