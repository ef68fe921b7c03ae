"""Normal means that share a normal: how far groups differ, and what each is once the others are known.

y_i ~ N(theta_i, v_i) with known v_i, theta_i ~ N(mu, tau^2).
"""

from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import FloatArray

GRID = 2_000
STEP = 1e-3  # of log tau^2, for its curvature


class Pooled(NamedTuple):
    """Groups shrunk towards their mean."""

    theta: FloatArray  # (k,)
    variance: FloatArray  # (k,)
    mu: float
    mu_variance: float
    tau2: float
    shrinkage: FloatArray  # (k,), 1 where a group's own value counts nothing


class Draws(NamedTuple):
    """Independent draws from the posterior."""

    theta: FloatArray  # (m, k)
    mu: FloatArray  # (m,)
    tau: FloatArray  # (m,)


class Prior(NamedTuple):
    """Of tau: half-Cauchy with a scale, or tau^2 inverse gamma with shape and scale; of mu normal, flat where inf."""

    kind: str  # "half_cauchy" or "inverse_gamma"
    scale: float
    shape: float = 1.0
    mu_mean: float = 0.0
    mu_sd: float = float("inf")


def restricted_log_likelihood(tau2: FloatArray, y: FloatArray, v: FloatArray) -> FloatArray:
    """Log-likelihood of tau^2 (m,) with mu integrated out under a flat prior, up to a constant, (m,).

    >>> y, v = np.array([0.0, 3.0]), np.ones(2)
    >>> restricted_log_likelihood(np.array([0.0, 3.5]), y, v).argmax().item()
    1
    """
    w = 1.0 / (v + np.asarray(tau2)[:, None])
    mu = (w @ y) / w.sum(axis=1)
    square = (w * (y - mu[:, None]) ** 2).sum(axis=1)
    return np.asarray(0.5 * np.log(w).sum(axis=1) - 0.5 * np.log(w.sum(axis=1)) - 0.5 * square)


def given_tau2(tau2: float, y: FloatArray, v: FloatArray) -> Pooled:
    """Best linear unbiased prediction where tau^2 is known."""
    w = 1.0 / (v + tau2)
    mu, mu_variance = float(w @ y / w.sum()), float(1.0 / w.sum())
    shrinkage = v * w
    theta = y + shrinkage * (mu - y)
    return Pooled(theta, v * (1 - shrinkage) + shrinkage**2 * mu_variance, mu, mu_variance, tau2, shrinkage)


def morris(y: FloatArray, v: FloatArray) -> Pooled:
    """Empirical Bayes that does not take tau^2 for known (Morris, Tang 2011, doi:10.1214/10-STS347).

    tau^2 maximises tau^2 times the restricted likelihood, so that it is never 0, and the error of the shrinkage is part
    of each variance, so that intervals hold also where groups hardly differ.

    Args:
        y: group values (k,), 4 or more.
        v: their variances (k,).

    Example:
        >>> schools = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
        >>> found = morris(schools, np.array([15.0, 10, 16, 11, 9, 11, 10, 18]) ** 2)
        >>> round(found.mu, 1), found.theta.round(0).tolist()
        (8.2, [15.0, 8.0, 5.0, 8.0, 3.0, 5.0, 13.0, 9.0])
    """
    size = float(np.median(v))
    reach = np.log(size) + np.linspace(-12, 12, 481) + np.log(max(1.0, float(np.var(y)) / size)) / 2

    def height(log_tau2: FloatArray) -> FloatArray:
        return log_tau2 + restricted_log_likelihood(np.exp(log_tau2), y, v)

    at = float(reach[int(np.argmax(height(reach)))])
    for width in (0.05, 0.05 / 200, 0.05 / 40_000):
        near = at + width * np.linspace(-1, 1, 401)
        at = float(near[int(np.argmax(height(near)))])
    three = height(at + STEP * np.array([-1.0, 0.0, 1.0]))
    information = max(float(-(three[0] - 2 * three[1] + three[2]) / STEP**2), 1e-6)
    known = given_tau2(float(np.exp(at)), y, v)
    b = known.shrinkage
    spread = (b * (1 - b)) ** 2 / (information + b * (1 - b))  # of a beta with this information about log tau^2
    return known._replace(variance=known.variance + spread * (y - known.mu) ** 2)


