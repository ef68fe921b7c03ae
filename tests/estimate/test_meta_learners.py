"""Meta-learners against what they are defined to be, and against each other on worlds that favour one."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from dorec import RunContext, Study
from dorec.domain.errors import InputError, NoInterval
from dorec.estimate import AIPW, DRLearner, RLearner, SLearner, TLearner, XLearner

CHEAP = AIPW(n_folds=4, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
ONE = RunContext(threads=1)
LINEAR = (
    SLearner(outcome_model=LinearRegression(), average=CHEAP),
    TLearner(outcome_model=LinearRegression(), average=CHEAP),
    XLearner(effect_model=LinearRegression(), average=CHEAP),
    RLearner(effect_model=LinearRegression(), average=CHEAP),
    DRLearner(effect_model=LinearRegression(), average=CHEAP),
)
BENDING = LINEAR[1:]  # a linear model of covariates and arm has one effect for all


def study(n: int = 2_000, seed: int = 0, treated: float = 0.5, arms: int = 2) -> Study:
    """The effect of arm a is a (1 + x)."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    t = (rng.random(n) < treated).astype(int) if arms == 2 else rng.integers(0, arms, size=n)
    table = {"x": x, "z": z, "t": t, "y": x - z + t * (1 + x) + 0.5 * rng.normal(size=n)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"])


@pytest.mark.parametrize("learner", BENDING, ids=lambda one: type(one).__name__)
def test_linear_effects_are_found_by_linear_models(learner) -> None:
    s = study()
    model = learner.fit(s, context=ONE)
    assert model.effect(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]])) == pytest.approx([1.0, 2.0, 2.0], abs=0.2)
    np.testing.assert_allclose(model.unit_effects, 1 + s.covariates[:, 0], atol=0.5)


def test_a_single_linear_model_has_one_effect() -> None:
    model = LINEAR[0].fit(study(), context=ONE)
    assert np.ptp(model.effect(np.array([[-2.0, 0.0], [2.0, 1.0]]))) < 1e-9


def test_definitions() -> None:
    s = study(400)
    X, y, t = s.covariates, s.outcome, s.treatment
    arms = [LinearRegression().fit(X[t == a], y[t == a]) for a in (0, 1)]
    two = LINEAR[1].fit(s, context=ONE)
    np.testing.assert_allclose(two.effect(X), arms[1].predict(X) - arms[0].predict(X), atol=1e-9)
    single = LinearRegression().fit(np.column_stack([X, t]), y)
    np.testing.assert_allclose(LINEAR[0].fit(s, context=ONE).effect(X), single.coef_[-1], atol=1e-9)

    average = CHEAP.fit(s, context=ONE)
    mu, e = average.nuisances.outcome, average.nuisances.propensity
    contrast = average.pseudo_outcomes[:, 1] - average.pseudo_outcomes[:, 0]
    doubly = LinearRegression().fit(X, contrast).predict(X)
    np.testing.assert_allclose(LINEAR[4].fit(s, context=ONE).effect(X), doubly, atol=1e-9)
    mean = (e * mu).sum(axis=1)
    w = t - e[:, 1]
    residual = LinearRegression().fit(X, (y - mean) / w, sample_weight=w**2).predict(X)
    np.testing.assert_allclose(LINEAR[3].fit(s, context=ONE).effect(X), residual, atol=1e-9)
    treated = LinearRegression().fit(X[t == 1], (y - mu[:, 0])[t == 1]).predict(X)
    control = LinearRegression().fit(X[t == 0], (mu[:, 1] - y)[t == 0]).predict(X)
    share = np.clip(LinearRegression().fit(X, e[:, 1]).predict(X), 0, 1)
    crossed = share * control + (1 - share) * treated
    np.testing.assert_allclose(LINEAR[2].fit(s, context=ONE).effect(X), crossed, atol=1e-9)


