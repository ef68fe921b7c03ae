"""Mediation's intervals cover its five effects, with a binary and with a continuous mediator."""

import numpy as np
import pytest
from scipy.special import expit

from dorec import Study
from dorec.estimate.mediation import Mediation


def truth(binary: bool) -> np.ndarray:
    """The five effects: total, nde, tie, tde, nie."""
    if binary:
        u = np.random.default_rng(0).normal(size=2_000_000)
        low, high = expit(-0.5 + 0.5 * u).mean(), expit(0.7 + 0.5 * u).mean()
    else:
        low, high = 0.0, 0.8
    nde, tde = 0.7 + 0.5 * low, 0.7 + 0.5 * high
    return np.array([nde + 1.1 * (high - low), nde, 1.1 * (high - low), tde, 0.6 * (high - low)])


TRUTH = {binary: truth(binary) for binary in (False, True)}


def simulate(reps: int, *, binary: bool, n: int = 1_000) -> tuple[np.ndarray, np.ndarray]:
    """Errors and standard errors, (reps, 5) each: the covariates confound, and the treatment changes what m does."""
    errors, spreads = [], []
    for rep in range(reps):
        rng = np.random.default_rng([3, rep])
        x = rng.normal(size=(n, 3))
        t = (rng.random(n) < expit(0.5 * x[:, 0] - 0.3 * x[:, 1])).astype(int)
        if binary:
            m = (rng.random(n) < expit(-0.5 + 1.2 * t + 0.5 * x[:, 0])).astype(float)
        else:
            m = 0.8 * t + 0.5 * x[:, 0] + rng.normal(size=n)
        y = 1 + 0.7 * t + 0.6 * m + 0.5 * t * m + 0.5 * x[:, 0] + 0.4 * x[:, 2] + rng.normal(size=n)
        table = {f"x{j}": x[:, j] for j in range(3)} | {"t": t, "m": m, "y": y}
        study = Study.from_table(table, outcome="y", treatment="t", covariates=["x0", "x1", "x2", "m"])
        effects = Mediation(mediators=("m",)).fit(study).effects()
        errors.append(effects.value - TRUTH[binary])
        spreads.append(effects.std_error)
    return np.array(errors), np.array(spreads)


@pytest.mark.truth
@pytest.mark.parametrize("binary", [False, True])
def test_coverage(binary: bool) -> None:
    error, se = simulate(400, binary=binary)
    inside = (np.abs(error) <= 1.96 * se).mean(axis=0)
    assert ((inside >= 0.92) & (inside <= 0.98)).all(), inside
    assert np.abs(se.mean(axis=0) / error.std(axis=0) - 1).max() < 0.1
