"""Jumps at a threshold: sharp, fuzzy, manipulated, refused."""

from typing import Any

import numpy as np
import pytest

from dorec import Study
from dorec.domain.errors import ColumnNotFound, ConfigError, NoInterval, NoOverlap, TooFewUnits
from dorec.estimate.regression_discontinuity import RegressionDiscontinuity


def study_of(n: int = 1_500, seed: int = 0, taking: tuple[float, float] = (0.0, 1.0), **extra: Any) -> Study:
    """Effect 2 at x = 5; the chance of treatment is `taking` below and above."""
    rng = np.random.default_rng(seed)
    x, u = rng.uniform(0, 10, n), rng.random(n)
    t = (u < np.where(x >= 5, taking[1], taking[0])).astype(int)
    table = {"x": x, "t": t, "y": np.sin(x / 3) + 2.0 * t + 0.3 * rng.normal(size=n), "age": rng.normal(size=n)}
    return Study.from_table(table | extra, outcome="y", treatment="t", covariates=["x", "age"])


DESIGN = RegressionDiscontinuity(running="x", cutoff=5.0)


def test_sharp() -> None:
    model = DESIGN.fit(study_of())
    assert model.sharp
    assert abs(model.ate().value - 2) < 3 * model.ate().std_error < 0.6
    assert {v.check for v in model.verdicts} == {
        "bunching at the threshold",
        "covariates at the threshold",
        "placebo thresholds",
    }


def test_fuzzy_divides_by_the_jump_in_treatment() -> None:
    model = DESIGN.fit(study_of(4_000, taking=(0.1, 0.7)))
    assert not model.sharp
    assert abs(model.treatment_jump[0] - 0.6) < 0.15
    assert abs(model.ate().value - 2) < 3 * model.ate().std_error < 1


def test_treated_below_is_the_same_with_the_sign_kept() -> None:
    study = study_of(taking=(1.0, 0.0))
    assert abs(DESIGN.fit(study).ate().value - 2) < 0.3


def test_nothing_moves_with_the_scale_or_row_order() -> None:
    study = study_of()
    moved = study.take(np.random.default_rng(0).permutation(study.n))
    scaled = study.with_columns(outcome=10 * study.outcome - 7)
    effect = DESIGN.fit(study).ate()
    assert DESIGN.fit(moved).ate().value == pytest.approx(effect.value)
    assert DESIGN.fit(scaled).ate().value == pytest.approx(10 * effect.value)
    assert DESIGN.fit(scaled).ate().std_error == pytest.approx(10 * effect.std_error)


def test_bunching_and_covariates_that_jump_are_found() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, 3_000)
    x = np.where((x > 4.5) & (x < 5) & (rng.random(3_000) < 0.6), x + 0.5, x)
    t = (x >= 5).astype(int)
    table = {"x": x, "t": t, "y": t + rng.normal(size=3_000), "age": t + 0.2 * rng.normal(size=3_000)}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=["x", "age"])
    codes = {v.code for v in DESIGN.fit(study).verdicts}
    assert {"manipulated_running_variable", "covariates_jump"} <= codes


def test_a_hardly_moving_threshold_has_no_wald_interval() -> None:
    for seed in range(30):
        try:
            effect = DESIGN.fit(study_of(800, seed=seed, taking=(0.4, 0.65))).ate()
        except NoOverlap:
            continue
        if effect.no_interval:
            with pytest.raises(NoInterval, match="hardly jumps"):
                effect.interval()
            return
    pytest.fail("no draw was weak")


def test_refusals() -> None:
    study = study_of()
    with pytest.raises(ColumnNotFound):
        RegressionDiscontinuity(running="z", cutoff=5.0).fit(study)
    with pytest.raises(TooFewUnits, match=r"0 unit\(s\)"):
        RegressionDiscontinuity(running="x", cutoff=50.0).fit(study)
    whole = study.with_columns(covariates=np.floor(study.covariates))
    with pytest.raises(TooFewUnits, match=r"value\(s\) of 'x'"):
        DESIGN.fit(whole)
    with pytest.raises(TooFewUnits, match="within the bandwidth"):
        RegressionDiscontinuity(running="x", cutoff=5.0, bandwidth=0.01).fit(study)
    with pytest.raises(NoOverlap, match="hardly changes"):
        DESIGN.fit(study_of(taking=(0.5, 0.5)))
    with pytest.raises(ConfigError):
        RegressionDiscontinuity(running="x", cutoff=np.nan)
