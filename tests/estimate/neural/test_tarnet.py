"""What TARNet, CFRNet and DragonNet share is tested once, for each of them."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dorec.domain.errors import ArmTooSmall, ConfigError, InputError, LeakedOutcome, NoInterval, NoOverlap
from dorec.domain.protocols import EffectModel
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate import CFRNet, DragonNet, TARNet

QUICK = {"n_folds": 2, "hidden": (16,), "head": (8,), "learning_rate": 0.02, "epochs": 25, "patience": 8}
LEARNERS = {
    "TARNet": TARNet(**QUICK),
    "CFRNet": CFRNet(**QUICK, distance="mmd_linear", balance=0.1),
    "DragonNet": DragonNet(**QUICK),
}
ONE = RunContext(threads=1)
each = pytest.mark.parametrize("learner", LEARNERS.values(), ids=list(LEARNERS))


def world(n=500, seed=0, arms=2, binary=False):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    lean = np.exp(np.outer(x, np.linspace(0, 0.8, arms)))
    t = (rng.random(n)[:, None] > np.cumsum(lean / lean.sum(axis=1, keepdims=True), axis=1)).sum(axis=1)
    mean = np.sin(2 * x) + t * (1 + 0.5 * x)
    y = (rng.random(n) < 1 / (1 + np.exp(-mean))).astype(float) if binary else mean + 0.3 * rng.normal(size=n)
    return Study.from_table({"x": x, "z": z, "t": t, "y": y}, outcome="y", treatment="t", covariates=["x", "z"])


@each
def test_confounding_is_taken_away_and_effects_follow_the_truth(learner):
    study = world()
    model = learner.fit(study, context=ONE)
    ate = model.ate()
    assert isinstance(model, EffectModel)
    assert abs(ate.value - 1.0) < 3.5 * ate.std_error < 0.35
    assert np.corrcoef(model.unit_effects, study.covariates[:, 0])[0, 1] > 0.5
    assert np.corrcoef(model.effect(study.covariates), study.covariates[:, 0])[0, 1] > 0.5
    assert ate.method.endswith("AIPW score")
    assert model.scores.mean(axis=0) == pytest.approx(model.arm_means().value)
    with pytest.raises(NoInterval, match="no interval"):
        model.interval(study.covariates)


@each
def test_three_arms_and_outcomes_of_two_values(learner):
    study = world(arms=3, binary=True)
    model = learner.fit(study, context=ONE)
    assert model.ate().name == ("1 - 0", "2 - 0")
    assert model.effect(study.covariates[:5]).shape == (5, 2) == model.unit_effects[:5].shape
    assert ((model.unit_outcomes > 0) & (model.unit_outcomes < 1)).all()
    assert (model.ate().value > 0).all()


@each
def test_no_unit_is_predicted_by_a_network_that_has_seen_it(learner):
    """Another outcome of some units leaves what their own fold's network says of them."""
    study = world(n=200)
    quick = type(learner)(n_folds=2, hidden=(4,), head=(4,), epochs=2)
    model = quick.fit(study, context=ONE)
    first = model.fitted.average.nuisances.folds == 0
    spread = study.outcome.copy()
    spread[first] = spread[first][::-1]  # the same mean and spread, so that the scale stays
    other = quick.fit(study.with_columns(outcome=spread, unit=None), context=ONE)
    assert (other.fitted.average.nuisances.folds == model.fitted.average.nuisances.folds).all()
    assert other.unit_effects[first] == pytest.approx(model.unit_effects[first], abs=1e-12)
    assert not np.allclose(other.unit_effects[~first], model.unit_effects[~first])


@each
def test_accidents_leave_no_trace(learner):
    study = world(n=200)
    quick = type(learner)(n_folds=2, hidden=(4,), head=(4,), epochs=4)
    base = quick.fit(study, context=ONE).ate()
    rows = np.random.default_rng(1).permutation(study.n)
    moved = study.with_columns(
        outcome=8 * study.outcome + 40, covariates=study.covariates[:, ::-1], covariate_names=("z", "x")
    )
    again = quick.fit(moved.take(rows), context=ONE).ate()
    assert again.value == pytest.approx(8 * base.value, rel=1e-9)
    assert again.std_error == pytest.approx(8 * base.std_error, rel=1e-9)
    swapped = quick.fit(study.with_columns(treatment=1 - study.treatment, arms=(1, 0)), context=ONE).ate()
    assert swapped.value == pytest.approx(-base.value, rel=1e-9)
    assert quick.fit(study, context=RunContext(seed=1, threads=1)).ate().value != base.value


