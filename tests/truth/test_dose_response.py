"""The dose-response curve covers at each dose and as a band."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import make_pipeline

from dorec import Study
from dorec.estimate.additive_basis import RIDGE_GRID, AdditiveBasis
from dorec.estimate.dose_response import DoseResponse

DOSES = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])


@pytest.mark.truth
@pytest.mark.parametrize(("n", "reps"), [(500, 400), (2_000, 200)])
def test_coverage(n: int, reps: int) -> None:
    learner = DoseResponse(
        n_folds=2,
        outcome_model=make_pipeline(AdditiveBasis(), RidgeCV(RIDGE_GRID)),
        treatment_model=LinearRegression(),
    )
    true, rows = np.sin(2 * DOSES), []
    for rep in range(reps):
        x, z, u, e = np.random.default_rng([61, rep]).normal(size=(4, n))
        d = 0.5 * x + u
        table = {"x": x, "z": z, "d": d, "y": x + np.sin(2 * d) + 0.5 * d * z + e}
        study = Study.from_table(table, outcome="y", treatment="d", covariates=["x", "z"], continuous=True)
        curve = learner.fit(study).curve(DOSES)
        (low, high), (joint_low, joint_high) = curve.interval(), curve.interval(joint=True)
        inside = (low <= true) & (true <= high)
        joint = ((joint_low <= true) & (true <= joint_high)).all()
        rows.append([*(curve.value - true), *curve.std_error, *inside, joint])
    found = np.array(rows, dtype=float)
    error, se, inside, joint = found[:, :5], found[:, 5:10], found[:, 10:15].mean(axis=0), found[:, 15].mean()
    ratio = se.mean(axis=0) / error.std(axis=0)
    print(f"n {n}: coverage {inside.round(3)}, band {joint:.3f}, mean se / sd {ratio.round(3)}")
    assert inside.mean() >= 0.92
    assert (inside >= 0.9).all()
    assert joint >= 0.9
