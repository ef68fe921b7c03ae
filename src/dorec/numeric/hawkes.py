"""Hawkes processes with exponential kernels: the profile likelihood of what each type of event triggers, and samples.

The rate of type j in a realisation is mu_j + sum over earlier events k of A[type_k, j] * decay * exp(-decay (t - t_k)):
A[i, j] is how many events j one event i triggers on average. Given the decay the log-likelihood is concave and
separates by j.
"""

import math
from dataclasses import dataclass

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel

TOLERANCE = 1e-9  # gain in log-likelihood that a step must promise
MAX_STEPS = 200


@kernel
def excitation(
    first: IntArray, time: FloatArray, kind: IntArray, place: IntArray, end: FloatArray, n_kinds: int, decay: float
) -> tuple[FloatArray, FloatArray]:
    """What the past of each event adds to the rate, per unit of A, and how much of its effect each type had time for.

    One pass (Ozaki 1979): the sums over the past decay together. Events of one moment don't act on each other.

    Args:
        first: (u + 1,), where the events of each realisation start.
        time: (n,), rising within a realisation.
        kind: (n,), types from 0.
        place: (n,), the row of the answer for each event.
        end: (u,), when the watching of each realisation stopped.
        n_kinds: types.
        decay: per unit of time.

    Returns:
        rate: (n, n_kinds).
        exposure: (u, n_kinds), sums of 1 - exp(-decay (end - t_k)).
    """
    n_units = len(first) - 1
    rate = np.empty((len(time), n_kinds))
    exposure = np.zeros((n_units, n_kinds))
    now, after = np.empty(n_kinds), np.empty(n_kinds)
    for u in range(n_units):
        after[:] = 0.0
        now[:] = 0.0
        last = -np.inf
        for n in range(first[u], first[u + 1]):
            if time[n] > last:
                fade = math.exp(-decay * (time[n] - last)) if last > -np.inf else 0.0
                for i in range(n_kinds):
                    after[i] *= fade
                    now[i] = after[i]
                last = time[n]
            for i in range(n_kinds):
                rate[place[n], i] = decay * now[i]
            after[kind[n]] += 1.0
            exposure[u, kind[n]] -= math.expm1(-decay * (end[u] - time[n]))
    return rate, exposure


@kernel
def _best_baseline(rate: FloatArray, start: int, stop: int, span: float, guess: float) -> float:
    """The baseline >= 0 that maximises sum log(baseline + rate) - baseline * span: Newton's method from the left."""
    n = stop - start
    largest, smallest, slope = 0.0, np.inf, 0.0
    for k in range(start, stop):
        largest, smallest = max(largest, rate[k]), min(smallest, rate[k])
        slope += 1.0 / rate[k] if rate[k] > 0.0 else np.inf
    if slope <= span:
        return 0.0
    lowest = max(n / span - largest, 1.0 / span - smallest, 0.0)
    mu = max(guess, lowest)
    for _ in range(100):
        slope, bend = -span, 0.0
        for k in range(start, stop):
            inverse = 1.0 / (mu + rate[k])
            slope += inverse
            bend += inverse * inverse
        step = slope / bend
        mu = max(mu + step, lowest)
        if abs(step) <= 1e-13 * mu:
            break
    return mu


@kernel
def profile(
    rate: FloatArray,
    first: IntArray,
    span: FloatArray,
    use: IntArray,
    scale: FloatArray,
    share: FloatArray,
    mu: FloatArray,
) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    """Log-likelihood, without the compensator of the causes, maximised over the baseline of each group of events.

    Args:
        rate: (m, n_kinds), of the events of one type, groups after one another.
        first: (g + 1,), where the events of each group start.
        span: (g,), how long each was watched.
        use: (k,), the causes that take part.
        scale: (n_kinds,), of a cause's share.
        share: (n_kinds,), at least 0.
        mu: (g,), baselines: a guess that becomes the answer.

    Returns:
        the value, its gradient (k,) and its negative Hessian (k, k) in the shares, and the variance of the gradient
        (k, k): a group of n events whose baseline was fitted to them bends n / (n - 1) times less than it varies.
    """
    k = len(use)
    value, gradient, bend, spread = 0.0, np.zeros(k), np.zeros((k, k)), np.zeros((k, k))
    here = np.empty((k, k))
    triggered = np.zeros(len(rate))
    cross, ratio = np.empty(k), np.empty(k)
    for g in range(len(span)):
        for n in range(first[g], first[g + 1]):
            for a in range(k):
                triggered[n] += share[use[a]] * scale[use[a]] * rate[n, use[a]]
        mu[g] = _best_baseline(triggered, first[g], first[g + 1], span[g], mu[g])
        value -= mu[g] * span[g]
        own = 0.0
        cross[:] = 0.0
        here[:] = 0.0
        for n in range(first[g], first[g + 1]):
            total = mu[g] + triggered[n]
            value += math.log(total)
            inverse = 1.0 / total
            own += inverse * inverse
            for a in range(k):
                ratio[a] = scale[use[a]] * rate[n, use[a]] * inverse
                gradient[a] += ratio[a]
                cross[a] += ratio[a] * inverse
                for b in range(a + 1):
                    here[a, b] += ratio[a] * ratio[b]
        size = first[g + 1] - first[g]
        for a in range(k):
            for b in range(a + 1):
                if mu[g] > 0.0:
                    here[a, b] -= cross[a] * cross[b] / own
                bend[a, b] += here[a, b]
                spread[a, b] += here[a, b] * (size / (size - 1.0) if size > 1 else 1.0)
    for a in range(k):
        for b in range(a):
            bend[b, a], spread[b, a] = bend[a, b], spread[a, b]
    return value, gradient, bend, spread