@each
def test_refused_before_any_training(learner, monkeypatch):
    monkeypatch.setattr(type(learner), "_fit_network", lambda *_: pytest.fail("a network was trained"))
    study = world(n=200)
    leak = study.with_columns(
        covariates=np.column_stack([study.covariates, 3 * study.outcome]), covariate_names=("x", "z", "leak")
    )
    with pytest.raises(LeakedOutcome):
        learner.fit(leak)
    few = np.r_[np.flatnonzero(study.treatment == 0), np.flatnonzero(study.treatment == 1)[:3]]
    with pytest.raises(ArmTooSmall):
        learner.fit(study.take(few))
    ruled = study.with_columns(treatment=(study.covariates[:, 0] > 0).astype(np.int64))
    with pytest.raises(NoOverlap):
        learner.fit(ruled)


def test_the_dragon_s_own_propensities_find_a_lack_of_overlap():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 400))
    t = (x + z + 0.05 * rng.normal(size=400) > 0).astype(int)
    table = {"x": x, "z": z, "t": t, "y": t + rng.normal(size=400)}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"])
    with pytest.raises(NoOverlap):
        LEARNERS["DragonNet"].fit(study, context=ONE)


def test_the_dragon_s_propensities_are_blended_with_the_engine_s():
    study = world()
    true = 1 / (1 + np.exp(-0.8 * study.covariates[:, 0]))
    poor = DragonNet(n_folds=2, hidden=(4,), head=(4,), epochs=1, propensity_model=LogisticRegression())
    propensity = poor.fit(study, context=ONE).fitted.average.nuisances.propensity
    assert propensity.sum(axis=1) == pytest.approx(1.0)
    assert np.mean((propensity[:, 1] - true) ** 2) < 0.1 * true.var()


@each
def test_known_propensities_weights_and_no_covariates(learner):
    rng = np.random.default_rng(0)
    t = np.arange(200) % 2
    table = {"t": t, "y": t + rng.normal(size=200), "w": rng.uniform(0.5, 2, 200), "p": np.full(200, 0.5)}
    study = Study.from_table(table, outcome="y", treatment="t", weight="w", propensity="p")
    quick = type(learner)(n_folds=2, hidden=(4,), head=(4,), epochs=2)
    model = quick.fit(study, context=ONE)
    assert (model.fitted.average.nuisances.propensity == 0.5).all()
    plain = np.average(table["y"][t == 1], weights=table["w"][t == 1]) - np.average(
        table["y"][t == 0], weights=table["w"][t == 0]
    )
    assert model.ate().value == pytest.approx(plain, abs=0.05)
    assert model.effect(np.empty((3, 0))).shape == (3,)


def test_a_constant_outcome_has_no_effect():
    study = world(n=120)
    estimate = LEARNERS["TARNet"].fit(study.with_columns(outcome=np.full(120, 3.0)), context=ONE).ate()
    assert (estimate.value, bool(estimate.no_interval)) == (0.0, True)


def test_covariates_of_another_shape_and_ids_are_refused():
    model = TARNet(n_folds=2, hidden=(4,), head=(4,), epochs=1).fit(world(n=120), context=ONE)
    with pytest.raises(InputError, match="shape"):
        model.effect(np.ones((3, 5)))
    with pytest.raises(InputError, match="no histories"):
        model.effect(np.ones((3, 2)), units=np.arange(3))


@pytest.mark.parametrize(
    ("learner", "wrong"),
    [
        (TARNet, {"n_folds": 1}),
        (TARNet, {"hidden": ()}),
        (TARNet, {"head": (0,)}),
        (TARNet, {"learning_rate": 0.0}),
        (TARNet, {"min_propensity": 0.6}),
        (CFRNet, {"distance": "far"}),
        (CFRNet, {"balance": -1.0}),
        (DragonNet, {"arm_weight": 0.0}),
        (DragonNet, {"targeting": -0.1}),
    ],
)
def test_settings_out_of_bounds_are_refused(learner, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        learner(**wrong)


def test_importing_the_room_leaves_torch_alone_and_without_torch_it_says_what_to_install():
    code = """
import sys
import dorec.estimate as e
assert "torch" not in sys.modules
sys.modules["torch"] = None
import numpy as np
from dorec import Study
t = np.arange(100) % 2
table = {"x": np.sin(t + np.arange(100)), "t": t, "y": np.cos(np.arange(100))}
study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
try:
    e.DragonNet(n_folds=2).fit(study)
except Exception as problem:
    print(repr(problem))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("ConfigError")
    assert "pip install 'dorec[deep]'" in said
