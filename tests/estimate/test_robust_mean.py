"""Robust means and their differences: pairing, order, refusals, and when there is no interval."""

from typing import Any

import numpy as np
import pytest

from dorec import Study
from dorec.domain.errors import (
    ArmTooSmall,
    BadPropensity,
    ConfigError,
    InputError,
    NoInterval,
    NotFinite,
    TooFewUnits,
)
from dorec.estimate import AIPW
from dorec.estimate.robust_mean import METHODS, RobustDifference, deal, robust_mean


def study_of(n: int = 600, seed: int = 0, effect: float = 0.5, **roles: Any) -> Study:
    rng = np.random.default_rng(seed)
    t = rng.integers(0, 2, n)
    table = {"x": rng.normal(size=n), "t": t, "y": rng.standard_t(2.2, n) + effect * t}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x"], **roles)


@pytest.mark.parametrize("method", METHODS)
def test_difference_of_arms(method: Any) -> None:
    model = RobustDifference(method=method).fit(study_of(3_000))
    effect = model.ate()
    assert abs(effect.value - 0.5) < 3 * effect.std_error < 0.6
    means = model.arm_means()
    assert effect.value == pytest.approx(means.value[1] - means.value[0])
    lower, upper = effect.interval()
    assert lower < 0.5 < upper


@pytest.mark.parametrize("method", METHODS)
def test_row_order_scale_and_swap_do_not_matter(method: Any) -> None:
    s, learner = study_of(), RobustDifference(method=method)
    effect = learner.fit(s).ate()
    moved = learner.fit(s.take(np.random.default_rng(0).permutation(s.n))).ate()
    assert (moved.value, moved.std_error) == pytest.approx((effect.value, effect.std_error), abs=1e-9)
    scaled = learner.fit(s.with_columns(outcome=-3 * s.outcome + 1)).ate()
    assert scaled.std_error == pytest.approx(3 * effect.std_error, rel=1e-6 if method != "median_of_means" else 0.6)
    swapped = learner.fit(s.with_columns(treatment=1 - s.treatment, arms=s.arms[::-1])).ate()
    if method != "median_of_means":
        assert swapped.value == pytest.approx(-effect.value, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_values_keep_their_order_of_rows_and_columns(method: Any) -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_t(3, (200, 2))
    found = robust_mean(values, method=method, name=("a", "b"))
    order = rng.permutation(200)
    assert robust_mean(values[order], method=method).value == pytest.approx(found.value, abs=1e-9)
    assert found.name == ("a", "b")
    if method != "median_of_means":
        assert robust_mean(values[:, 1], method=method).value == pytest.approx(found.value[1])


def test_over_the_scores_of_aipw() -> None:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    s = study_of(800)
    model = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression()).fit(s)
    robust = robust_mean(model.scores[:, 1] - model.scores[:, 0], sample=s.sample)
    assert (robust - model.ate()).std_error < model.ate().std_error  # paired: the same units
    assert abs(robust.value - 0.5) < 4 * robust.std_error


def test_lopsided_values_have_a_mean_but_no_interval() -> None:
    spent = np.random.default_rng(0).pareto(2.1, 800)
    with pytest.raises(NoInterval, match="long tail"):
        robust_mean(spent).interval()
    capped = robust_mean(spent, method="winsorized")
    assert capped.interval().upper < spent.mean() * 1.3
    assert "capped" in capped.estimand
    assert not robust_mean(np.random.default_rng(0).normal(size=800)).no_interval


def test_blocks_are_even_and_follow_the_units() -> None:
    keys = np.random.default_rng(0).integers(0, 2**60, 103).astype(np.uint64)
    arm = np.arange(103) % 2
    block = deal(keys, arm, 20, 0)
    assert set(np.bincount(block).tolist()) <= {2, 3}
    assert not set(block[arm == 0]) & set(block[arm == 1])
    lean = deal(keys, (np.arange(103) < 20).astype(int), 5, 0)
    assert set(np.bincount(lean).tolist()) <= {4, 5}  # of one size, whatever the arm
    order = np.random.default_rng(1).permutation(103)
    assert (deal(keys[order], arm[order], 20, 0) == block[order]).all()
    assert (deal(keys, arm, 20, 1) != block).any()


def test_clusters_widen() -> None:
    s = study_of(400)
    twice = s.take(np.tile(np.arange(400), 3)).with_columns(cluster=np.tile(np.arange(400), 3))
    once, thrice = (RobustDifference(method="winsorized").fit(one).ate() for one in (s, twice))
    assert thrice.std_error == pytest.approx(once.std_error, rel=0.1)


def test_refusals() -> None:
    s = study_of()
    with pytest.raises(ConfigError, match="method"):
        robust_mean(np.ones(50), method="huber")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="share"):
        RobustDifference(share=0.5)
    with pytest.raises(NotFinite, match="row 3"):
        robust_mean(np.where(np.arange(50) == 3, np.nan, 1.0))
    with pytest.raises(TooFewUnits):
        robust_mean(np.arange(39.0))
    with pytest.raises(ArmTooSmall):
        RobustDifference().fit(s.take(np.flatnonzero((s.treatment == 1) | (np.arange(s.n) < 40))))
    lean = s.with_columns(
        treatment=(s.covariates[:, 0] + np.random.default_rng(0).normal(size=s.n) > 0).astype(np.int64)
    )
    with pytest.raises(BadPropensity):
        RobustDifference().fit(lean)
    e = 1 / (1 + np.exp(-0.1 * s.covariates[:, 0]))
    with pytest.raises(InputError, match="differ between units"):
        RobustDifference().fit(s.with_columns(propensity=np.stack([1 - e, e], axis=1)))
    with pytest.raises(InputError, match="blocks"):
        robust_mean(np.arange(50.0), method="median_of_means", cluster=np.arange(50) % 5)
