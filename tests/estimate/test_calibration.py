"""The slope of effects on predicted effects: 1, less, more, none."""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.errors import InputError
from dorec.estimate import AIPW, AIPWModel, calibration_test

CHEAP = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


@dataclass(frozen=True)
class Predicted:
    """A model with effects that were handed in."""

    average: AIPWModel
    unit_effects: np.ndarray


@pytest.fixture(scope="module")
def average() -> AIPWModel:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=4_000), rng.integers(0, 2, size=4_000)
    table = {"x": x, "t": t, "y": t * (1 + x) + rng.normal(size=4_000)}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
    return CHEAP.fit(study, context=RunContext(threads=1))


@pytest.mark.parametrize(
    ("times", "slope", "status", "code"),
    [(1.0, 1.0, "passed", ""), (3.0, 1 / 3, "warning", "miscalibrated"), (0.4, 2.5, "warning", "miscalibrated")],
)
def test_size_of_predicted_differences(average, times, slope, status, code) -> None:
    found = calibration_test(Predicted(average, 5.0 + times * average.study.covariates[:, 0]))
    assert (found.status, found.code) == (status, code)
    assert found.statistic == pytest.approx(slope, rel=0.15)
    assert found.evidence["lower"] < found.statistic < found.evidence["upper"]
    assert ("exaggerated" in found.meaning) == (times > 1)


def test_predictions_that_tell_nothing_or_the_reverse(average) -> None:
    noise = np.random.default_rng(1).normal(size=average.study.n)
    assert calibration_test(Predicted(average, noise)).code == "no_heterogeneity"
    assert calibration_test(Predicted(average, -average.study.covariates[:, 0])).code == "no_heterogeneity"
    same = calibration_test(Predicted(average, np.full(average.study.n, 2.0)))
    assert (same.code, same.statistic) == ("no_heterogeneity", None)


def test_level_must_be_a_probability(average) -> None:
    with pytest.raises(InputError, match="alpha is 5"):
        calibration_test(average, alpha=5)
