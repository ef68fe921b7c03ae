"""TMLE solves the equations it is defined by, stays in the outcome's range, and its interval holds."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import InputError
from dorec.domain.protocols import EffectModel
from dorec.estimate import AIPW, TMLE
from dorec.estimate.tmle import targeted
from dorec.refute import check_causal_estimator

MODELS = {"n_folds": 2, "outcome_model": LinearRegression(), "propensity_model": LogisticRegression()}


def study(n: int = 600, k: int = 2, seed: int = 0, binary: bool = False) -> Study:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    score = np.stack([np.zeros(n), *(0.5 * a - 0.3 * j for j in range(1, k))], axis=1) + rng.gumbel(size=(n, k))
    t = score.argmax(axis=1)
    y = 1.0 * t + a + 0.5 * b + rng.normal(size=n)
    y = (rng.random(n) < expit(y - 4)).astype(float) if binary else y
    return Study.from_table({"a": a, "b": b, "t": t, "y": y}, outcome="y", treatment="t", covariates=["a", "b"])


@pytest.mark.parametrize("k", [2, 3])
def test_balanced_residuals_of_the_targeted_predictions_are_zero(k: int) -> None:
    rng = np.random.default_rng(k)
    y, mu = rng.gamma(1.0, size=200), rng.gamma(1.0, size=(200, k))
    balance = np.eye(k)[rng.integers(0, k, 200)] * rng.uniform(1, 20, (200, 1))
    found = targeted(y, mu, balance)
    assert np.abs((balance * (y[:, None] - found)).sum(axis=0)).max() < 1e-8
    assert y.min() <= found.min() <= found.max() <= y.max()
    assert targeted(np.ones(5), np.ones((5, 2)), np.ones((5, 2))).tolist() == [[1.0, 1.0]] * 5


def test_the_effect_is_that_of_the_predictions_and_near_aipw() -> None:
    s = study()
    model = TMLE(**MODELS).fit(s)
    assert isinstance(model, EffectModel)
    assert model.scores.mean(axis=0) == pytest.approx(model.means.value)
    beside = AIPW(**MODELS).fit(s).ate()
    assert model.ate().value == pytest.approx(beside.value, abs=0.3 * beside.std_error)
    assert model.ate().std_error == pytest.approx(beside.std_error, rel=0.05)
    assert model.effect(np.zeros((3, 2))).shape == (3,)


def test_rare_outcomes_keep_arm_means_between_0_and_1() -> None:
    means = TMLE(**MODELS).fit(study(binary=True)).arm_means()
    assert 0 < means.value.min() < means.value.max() < 1


def test_the_treated_had_what_they_had() -> None:
    s = study()
    means = TMLE(population="treated", **MODELS).fit(s).arm_means()
    assert means.value[1] == pytest.approx(s.outcome[s.treatment == 1].mean())


@pytest.mark.parametrize("population", ["all", "treated", "control"])
def test_interval_holds_in_the_linear_world(population: str) -> None:
    learner = TMLE(population=population, **MODELS)
    found = check_causal_estimator(learner, n=600, repetitions=30, population=population, worlds=["linear"])
    asked = [v for v in found if population == "all" or "reference" not in v.check]  # which changes who is treated
    assert [str(v) for v in asked if not v] == []


def test_bad_settings_are_refused() -> None:
    for wrong in ({"n_folds": 1}, {"population": "overlap"}, {"min_propensity": 0.6}):
        with pytest.raises(InputError):
            TMLE(**wrong)
