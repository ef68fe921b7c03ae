"""Intervals with instruments, and of formulas by plug-in, cover the truth."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit

from dorec import CausalGraph, CausalQuery, Estimate, Study
from dorec.estimate import DRIV, InteractiveIV, OrthogonalIV, PlugIn
from dorec.identify import identify

N = 1_000
REPS = 100
WIDE = (0.90, 0.99)  # three standard errors of a coverage of .95 in 100 repetitions, cut at what would be a fault
EDGES = [("w", "z"), ("z", "t"), ("t", "y")]
NAPKIN = CausalGraph.from_edges("wzty", directed=EDGES, bidirected=[("w", "t"), ("w", "y")])
FORMULA = identify(NAPKIN, CausalQuery("t", "y"))


def compliers(seed: int, x_matters: float = 1.0) -> Study:
    """A half complies, with gains of 2 + x; the covariates move the instrument, the compliance and the outcome."""
    rng = np.random.default_rng([1, seed])
    x = rng.normal(size=(N, 3))
    z = (rng.random(N) < expit(0.5 * x[:, 0] - 0.3 * x[:, 1])).astype(int)
    kind = rng.random(N)
    t = np.where(kind < 0.6, z, kind > 0.8).astype(int)
    always = kind > 0.8
    y = t * (2.0 + x_matters * x[:, 0] + 2.0 * always) + x[:, 0] + np.sin(2 * x[:, 1]) + always + rng.normal(size=N)
    table = {f"x{j}": x[:, j] for j in range(3)} | {"z": z, "t": t, "y": y}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x0", "x1", "x2"], instruments=["z"])


def late(seed: int) -> Estimate:
    return InteractiveIV().fit(compliers(seed)).ate()


def averaged(seed: int) -> Estimate:
    """Over all units: the gains of compliers, 2 + x, and x averages zero."""
    return DRIV().fit(compliers(seed)).ate()


def orthogonal(seed: int) -> Estimate:
    rng = np.random.default_rng([2, seed])
    x, (u, e, f) = rng.normal(size=(N, 3)), rng.normal(size=(3, N))
    z = 0.5 * x[:, 0] + np.sin(x[:, 1]) + f
    d = 0.7 * z + x[:, 0] + u + e
    y = 0.5 * d + np.sin(2 * x[:, 1]) + x[:, 2] + u + (0.5 + 0.5 * np.abs(f)) * rng.normal(size=N)
    table = {f"x{j}": x[:, j] for j in range(3)} | {"z": z, "d": d, "y": y}
    roles = {"outcome": "y", "treatment": "d", "covariates": ["x0", "x1", "x2"], "instruments": ["z"]}
    return OrthogonalIV().fit(Study.from_table(table, **roles, continuous=True)).ate()


def plugged(seed: int) -> Estimate:
    rng = np.random.default_rng([3, seed])
    hidden, other = rng.random((2, N))
    w = (0.5 * hidden + 0.5 * other + 0.3 * rng.normal(size=N) > 0.5).astype(int)
    z = (rng.random(N) < 0.2 + 0.6 * w).astype(int)
    t = (rng.random(N) < 0.2 + 0.4 * z + 0.3 * hidden).astype(int)
    y = 2.0 * t + 3.0 * other + rng.normal(size=N)
    study = Study.from_table({"w": w, "z": z, "t": t, "y": y}, outcome="y", treatment="t", covariates=["w", "z"])
    return PlugIn(estimand=FORMULA).fit(study).ate()


def coverage(one: Callable[[int], Estimate], truth: float, reps: int = REPS) -> tuple[float, float, float]:
    """The share of intervals that hold the truth, the mean error, and the mean standard error over the spread."""
    found = [one(seed) for seed in range(reps)]
    errors = np.array([e.value - truth for e in found])
    inside = np.mean([low <= truth <= high for low, high in (e.interval() for e in found)])
    return float(inside), float(errors.mean()), float(np.mean([e.std_error for e in found]) / errors.std())


@pytest.mark.truth
@pytest.mark.parametrize(("one", "truth"), [(late, 2.0), (averaged, 2.0), (orthogonal, 0.5), (plugged, 2.0)])
def test_coverage(one: Callable[[int], Estimate], truth: float) -> None:
    inside, bias, ratio = coverage(one, truth)
    assert WIDE[0] <= inside <= WIDE[1], (inside, bias, ratio)
    assert 0.85 <= ratio <= 1.2, (inside, bias, ratio)
