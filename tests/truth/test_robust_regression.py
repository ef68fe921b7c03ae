"""Robust regression adjustment covers a constant shift under heavy tails, skew and gross errors."""

from typing import Any

import numpy as np
import pytest

from dorec import Study
from dorec.estimate.robust_regression import RobustRegression

REPS = 400


def noise(kind: str, rng: np.random.Generator, n: int) -> Any:
    if kind == "t2":
        return rng.standard_t(2, n)
    if kind == "lognormal":
        return rng.lognormal(0.0, 1.0, n)
    bulk = rng.normal(size=n)
    return np.where(rng.random(n) < 0.05, 50.0 * bulk, bulk)


def simulate(learner: RobustRegression, kind: str, n: int, reps: int = REPS) -> Any:
    rows = []
    for rep in range(reps):
        rng = np.random.default_rng([21, rep])
        x, z = rng.normal(size=(2, n))
        t = (rng.random(n) < 1 / (1 + np.exp(-0.7 * x))).astype(int)
        table = {"x": x, "z": z, "t": t, "y": t + x + 0.5 * z + noise(kind, rng, n)}
        ate = learner.fit(Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"])).ate()
        if ate.no_interval:
            rows.append((np.nan, np.nan, np.nan))
            continue
        lower, upper = ate.interval()
        rows.append((ate.value - 1.0, ate.std_error, lower <= 1.0 <= upper))
    return np.array(rows)


@pytest.mark.truth
@pytest.mark.parametrize("n", [200, 1_000])
@pytest.mark.parametrize("kind", ["t2", "lognormal", "contaminated"])
@pytest.mark.parametrize("loss", ["huber", "mm", "quantile"])
def test_coverage(loss: Any, kind: str, n: int) -> None:
    found = simulate(RobustRegression(loss=loss, n_starts=10), kind, n)
    error, se, inside = found[np.isfinite(found).all(axis=1)].T
    print(f"{loss}, {kind}, n {n}: coverage {inside.mean():.3f}, mean se / sd {se.mean() / error.std():.3f}, "
          f"withheld {len(found) - len(error)}")  # fmt: skip
    assert len(error) >= 0.98 * len(found)
    assert 0.92 <= inside.mean() <= 0.98
    assert 0.9 <= se.mean() / error.std() <= 1.15