@pytest.mark.parametrize("learner", LINEAR, ids=lambda one: type(one).__name__)
def test_average_order_of_rows_and_columns_and_refusals(learner) -> None:
    s = study(400)
    model, points = learner.fit(s, context=ONE), np.array([[0.5, 0.5], [1.0, -1.0]])
    plain = CHEAP.fit(s, context=ONE).ate()
    assert (model.ate().value, model.ate().std_error) == (plain.value, plain.std_error)
    rows = np.random.default_rng(1).permutation(s.n)
    other = learner.fit(s.take(rows), context=ONE)
    np.testing.assert_allclose(other.unit_effects, model.unit_effects[rows], atol=1e-12)
    turned = s.with_columns(covariates=s.covariates[:, ::-1], covariate_names=("z", "x"))
    np.testing.assert_allclose(learner.fit(turned, context=ONE).effect(points[:, ::-1]), model.effect(points))
    with pytest.raises(NoInterval, match=model.method):
        model.interval(points)
    with pytest.raises(InputError, match="columns x, z"):
        model.effect(np.zeros((1, 3)))


@pytest.mark.parametrize("learner", LINEAR[:2], ids=lambda one: type(one).__name__)
def test_effects_do_not_see_the_outcomes_of_their_own_fold(learner) -> None:
    s = study(200).with_columns(unit=np.arange(200))
    base = learner.fit(s, context=ONE)
    mine = base.average.nuisances.folds == base.average.nuisances.folds[0]
    spoilt = s.outcome.copy()
    spoilt[0] += 30.0
    moved = learner.fit(s.with_columns(outcome=spoilt), context=ONE)
    np.testing.assert_allclose(moved.unit_effects[mine], base.unit_effects[mine], atol=1e-9)
    assert np.abs(moved.unit_effects - base.unit_effects)[~mine].min() > 1e-3


@pytest.mark.parametrize("learner", BENDING, ids=lambda one: type(one).__name__)
def test_several_arms(learner) -> None:
    model = learner.fit(study(3_000, arms=3), context=ONE)
    found = model.effect(np.array([[0.0, 0.0], [1.0, 0.0]]))
    np.testing.assert_allclose(found, [[1.0, 2.0], [2.0, 4.0]], atol=0.3)
    assert model.unit_effects.shape == (3_000, 2)


def pehe(learner, s: Study, effect: np.ndarray) -> float:
    return float(np.sqrt(np.mean((learner.fit(s, context=ONE).unit_effects - effect) ** 2)))


def test_few_treated_units_and_a_hard_outcome_favour_x_over_t() -> None:
    rng = np.random.default_rng(0)
    n = 2_000
    x = rng.normal(size=(n, 3))
    t = (rng.random(n) < 0.08).astype(int)
    y = 2 * x[:, 0] ** 2 + x[:, 0] * x[:, 1] + t * (1 + x[:, 2]) + rng.normal(size=n)
    table = dict(zip("abc", x.T, strict=True)) | {"t": t, "y": y}
    s = Study.from_table(table, outcome="y", treatment="t", covariates=["a", "b", "c"])
    curved = make_pipeline(PolynomialFeatures(4), LinearRegression())
    average = AIPW(n_folds=4, outcome_model=curved, propensity_model=LogisticRegression())
    effect = 1 + x[:, 2]
    crossed = pehe(XLearner(effect_model=LinearRegression(), average=average), s, effect)
    assert crossed < 0.7 * pehe(TLearner(outcome_model=curved, average=average), s, effect)


def test_wrong_outcome_models_favour_r_and_dr_over_t() -> None:
    rng = np.random.default_rng(1)
    n = 4_000
    x = rng.normal(size=n)
    t = (rng.random(n) < 1 / (1 + np.exp(-1.5 * x))).astype(int)
    table = {"x": x, "t": t, "y": x**2 + t + rng.normal(size=n)}
    s = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
    straight = pehe(TLearner(outcome_model=LinearRegression(), average=CHEAP), s, np.ones(n))
    for learner in (RLearner, DRLearner):
        assert pehe(learner(effect_model=LinearRegression(), average=CHEAP), s, np.ones(n)) < 0.6 * straight


def test_outcomes_of_two_values_have_effects_between_minus_one_and_one() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=1_500), rng.integers(0, 2, size=1_500)
    y = (rng.random(1_500) < 0.3 + 0.4 * t * (x > 0)).astype(float)
    s = Study.from_table({"x": x, "t": t, "y": y}, outcome="y", treatment="t", covariates=["x"])
    model = SLearner(average=AIPW(n_folds=2)).fit(s, context=ONE)
    assert np.abs(model.effect(np.array([[-3.0], [3.0]]))).max() <= 1.0
    assert model.effect(np.array([[-1.0], [1.0]])) == pytest.approx([0.0, 0.4], abs=0.15)