def posterior_draws(y: FloatArray, v: FloatArray, prior: Prior, n_draws: int, rng: np.random.Generator) -> Draws:
    """Draws by blocks, each given those before it: tau with all else integrated out, mu given tau, theta given both.

    This is a collapsed Gibbs sweep whose first block depends on nothing, so draws are independent: no warm-up and no
    funnel at tau = 0. tau comes from its distribution function on a fine grid.

    Args:
        y: group values (k,).
        v: their variances (k,).
        n_draws: m.

    Example:
        >>> schools = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
        >>> v = np.array([15.0, 10, 16, 11, 9, 11, 10, 18]) ** 2
        >>> draws = posterior_draws(schools, v, Prior("half_cauchy", 25.0), 20_000, np.random.default_rng(0))
        >>> bool(abs(draws.mu.mean() - 7.9) < 0.3 and abs(np.median(draws.tau) - 5.3) < 0.6)
        True
    """
    edges, mass = _tau_grid(y, v, prior)
    cumulative = np.cumsum(mass)
    place = np.searchsorted(cumulative, rng.random(n_draws) * cumulative[-1])
    place = np.minimum(place, len(mass) - 1)
    tau = edges[place] + rng.random(n_draws) * (edges[place + 1] - edges[place])
    w = 1.0 / (v + tau[:, None] ** 2)
    precision = w.sum(axis=1) + prior.mu_sd**-2
    centre = (w @ y + prior.mu_mean * prior.mu_sd**-2) / precision
    mu = centre + rng.normal(size=n_draws) / np.sqrt(precision)
    shrinkage = v * w
    middle = y + shrinkage * (mu[:, None] - y)
    theta = middle + np.sqrt(v * (1 - shrinkage)) * rng.normal(size=middle.shape)
    return Draws(theta, mu, tau)


def _tau_grid(y: FloatArray, v: FloatArray, prior: Prior) -> tuple[FloatArray, FloatArray]:
    """Edges of cells of tau (m + 1,) and the mass of each (m,)."""
    size = float(np.sqrt(np.median(v)) + np.std(y)) + 1e-300
    for _ in range(2):  # once coarsely, once where the mass is
        u = np.linspace(0.0, 0.9999, GRID + 1)
        edges = size * u / (1 - u)
        middle = (edges[1:] + edges[:-1]) / 2
        log = _log_marginal(middle, y, v, prior) + np.log(np.diff(edges))
        mass = np.exp(log - log.max())
        size = max(float(middle[np.searchsorted(np.cumsum(mass), 0.5 * mass.sum())]), 1e-3 * size)
    return edges, mass


def _log_marginal(tau: FloatArray, y: FloatArray, v: FloatArray, prior: Prior) -> FloatArray:
    tau2 = tau**2
    if np.isinf(prior.mu_sd):
        likelihood = restricted_log_likelihood(tau2, y, v)
    else:
        w = 1.0 / (v + tau2[:, None])
        precision = w.sum(axis=1) + prior.mu_sd**-2
        from_mean = y - prior.mu_mean
        fit = (w @ from_mean) ** 2 / precision
        likelihood = 0.5 * np.log(w).sum(axis=1) - 0.5 * np.log(precision) - 0.5 * (w @ from_mean**2 - fit)
    if prior.kind == "half_cauchy":
        return np.asarray(likelihood - np.log1p((tau / prior.scale) ** 2))
    # the density of tau where tau^2 is inverse gamma
    return np.asarray(likelihood - (2 * prior.shape + 1) * np.log(tau) - prior.scale / tau2)
