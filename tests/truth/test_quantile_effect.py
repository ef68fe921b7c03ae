"""Quantile effects cover at each level and jointly, where one nuisance is wrong too."""

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri
from sklearn.linear_model import LogisticRegression

from dorec import Study
from dorec.estimate.quantile_effect import QuantileEffect

LEVELS = (0.1, 0.5, 0.9)


def simulate(n: int, reps: int, **models: Any) -> Any:
    true = 1.0 + (np.sqrt(8.0) - np.sqrt(5.0)) * ndtri(np.array(LEVELS))
    rows = []
    for rep in range(reps):
        rng = np.random.default_rng([51, rep])
        x = rng.normal(size=n)
        t = (rng.random(n) < 1 / (1 + np.exp(-0.8 * x))).astype(int)
        table = {"x": x, "t": t, "y": 2.0 * x + t + (1 + t) * rng.normal(size=n)}
        study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        ate = QuantileEffect(quantiles=LEVELS, **models).fit(study).ate()
        (low, high), (joint_low, joint_high) = ate.interval(), ate.interval(joint=True)
        inside = (low <= true) & (true <= high)
        rows.append([*(ate.value - true), *ate.std_error, *inside, ((joint_low <= true) & (true <= joint_high)).all()])
    return np.array(rows, dtype=float)


class Blind(LogisticRegression):  # type: ignore[misc]
    """A classifier that does not look at the covariates."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(np.zeros_like(X), y, sample_weight)


@pytest.mark.truth
@pytest.mark.parametrize("n", [800, 2_000])
@pytest.mark.parametrize("outcome", ["logistic", "blind"])
def test_coverage(outcome: str, n: int) -> None:
    model = LogisticRegression() if outcome == "logistic" else Blind()
    found = simulate(n, 400, outcome_model=model, propensity_model=LogisticRegression(C=100.0))
    error, se, inside, joint = found[:, :3], found[:, 3:6], found[:, 6:9].mean(axis=0), found[:, 9].mean()
    ratio = se.mean(axis=0) / error.std(axis=0)
    print(f"n {n}, {outcome}: coverage {inside.round(3)}, joint {joint:.3f}, mean se / sd {ratio.round(3)}")
    assert (inside >= 0.92).all()
    assert joint >= 0.92
    assert (ratio > 0.9).all()
    assert (ratio < 1.15).all() or outcome == "blind"  # the error of estimated propensities helps, which is not counted
