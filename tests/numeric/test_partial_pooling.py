"""Partial pooling: brute-force integrals, eight schools, simulation-based calibration."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from dorec.numeric.partial_pooling import Prior, given_tau2, morris, posterior_draws, restricted_log_likelihood

Y = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
V = np.array([15.0, 10, 16, 11, 9, 11, 10, 18]) ** 2


def test_given_tau_is_the_normal_posterior() -> None:
    """The joint normal of (mu, theta) by its precision matrix."""
    tau2 = 36.0
    k = len(Y)
    precision = np.zeros((k + 1, k + 1))
    precision[0, 0] = k / tau2
    precision[0, 1:] = precision[1:, 0] = -1 / tau2
    precision[1:, 1:] = np.diag(1 / V + 1 / tau2)
    covariance = np.linalg.inv(precision)
    mean = covariance @ np.append(0.0, Y / V)
    found = given_tau2(tau2, Y, V)
    assert found.theta == pytest.approx(mean[1:])
    assert found.variance == pytest.approx(np.diag(covariance)[1:])
    assert (found.mu, found.mu_variance) == pytest.approx((mean[0], covariance[0, 0]))


def test_restricted_likelihood_is_the_integral_over_mu() -> None:
    grid = np.linspace(-150, 160, 40_001)
    tau2 = np.array([0.0, 10.0, 200.0])
    terms = -0.5 * ((Y - grid[:, None, None]) ** 2 / (V + tau2[:, None]) + np.log(V + tau2[:, None])).sum(axis=2)
    brute = np.log(np.exp(terms).sum(axis=0))
    ours = restricted_log_likelihood(tau2, Y, V)
    assert np.diff(ours) == pytest.approx(np.diff(brute), abs=1e-8)


def test_draws_have_the_moments_of_the_integrals() -> None:
    """Eight schools with half-Cauchy(25), by quadrature over tau."""
    tau = np.linspace(1e-4, 400, 200_001)
    log = restricted_log_likelihood(tau**2, Y, V) - np.log1p((tau / 25) ** 2)
    p = np.exp(log - log.max())
    p /= p.sum()
    some = slice(0, None, 100)
    theta = np.array([given_tau2(float(t) ** 2, Y, V).theta for t in tau[some]])
    draws = posterior_draws(Y, V, Prior("half_cauchy", 25.0), 40_000, np.random.default_rng(0))
    assert draws.tau.mean() == pytest.approx(p @ tau, rel=0.03)
    assert np.quantile(draws.tau, 0.9) == pytest.approx(tau[np.searchsorted(np.cumsum(p), 0.9)], rel=0.03)
    assert draws.theta.mean(axis=0) == pytest.approx((p[some] / p[some].sum()) @ theta, abs=0.25)


def ranks(reps: int, prior: Prior, seed: int = 0, k: int = 6, draws: int = 99) -> Any:
    """Ranks of mu, tau and one theta among draws from their posterior, where the prior is the truth."""
    rng = np.random.default_rng(seed)
    v = np.linspace(0.3, 2.0, k) ** 2
    out = []
    for _ in range(reps):
        mu = rng.normal(prior.mu_mean, prior.mu_sd)
        if prior.kind == "half_cauchy":
            tau = abs(prior.scale * np.tan(np.pi * (rng.random() - 0.5)))
        else:
            tau = np.sqrt(prior.scale / rng.gamma(prior.shape))
        theta = mu + tau * rng.normal(size=k)
        found = posterior_draws(theta + np.sqrt(v) * rng.normal(size=k), v, prior, draws, rng)
        out.append([(found.mu < mu).sum(), (found.tau < tau).sum(), *(found.theta < theta).sum(axis=0)[[0, k - 1]]])
    return np.array(out)


@pytest.mark.parametrize("prior", [Prior("half_cauchy", 1.0, mu_sd=2.0), Prior("inverse_gamma", 1.0, 2.0, 1.0, 2.0)])
def test_ranks_are_even(prior: Prior) -> None:
    for column in ranks(200, prior).T:
        counts = np.bincount(column // 20, minlength=5)
        assert stats.chisquare(counts).pvalue > 1e-3


def test_morris_never_gives_up_on_differences_and_scales() -> None:
    y = np.full(8, 2.0) + np.linspace(-1e-3, 1e-3, 8)
    assert morris(y, np.ones(8)).tau2 > 0.05
    found, scaled = morris(Y, V), morris(100 * Y + 5, 1e4 * V)
    assert scaled.theta == pytest.approx(100 * found.theta + 5, rel=1e-4)
    assert scaled.variance == pytest.approx(1e4 * found.variance, rel=1e-3)
    far = morris(np.linspace(-100, 100, 8), np.ones(8))
    assert far.theta == pytest.approx(np.linspace(-100, 100, 8), abs=0.1)
