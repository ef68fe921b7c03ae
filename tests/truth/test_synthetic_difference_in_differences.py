"""Synthetic difference in differences covers in factor models whose loadings move who is treated."""

from typing import Any

import numpy as np
import pytest

from dorec.domain.panel import Panel
from dorec.domain.run import RunContext
from dorec.estimate.synthetic_difference_in_differences import SyntheticDifferenceInDifferences

REPS = 300


@pytest.mark.truth
@pytest.mark.parametrize(("n", "treated", "errors"), [(60, 12, "jackknife"), (60, 5, "placebo"), (60, 1, "placebo")])
def test_coverage(n: int, treated: int, errors: Any) -> None:
    learner, times, rows = SyntheticDifferenceInDifferences(errors=errors, n_placebos=50), 20, []
    for rep in range(REPS):
        rng = np.random.default_rng([81, rep])
        loading = rng.normal(size=(n, 2))
        first = np.argsort(-(loading[:, 0] + rng.normal(size=n)))[:treated]
        starts = np.full(n, times)
        starts[first] = 15
        y = loading @ np.cumsum(0.4 * rng.normal(size=(2, times)), axis=1) + rng.normal(size=(n, times))
        y = y + rng.normal(size=(n, 1)) + 1.0 * (np.arange(times) >= starts[:, None])
        none = np.empty((n, 0))
        panel = Panel(outcome=y, units=np.arange(n), times=np.arange(times), starts=starts, covariates=none)
        model = learner.fit(panel, context=RunContext(seed=rep))
        lower, upper = model.interval()
        rows.append((model.base.found.effect - 1.0, (upper - lower) / 3.92, lower <= 1.0 <= upper))
    error, se, inside = np.array(rows, dtype=float).T
    ratio = se.mean() / error.std()
    print(f"{errors}, {treated} of {n}: coverage {inside.mean():.3f}, width / 3.92 sd {ratio:.2f}")
    assert inside.mean() >= 0.91
