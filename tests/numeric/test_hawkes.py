"""The recursion and the profile likelihood against their definitions, and the simulator against thinning."""

import numpy as np
import pytest

from dorec.numeric.hawkes import excitation, fit_triggers, profile, simulate_hawkes

BRANCHING = np.array([[0.3, 0.4], [0.1, 0.2]])


def test_the_recursion_is_the_sum_over_the_past():
    rng = np.random.default_rng(0)
    time = np.concatenate([np.sort(rng.integers(0, 40, 30) / 4.0), np.sort(rng.random(20) * 12)])
    kind, first, end = rng.integers(0, 2, 50), np.array([0, 30, 30, 50]), np.array([11.0, 5.0, 12.0])
    place = rng.permutation(50)
    rate, exposure = excitation(first, time, kind, place, end, 2, 0.7)
    for u in range(3):
        mine = slice(first[u], first[u + 1])
        for n in range(first[u], first[u + 1]):
            for i in range(2):
                past = time[mine][(kind[mine] == i) & (time[mine] < time[n])]
                assert rate[place[n], i] == pytest.approx((0.7 * np.exp(-0.7 * (time[n] - past))).sum(), abs=1e-12)
        for i in range(2):
            left = end[u] - time[mine][kind[mine] == i]
            assert exposure[u, i] == pytest.approx((1 - np.exp(-0.7 * left)).sum(), abs=1e-12)


def test_gradient_and_curvature_are_those_of_the_profile():
    rng = np.random.default_rng(1)
    rate, first, span = rng.random((60, 3)), np.array([0, 10, 40, 60]), np.array([4.0, 9.0, 7.0])
    use, scale, share = np.array([0, 2]), np.ones(3), np.array([0.4, 0.0, 0.2])

    def value(a, c):
        return profile(rate, first, span, use, scale, np.array([a, 0.0, c]), np.zeros(3))[0]

    _, gradient, bend, spread = profile(rate, first, span, use, scale, share, np.zeros(3))
    h = 1e-4
    numeric = [
        (value(0.4 + h, 0.2) - value(0.4 - h, 0.2)) / (2 * h),
        (value(0.4, 0.2 + h) - value(0.4, 0.2 - h)) / (2 * h),
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5)
    curve = (value(0.4 + h, 0.2) - 2 * value(0.4, 0.2) + value(0.4 - h, 0.2)) / h**2
    assert bend[0, 0] == pytest.approx(-curve, rel=1e-4)
    assert np.linalg.eigvalsh(spread - bend).min() > 0


def test_the_optimum_has_no_way_up():
    user, time, kind = simulate_hawkes(
        np.array([0.3, 0.1]), BRANCHING, 1.0, np.full(30, 50.0), np.random.default_rng(2)
    )
    first = np.searchsorted(user, np.arange(31))
    rate, exposure = excitation(first, time, kind, np.arange(len(time)), np.full(30, 50.0), 2, 1.0)
    mine = np.ascontiguousarray(rate[kind == 1])
    fit = fit_triggers(mine, np.array([0, len(mine)]), np.array([1500.0]), exposure.sum(axis=0), np.arange(2))
    slope = (mine / (fit.baseline[0] + mine @ fit.branching)[:, None]).sum(axis=0) - exposure.sum(axis=0)
    assert (np.abs(slope[fit.branching > 0]) < 1e-2).all()
    assert (slope[fit.branching == 0] <= 1e-6).all()


def thinned(baseline, branching, decay, end, rng):
    """Ogata's thinning (1981), an event at a time."""
    t, pull, counts = 0.0, np.zeros(2), np.zeros(2)
    while True:
        bound = (baseline + pull).sum()
        wait = rng.exponential(1 / bound)
        t, pull = t + wait, pull * np.exp(-decay * wait)
        if t > end:
            return counts
        rates = baseline + pull
        if rng.random() * bound < rates.sum():
            j = int(rng.random() * rates.sum() > rates[0])
            counts[j] += 1
            pull = pull + decay * branching[j]


def test_samples_have_the_counts_of_thinning_and_of_theory():
    baseline, end = np.array([0.3, 0.1]), 40.0
    user, _, kind = simulate_hawkes(baseline, BRANCHING, 1.0, np.full(2000, end), np.random.default_rng(3))
    counts = np.stack([np.bincount(user[kind == j], minlength=2000) for j in range(2)], axis=1)
    rng = np.random.default_rng(4)
    other = np.array([thinned(baseline, BRANCHING, 1.0, end, rng) for _ in range(600)])
    error = np.sqrt(counts.var(axis=0) / 2000 + other.var(axis=0) / 600)
    assert (np.abs(counts.mean(axis=0) - other.mean(axis=0)) < 3.5 * error).all()
    assert other.var(axis=0) == pytest.approx(counts.var(axis=0), rel=0.25)
    assert counts.mean(axis=0) / end == pytest.approx(baseline @ np.linalg.inv(np.eye(2) - BRANCHING), rel=0.08)
    with pytest.raises(ValueError, match="explode"):
        simulate_hawkes(baseline, BRANCHING * 3, 1.0, np.full(2, 1.0), rng)
