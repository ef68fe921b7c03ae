"""AIPW's interval covers and its standard error is honest, in worlds whose truth is known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit

from dorec import Study
from dorec.estimate import AIPW

Draw = tuple[np.ndarray, np.ndarray, np.ndarray]  # covariates, treatment, outcome


def linear(rng: np.random.Generator, n: int) -> Draw:
    x = rng.normal(size=(n, 5))
    t = (rng.random(n) < expit(0.6 * x[:, 0] - 0.4 * x[:, 1])).astype(int)
    y = 1 + x[:, 0] + 0.5 * x[:, 1] - 0.5 * x[:, 2] + t * (1 + 0.3 * x[:, 0]) + rng.normal(size=n)
    return x, t, y


def nonlinear(rng: np.random.Generator, n: int) -> Draw:
    """Waves and a kink confound; the outcome has a product and a square besides; effects vary."""
    x = rng.normal(size=(n, 10))
    t = (rng.random(n) < expit(0.7 * np.sin(1.5 * x[:, 0]) + 0.4 * np.abs(x[:, 1]))).astype(int)
    base = np.sin(1.5 * x[:, 0]) + np.abs(x[:, 1]) + 0.5 * x[:, 1] * x[:, 2] + 0.5 * x[:, 3] ** 2
    return x, t, base + t * (1 + 0.5 * (x[:, 0] > 0)) + rng.normal(size=n)


def hard(rng: np.random.Generator, n: int) -> Draw:
    """Set-up A of Nie and Wager 2021 (doi:10.1093/biomet/asaa076): a product confounds, overlap is poor."""
    x = rng.random((n, 10))
    wave = np.sin(np.pi * x[:, 0] * x[:, 1])
    t = (rng.random(n) < np.clip(wave, 0.1, 0.9)).astype(int)
    base = wave + 2 * (x[:, 2] - 0.5) ** 2 + x[:, 3] + 0.5 * x[:, 4]
    return x, t, base + t * (x[:, 0] + x[:, 1]) / 2 + rng.normal(size=n)


def _rare(x: np.ndarray, t: np.ndarray | int) -> np.ndarray:
    return expit(-3.6 + 0.5 * x[:, 0] + 0.4 * x[:, 2] + 0.6 * t)


def rare_binary(rng: np.random.Generator, n: int) -> Draw:
    """About 5% of the outcomes are 1."""
    x = rng.normal(size=(n, 5))
    t = (rng.random(n) < expit(0.5 * x[:, 0] - 0.5 * x[:, 1])).astype(int)
    return x, t, (rng.random(n) < _rare(x, t)).astype(float)


_POPULATION = np.random.default_rng(0).normal(size=(2_000_000, 5))
TRUTH = {
    linear: 1.0,
    nonlinear: 1.25,
    hard: 0.5,
    rare_binary: float((_rare(_POPULATION, 1) - _rare(_POPULATION, 0)).mean()),
}


def simulate(world: Callable[[np.random.Generator, int], Draw], reps: int, n: int = 1_000) -> np.ndarray:
    """Error and standard error of each repetition, (reps, 2)."""
    out = []
    for rep in range(reps):
        x, t, y = world(np.random.default_rng([7, rep]), n)
        names = [f"x{j}" for j in range(x.shape[1])]
        table = dict(zip(names, x.T, strict=True)) | {"t": t, "y": y}
        ate = AIPW().fit(Study.from_table(table, outcome="y", treatment="t", covariates=names)).ate()
        out.append((ate.value - TRUTH[world], ate.std_error))
    return np.array(out)


def measure(world: Callable[[np.random.Generator, int], Draw]) -> tuple[float, float]:
    """Coverage of the 95% interval, and mean(se) / sd, over 400 repetitions."""
    error, se = simulate(world, reps=400).T
    coverage, honesty = float((np.abs(error) < 1.96 * se).mean()), float(se.mean() / error.std())
    bias = float(error.mean() / error.std())
    print(f"{world.__name__}: coverage {coverage:.3f}, mean(se)/sd {honesty:.3f}, bias/sd {bias:.2f}")
    return coverage, honesty


@pytest.mark.truth
@pytest.mark.parametrize("world", [linear, nonlinear, rare_binary], ids=lambda world: world.__name__)
def test_coverage_and_standard_error(world: Callable[[np.random.Generator, int], Draw]) -> None:
    coverage, honesty = measure(world)
    assert 0.92 <= coverage <= 0.98
    assert 0.93 <= honesty <= 1.07


@pytest.mark.truth
def test_hard_world_loses_little() -> None:
    """A thousand units don't suffice to learn both nuisances here: what is lost must not grow."""
    coverage, honesty = measure(hard)
    assert coverage >= 0.85
    assert honesty >= 0.9
