"""Regression discontinuity covers where the outcome is curved; the checks of the design hold their level."""

import numpy as np
import pytest

from dorec import Study
from dorec.estimate.regression_discontinuity import RegressionDiscontinuity


def lee(x: np.ndarray) -> np.ndarray:
    """The curves of Lee 2008 as in Imbens and Kalyanaraman 2012: a jump of .04 at 0."""
    left = 0.48 + 1.27 * x + 7.18 * x**2 + 20.21 * x**3 + 21.54 * x**4 + 7.33 * x**5
    right = 0.52 + 0.84 * x - 3.00 * x**2 + 7.99 * x**3 - 9.01 * x**4 + 3.56 * x**5
    return np.where(x < 0, left, right)


def simulate(reps: int, *, fuzzy: bool, n: int = 1_000) -> np.ndarray:
    """Error, standard error, whether the interval holds, and the p of bunching, of each repetition."""
    out = []
    for rep in range(reps):
        rng = np.random.default_rng([5, rep])
        x = 2 * rng.beta(2, 4, n) - 1
        above = x >= 0
        if fuzzy:  # compliers gain 1; those who always take have another level
            kind = rng.random(n)
            t = np.where(kind < 0.8, above, kind < 0.9)
            y = np.sin(2 * x) + 1.0 * t + 0.3 * (kind >= 0.9) + 0.2 * rng.normal(size=n)
            truth = 1.0
        else:
            t, y, truth = above, lee(x) + 0.1295 * rng.normal(size=n), 0.04
        study = Study.from_table({"x": x, "t": t, "y": y}, outcome="y", treatment="t", covariates=["x"])
        model = RegressionDiscontinuity(running="x", cutoff=0.0).fit(study)
        ate = model.ate()
        lower, upper = ate.interval()
        p = model.manipulation.p_value
        placebo = [v.p_value for v in model.verdicts if v.check == "placebo thresholds"]
        out.append((ate.value - truth, ate.std_error, lower <= truth <= upper, p, placebo[0] if placebo else 1.0))
    return np.array(out)


@pytest.mark.truth
@pytest.mark.parametrize("fuzzy", [False, True])
def test_coverage(fuzzy: bool) -> None:
    error, se, inside, p, placebo = simulate(400, fuzzy=fuzzy, n=2_000 if fuzzy else 1_000).T
    assert 0.92 <= inside.mean() <= 0.98
    assert (
        0.85 <= se.mean() / error.std() <= 1.1
    )  # bandwidths are chosen from the same data: rdrobust has .89 to .94 here
    assert (p < 0.05).mean() <= 0.08
    assert (placebo < 0.05).mean() <= 0.1
