"""DoubleML beside the package of that name, doses, and what is refused."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.errors import ConfigError, InputError, LeakedOutcome, NoInterval, NoOverlap, TooFewUnits
from dorec.domain.protocols import EffectModel
from dorec.estimate import AIPW, AIPWModel, DoubleML
from dorec.estimate.cross_fitting import units_of
from dorec.estimate.double_ml import partially_linear
from dorec.refute import check_causal_estimator

DOSE = {"n_folds": 3, "outcome_model": LinearRegression(), "treatment_model": LinearRegression()}
ARMS = {"n_folds": 2, "outcome_model": LinearRegression(), "treatment_model": LogisticRegression()}


def doses(n: int = 500, seed: int = 0, noise: float = 1.0, effect: float = 0.7) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    d = 2 * a - b + noise * rng.normal(size=n)
    return {"a": a, "b": b, "d": d, "y": effect * d + a + b + (1 + np.abs(a)) * rng.normal(size=n)}


def study(table: dict[str, np.ndarray], **roles: object) -> Study:
    return Study.from_table(
        table, **({"outcome": "y", "treatment": "d", "covariates": ["a", "b"], "continuous": True} | roles)
    )


def test_a_dose_beside_the_package_with_its_folds_and_learners() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        doubleml = pytest.importorskip("doubleml")
        table = doses()
        model = DoubleML(**DOSE).fit(study(table))
        data = doubleml.DoubleMLData.from_arrays(np.column_stack([table["a"], table["b"]]), table["y"], table["d"])
        beside = doubleml.DoubleMLPLR(data, LinearRegression(), LinearRegression(), n_folds=3)
        splits = [(np.flatnonzero(model.folds != f), np.flatnonzero(model.folds == f)) for f in range(3)]
        beside.set_sample_splitting([splits])
        beside.fit()
    assert model.ate().value == pytest.approx(beside.coef[0], abs=1e-9)
    assert model.ate().std_error == pytest.approx(beside.se[0], rel=2e-3)  # n against n - 1


def test_two_arms_beside_the_package() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        doubleml = pytest.importorskip("doubleml")
        table = doses()
        table["d"] = (table["d"] > np.random.default_rng(1).normal(0, 2, 500)).astype(int)
        model = DoubleML(**ARMS).fit(study(table, continuous=False))
        x = np.column_stack([table["a"], table["b"]])
        data = doubleml.DoubleMLData.from_arrays(x, table["y"], table["d"])
        beside = doubleml.DoubleMLPLR(data, LinearRegression(), LogisticRegression(), n_folds=2)
        beside.set_sample_splitting(
            [[(np.flatnonzero(model.folds != f), np.flatnonzero(model.folds == f)) for f in range(2)]]
        )
        beside.fit()
    assert model.ate().value == pytest.approx(beside.coef[0], abs=1e-6)
    assert model.ate().name == "1 - 0"


def test_interval_of_a_dose_covers_with_unequal_variances() -> None:
    covered = 0
    for seed in range(150):
        lower, upper = DoubleML(**DOSE).fit(study(doses(200, seed))).ate().interval()
        covered += lower <= 0.7 <= upper
    assert 0.9 <= covered / 150 <= 0.99


def test_what_must_not_matter_for_a_dose() -> None:
    table = doses(300)
    base = DoubleML(n_folds=2).fit(study(table)).ate()
    order = np.random.default_rng(0).permutation(300)
    turned = DoubleML(n_folds=2).fit(study({k: v[order] for k, v in table.items()}, covariates=["b", "a"])).ate()
    scaled = DoubleML(n_folds=2).fit(study(table | {"y": 8 * table["y"] + 3, "d": table["d"] / 4 + 1})).ate()
    assert turned.value == pytest.approx(base.value, rel=1e-9)
    assert scaled.value == pytest.approx(32 * base.value, rel=1e-9)
    assert scaled.std_error == pytest.approx(32 * base.std_error, rel=1e-9)


def test_arms_pass_the_check_for_the_overlap_population() -> None:
    learner = DoubleML(**ARMS)
    found = check_causal_estimator(learner, n=300, repetitions=20, population="overlap", worlds=["linear"])
    assert [str(v) for v in found if not v] == []


def test_dose_response_is_a_line_with_a_band() -> None:
    table = doses(2_000)
    model = DoubleML(**DOSE).fit(study(table))
    assert isinstance(model, EffectModel)
    line = model.dose_response([-1.0, 0.0, 1.0])
    assert np.diff(line.value) == pytest.approx(model.ate().value)
    assert (line[2] - line[1]).std_error == pytest.approx(model.ate().std_error)
    narrow, wide = line.interval(), line.interval(joint=True)
    assert (wide.lower < narrow.lower).all()
    assert np.abs(line.value - 0.7 * np.array([-1.0, 0.0, 1.0])).max() < 4 * line.std_error.max()
    with pytest.raises(InputError, match="has no arms"):
        model.arm_means()


def test_arm_means_and_several_arms() -> None:
    rng = np.random.default_rng(0)
    a, t = rng.normal(size=1_500), rng.integers(0, 3, 1_500)
    s = study({"a": a, "b": a**2, "d": t, "y": 2.0 * t + a + rng.normal(size=1_500)}, continuous=False)
    model = DoubleML(**ARMS).fit(s)
    assert model.ate().value == pytest.approx([2.0, 4.0], abs=0.25)
    assert model.arm_means().value == pytest.approx([0.0, 2.0, 4.0], abs=0.25)
    assert model.scores.mean(axis=0) == pytest.approx(model.arm_means().value)
    assert model.effect(np.zeros((4, 2))).shape == (4, 2)
    with pytest.raises(InputError, match="has arms"):
        model.dose_response([1.0])
    with pytest.raises(NoInterval):
        model.interval(np.zeros((4, 2)))


def test_interactive_is_aipw() -> None:
    table = doses()
    s = study(table | {"d": np.random.default_rng(2).integers(0, 2, 500)}, continuous=False)
    model = DoubleML(model="interactive", **ARMS).fit(s)
    beside = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression()).fit(s)
    assert isinstance(model, AIPWModel)
    assert model.ate().value == beside.ate().value


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_dose_that_follows_from_the_covariates_is_refused(noise: float) -> None:
    with pytest.raises(NoOverlap, match="leave"):
        DoubleML(**DOSE).fit(study(doses(noise=noise)))
    with pytest.raises(NoOverlap):
        DoubleML().fit(study(doses(noise=noise)))


def test_little_that_is_left_of_a_dose_is_told() -> None:
    verdicts = DoubleML(**DOSE).fit(study(doses(2_000, noise=0.4))).verdicts
    assert verdicts[0].code == "poor_overlap"
    assert verdicts[0].statistic == pytest.approx(0.16 / 5.16, rel=0.1)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="interactive"):
        DoubleML(model="linear")
    with pytest.raises(InputError, match="is an amount"):
        DoubleML(model="interactive").fit(study(doses()))
    with pytest.raises(TooFewUnits):
        DoubleML().fit(study(doses(20)))
    table = doses()
    with pytest.raises(LeakedOutcome):
        DoubleML().fit(study(table | {"b": 2 * table["y"]}))


def test_repeats_give_the_median_and_a_wider_interval() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    table = {"x": x, "d": x + rng.normal(size=300), "y": x + rng.normal(size=300)}
    study = Study.from_table(table, outcome="y", treatment="d", covariates=["x"], continuous=True)
    splits = [DoubleML()._one_split(study, units_of(study), repeat, RunContext()) for repeat in range(3)]
    alone = [partially_linear(study.outcome, study.dose[:, None], split, np.ones(300)) for split in splits]
    values = [float(value[0]) for value, _ in alone]
    found = DoubleML(n_repeats=3).fit(study).ate()
    assert found.value == pytest.approx(np.median(values))
    spread = [e.var(ddof=1) / 300 + (v - np.median(values)) ** 2 for v, (_, e) in zip(values, alone, strict=True)]
    assert found.std_error == pytest.approx(np.sqrt(np.median(spread)), rel=0.01)
