"""Partial pooling: intervals over groups at any tau, and simulation-based calibration of the sampler."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from dorec.domain.run import RunContext
from dorec.estimate.hierarchical_effect import GroupEffects, HierarchicalEffect
from dorec.numeric.partial_pooling import Prior, posterior_draws


@pytest.mark.truth
@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("k", [6, 20])
@pytest.mark.parametrize("method", ["morris", "gibbs"])
def test_coverage(method: Any, k: int, tau: float) -> None:
    reps, inside, pooled, new = 400, [], [], []
    for rep in range(reps):
        rng = np.random.default_rng([41, rep])
        se = rng.uniform(0.5, 1.5, k)
        theta = 1.0 + tau * rng.normal(size=k)
        pairs = {f"{i}": (t + s * rng.normal(), s) for i, (t, s) in enumerate(zip(theta, se, strict=True))}
        model = HierarchicalEffect(method=method, n_draws=2_000).fit(
            GroupEffects.of(pairs), context=RunContext(seed=rep)
        )
        lower, upper = model.interval()
        inside.append((lower <= theta) & (theta <= upper))
        low, high = model.pooled().interval()
        pooled.append(low <= 1.0 <= high)
        _, (low, high) = model.new_group()
        new.append(low <= 1.0 + tau * rng.normal() <= high)
    print(
        f"{method}, k {k}, tau {tau}: groups {np.mean(inside):.3f}, mean {np.mean(pooled):.3f}, new {np.mean(new):.3f}"
    )
    assert np.mean(inside) >= 0.93
    assert np.mean(pooled) >= 0.93
    assert np.mean(new) >= 0.92


@pytest.mark.truth
@pytest.mark.parametrize("kind", ["half_cauchy", "inverse_gamma"])
def test_simulation_based_calibration(kind: str) -> None:
    rng = np.random.default_rng(42)
    prior = Prior(kind, 1.0, 2.0, 1.0, 2.0)
    v = np.linspace(0.3, 2.0, 8) ** 2
    ranks = []
    for _ in range(500):
        mu = rng.normal(1.0, 2.0)
        tau = abs(np.tan(np.pi * (rng.random() - 0.5))) if kind == "half_cauchy" else np.sqrt(1.0 / rng.gamma(2.0))
        theta = mu + tau * rng.normal(size=8)
        found = posterior_draws(theta + np.sqrt(v) * rng.normal(size=8), v, prior, 99, rng)
        ranks.append([(found.mu < mu).sum(), (found.tau < tau).sum(), *(found.theta < theta).sum(axis=0)])
    p = [float(stats.chisquare(np.bincount(column // 5, minlength=20)).pvalue) for column in np.array(ranks).T]
    print(f"{kind}: chi2 p of mu {p[0]:.3f}, tau {p[1]:.3f}, groups from {min(p[2:]):.3f}")
    assert min(p[:2]) > 0.01
    assert min(p[2:]) > 0.01 / 8