@dataclass(frozen=True, eq=False)
class Triggers:
    """What triggers the events of one type."""

    branching: FloatArray  # (n_kinds,), events triggered by one event of each type
    information: FloatArray  # (n_kinds, n_kinds), observed, of the branching, with the baselines profiled out
    spread: FloatArray  # (n_kinds, n_kinds), variance of the gradient; the information, but for small groups
    baseline: FloatArray  # (g,), rate per unit of time of each group
    log_likelihood: float


def fit_triggers(
    rate: FloatArray,
    first: IntArray,
    span: FloatArray,
    exposure: FloatArray,
    allowed: IntArray,
    start: FloatArray | None = None,
) -> Triggers:
    """Maximum likelihood under branching >= 0, by projected Newton steps (Bertsekas 1982).

    Causes are scaled by the share of the events that they explain.

    Args:
        rate: (m, n_kinds), from `excitation`, the events of one type, groups of realisations after one another.
        first: (g + 1,), where each group starts.
        span: (g,), how long each group was watched.
        exposure: (n_kinds,), over these groups.
        allowed: (k,), the causes that may be.
        start: (n_kinds,), a branching to start from.

    >>> rate, first, span = np.array([[0.0], [1.0], [0.0], [1.0]]), np.array([0, 4]), np.array([4.0])
    >>> fit = fit_triggers(rate, first, span, np.array([2.0]), np.array([0]))
    >>> round(float(fit.baseline[0] * 4 + fit.branching[0] * 2), 6)  # the events are shared out among the causes
    4.0
    """
    m, n_kinds = rate.shape
    use = allowed[exposure[allowed] > 0]
    scale = np.where(exposure > 0, m / np.where(exposure > 0, exposure, 1.0), 0.0)
    share = np.zeros(n_kinds)
    share[use] = 0.5 / (len(use) + 1) if start is None else start[use] / scale[use]
    mu = np.zeros(len(span))
    value, gradient, bend, spread = profile(rate, first, span, use, scale, share, mu)
    value -= m * share.sum()
    for _ in range(MAX_STEPS):
        slope = gradient - m
        now = share[use]
        free = (now > 1e-9) | (slope > 0)
        step = np.where(free, 0.0, -now)
        inner = bend[np.ix_(free, free)]
        step[free] = np.linalg.solve(inner + 1e-12 * (np.trace(inner) + 1.0) * np.eye(len(inner)), slope[free])
        if slope @ (np.maximum(now + step, 0.0) - now) <= TOLERANCE:
            break
        length, better = 1.0, False
        while length > 1e-10 and not better:
            tried = share.copy()
            tried[use] = np.maximum(now + length * step, 0.0)
            new_mu = mu.copy()
            new = profile(rate, first, span, use, scale, tried, new_mu)
            new_value = new[0] - m * tried.sum()
            better = new_value >= value + 1e-4 * slope @ (tried[use] - now)
            length *= 0.5
        if not better:  # rounding error is all that is left
            break
        share, mu, value, gradient, bend, spread = tried, new_mu, new_value, new[1], new[2], new[3]
    information, variance = np.zeros((2, n_kinds, n_kinds))
    information[np.ix_(use, use)] = bend / np.outer(scale[use], scale[use])
    variance[np.ix_(use, use)] = spread / np.outer(scale[use], scale[use])
    return Triggers(share * scale, information, variance, mu, float(value))


def simulate_hawkes(
    baseline: FloatArray, branching: FloatArray, decay: float, end: FloatArray, rng: np.random.Generator
) -> tuple[IntArray, FloatArray, AnyArray]:
    """Realisations watched from 0 to `end`, as (unit, time, kind), sorted by unit and time.

    Generation by generation (Hawkes, Oakes 1974): baseline events come as a Poisson process, and each event i has a
    Poisson number of children j, after exponential waits.

    Args:
        baseline: (u, n_kinds) or (n_kinds,), rates per unit of time.
        branching: (n_kinds, n_kinds); its spectral radius has to be below one.
        decay: per unit of time.
        end: (u,).
        rng: draws.

    Example:
        >>> rng, end = np.random.default_rng(0), np.full(100, 50.0)
        >>> unit, time, kind = simulate_hawkes(np.array([2.0]), np.array([[0.5]]), 1.0, end, rng)
        >>> 19_000 < len(time) < 21_000  # 2 a unit of time, each with two events in all
        True
    """
    n_kinds = len(branching)
    if np.abs(np.linalg.eigvals(branching)).max() >= 1:
        raise ValueError("the branching matrix has a spectral radius of one or more: the process would explode")
    rates = np.broadcast_to(baseline, (len(end), n_kinds)) * end[:, None]
    count = rng.poisson(rates).ravel()
    unit = np.repeat(np.repeat(np.arange(len(end)), n_kinds), count)
    kind = np.repeat(np.tile(np.arange(n_kinds), len(end)), count)
    time = rng.random(len(unit)) * end[unit]
    found = [(unit, time, kind)]
    while len(unit):
        children = rng.poisson(branching[kind])  # (n, n_kinds)
        parent, child = np.repeat(np.arange(len(unit)), children.sum(axis=1)), children.ravel()
        kind = np.repeat(np.tile(np.arange(n_kinds), len(unit)), child)
        unit, time = unit[parent], time[parent] + rng.exponential(1 / decay, len(parent))
        seen = time < end[unit]
        unit, time, kind = unit[seen], time[seen], kind[seen]
        found.append((unit, time, kind))
    unit, time, kind = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((time, unit))
    return unit[order], time[order], kind[order]
