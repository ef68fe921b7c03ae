"""Interrupted time series cover under autocorrelation, in short series too."""

from typing import Any

import numpy as np
import pytest

from dorec.estimate.interrupted_time_series import InterruptedSeries, InterruptedTimeSeries

REPS = 400


@pytest.mark.truth
@pytest.mark.parametrize("rho", [0.0, 0.4, 0.7])
@pytest.mark.parametrize(
    ("n", "start", "errors"), [(36, 24, "ar1"), (72, 48, "ar1"), (150, 100, "ar1"), (1_200, 800, "hac")]
)
def test_coverage(n: int, start: int, errors: Any, rho: float) -> None:
    rows = []
    for rep in range(REPS):
        z = np.random.default_rng([71, rep]).normal(size=n + 50)
        e = np.zeros(n + 50)
        for t in range(1, n + 50):
            e[t] = rho * e[t - 1] + z[t]
        y = 3 + 0.1 * np.arange(n) + 2.0 * (np.arange(n) >= start) + e[50:]
        model = InterruptedTimeSeries(errors=errors).fit(InterruptedSeries(outcome=y, times=np.arange(n), start=start))
        for found, truth in ((model.changes()[0], 2.0), (model.changes()[1], 0.0), (model.ate(), 2.0)):
            lower, upper = found.interval()
            rows.append((found.value - truth, found.std_error, lower <= truth <= upper))
    error, se, inside = np.moveaxis(np.array(rows, dtype=float).reshape(REPS, 3, 3), 2, 0)
    ratio = se.mean(axis=0) / error.std(axis=0)
    print(f"{errors}, n {n}, rho {rho}: coverage {inside.mean(axis=0).round(3)}, mean se / sd {ratio.round(2)}")
    assert (inside.mean(axis=0) >= 0.9).all()
    assert inside.mean() >= 0.92
