"""A line that is wrong is told, one that is right is left alone."""

import numpy as np
import pytest
from scipy.special import expit

from dorec import Study
from dorec.domain.errors import NoInterval
from dorec.estimate import IPW, RegressionAdjustment
from dorec.estimate.linearity import bent_columns


def study(curve: float, seed: int, n: int = 800) -> Study:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    bend = curve * np.abs(x)
    t = (rng.random(n) < expit(bend - curve + 0.5 * z)).astype(int)
    table = {"x": x, "z": z, "t": t, "y": t + x + z + 2 * bend + rng.normal(size=n)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"])


@pytest.mark.parametrize(
    "learner", [RegressionAdjustment(), IPW(), IPW(weights="overlap")], ids=["RA", "IPW", "overlap"]
)
def test_a_curve_that_confounds_withholds_the_interval(learner: RegressionAdjustment | IPW) -> None:
    for seed in range(5):
        ate = learner.fit(study(1.0, seed)).ate()
        (verdict,) = [v for v in ate.verdicts if v.check == "linearity"]
        assert verdict.code == "not_linear"
        assert verdict.evidence["linear_less_bent"][0] == pytest.approx(ate.value - 1.0, abs=0.3)
        with pytest.raises(NoInterval, match="not linear"):
            ate.interval()


@pytest.mark.parametrize("learner", [RegressionAdjustment(), IPW()], ids=["RA", "IPW"])
def test_a_line_is_rarely_doubted(learner: RegressionAdjustment | IPW) -> None:
    found = [v for s in range(60) for v in learner.fit(study(0.0, s)).ate().verdicts if v.check == "linearity"]
    assert len(found) == 60
    assert sum(v.code == "not_linear" for v in found) <= 3
    assert all(v.status != "failed" for v in found)


def test_small_arms_and_plain_columns_are_not_bent() -> None:
    small = RegressionAdjustment().fit(study(1.0, 0, n=60))
    assert not [v for v in small.verdicts if v.check == "linearity"]
    assert bent_columns(np.repeat(np.eye(3), 10, axis=0)).shape == (30, 0)
