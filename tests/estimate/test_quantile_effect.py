"""Quantile effects: brute force in trials, confounding put right, atoms and thin tails, refusals."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dorec import Study
from dorec.domain.errors import ArmTooSmall, ConfigError, NoInterval, NotFinite, OneArm
from dorec.estimate.quantile_effect import QuantileEffect, weighted_density

FAST = {"n_folds": 2, "outcome_model": LogisticRegression(), "propensity_model": LogisticRegression()}


def study_of(n: int = 1_000, seed: int = 0, **roles: Any) -> Study:
    """Quantiles move by the normal's quantile: the treatment doubles the noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    t = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(int)
    y = 2.0 * x + t + (1 + t) * rng.normal(size=n)
    return Study.from_table({"x": x, "t": t, "y": y}, outcome="y", treatment="t", covariates=["x"], **roles)


def truth(level: float) -> float:
    from scipy.special import ndtri

    return float(1.0 + (np.sqrt(8.0) - np.sqrt(5.0)) * ndtri(level))


def test_confounding_is_put_right_and_the_intervals_are_joint() -> None:
    study = study_of(2_000)
    effect = QuantileEffect(quantiles=(0.2, 0.5, 0.8), **FAST).fit(study).ate()
    true = np.array([truth(q) for q in (0.2, 0.5, 0.8)])
    assert (np.abs(effect.value - true) < 3.5 * effect.std_error).all()
    naive = np.median(study.outcome[study.treatment == 1]) - np.median(study.outcome[study.treatment == 0])
    assert abs(naive - true[1]) > 5 * abs(effect.value[1] - true[1])
    one, both = effect.interval(), effect.interval(joint=True)
    assert (both.lower < one.lower).all()


def test_a_trial_without_covariates_has_the_arms_own_quantiles() -> None:
    rng = np.random.default_rng(0)
    t, y = np.arange(501) % 2, rng.exponential(size=501)
    study = Study.from_table({"t": t, "y": y}, outcome="y", treatment="t")
    model = QuantileEffect(quantiles=(0.25, 0.5), n_folds=2).fit(study)
    expected = [np.quantile(y[t == a], q, method="inverted_cdf") for a in (0, 1) for q in (0.25, 0.5)]
    assert model.arm_quantiles().value == pytest.approx(expected, abs=0.02)
    se = np.sqrt(0.25 / 250) / 0.5  # density of the exponential at its median
    assert model.arm_quantiles()["0.5 quantile if 0"].std_error == pytest.approx(se, rel=0.2)


def test_several_arms_and_one_level() -> None:
    rng = np.random.default_rng(0)
    arm = rng.integers(0, 3, 900)
    study = Study.from_table({"a": arm, "y": arm + rng.normal(size=900)}, outcome="y", treatment="a")
    effect = QuantileEffect(quantiles=(0.5,), n_folds=2).fit(study).ate()
    assert effect.name == ("1 - 0 at 0.5", "2 - 0 at 0.5")
    assert effect.value == pytest.approx([1.0, 2.0], abs=0.4)


def test_what_must_not_matter() -> None:
    study = study_of(400)
    learner = QuantileEffect(quantiles=(0.3, 0.6), **FAST)
    effect = learner.fit(study).ate()
    moved = learner.fit(study.take(np.random.default_rng(0).permutation(study.n))).ate()
    assert moved.value == pytest.approx(effect.value, abs=1e-9)
    scaled = learner.fit(study.with_columns(outcome=10 * study.outcome - 3)).ate()
    assert scaled.value == pytest.approx(10 * effect.value)
    assert scaled.std_error == pytest.approx(10 * effect.std_error)
    swapped = learner.fit(study.with_columns(treatment=1 - study.treatment, arms=study.arms[::-1])).ate()
    assert swapped.value == pytest.approx(-effect.value, abs=1e-7)


def test_no_density_and_thin_tails_have_no_interval() -> None:
    study = study_of(600)
    bought = study.with_columns(outcome=np.where(study.outcome > 1, study.outcome, 0.0))
    with pytest.raises(NoInterval, match="no density"):
        QuantileEffect(quantiles=(0.3,), **FAST).fit(bought).ate().interval()
    with pytest.raises(NoInterval, match="outermost"):
        QuantileEffect(quantiles=(0.99,), **FAST).fit(study).ate().interval()
    assert QuantileEffect(quantiles=(0.5,), **FAST).fit(study).ate().std_error > 0


def test_weights_that_are_copies_move_the_values_alike() -> None:
    study = study_of(300)
    study = study.with_columns(treatment=np.arange(300) % 2, propensity=np.full((300, 2), 0.5))
    weight = np.where(np.arange(300) % 3 == 0, 2.0, 1.0)
    copies = study.take(np.repeat(np.arange(300), weight.astype(int)))
    learner = QuantileEffect(quantiles=(0.5,), **FAST)
    one, two = learner.fit(study.with_columns(weight=weight)).ate(), learner.fit(copies).ate()
    assert one.value == pytest.approx(two.value, abs=0.2 * one.std_error)


def test_density() -> None:
    x = np.random.default_rng(0).normal(size=5_000)
    weight = np.exp(0.5 * x - 0.125)  # of a normal around .5
    assert weighted_density(x, weight, 0.5) == pytest.approx(0.399, rel=0.1)


def test_refusals() -> None:
    study = study_of(200)
    with pytest.raises(ConfigError, match="quantiles"):
        QuantileEffect(quantiles=(0.5, 1.0))
    with pytest.raises(ConfigError, match="quantiles"):
        QuantileEffect(quantiles=())
    with pytest.raises(NotFinite):
        QuantileEffect().fit(study.with_columns(outcome=np.where(np.arange(200) == 1, np.nan, study.outcome)))
    with pytest.raises(OneArm):
        QuantileEffect().fit(study.with_columns(treatment=np.zeros(200, dtype=np.int64)))
    with pytest.raises(ArmTooSmall):
        QuantileEffect().fit(study.take(np.flatnonzero((study.treatment == 0) | (np.arange(200) < 20))))
