"""Robust means: brute force, what must not matter, and one giant."""

from typing import Any

import numpy as np
import pytest

from dorec.numeric.heavy_tails import (
    RobustMeans,
    catoni_means,
    median_of_means,
    quantile_density,
    truncated_variance,
    winsorised_means,
)


def drawn(seed: int = 0, n: int = 300) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.pareto(2.5, n), rng.integers(0, 2, n), np.ones(n)


def mom(x: Any, arm: Any, weight: Any) -> RobustMeans:
    return median_of_means(x, arm, weight, np.unique(arm * 10 + np.arange(len(x)) // 2 % 10, return_inverse=True)[1])


METHODS = [catoni_means, winsorised_means, mom]


@pytest.mark.parametrize("method", METHODS)
def test_shift_and_scale(method: Any) -> None:
    x, arm, one = drawn()
    found, moved = method(x, arm, one), method(-1e4 * x + 7, arm, one)
    assert moved.value == pytest.approx(-1e4 * found.value + 7)
    assert moved.influence == pytest.approx(-1e4 * found.influence, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_one_giant_moves_little_and_plain_values_keep_their_mean(method: Any) -> None:
    rng = np.random.default_rng(0)
    x, arm, one = rng.normal(size=2_000), np.zeros(2_000, dtype=int), np.ones(2_000)
    assert method(x, arm, one).value[0] == pytest.approx(x.mean(), abs=0.05)
    x[17] = 1e6
    assert abs(method(x, arm, one).value[0]) < 0.4  # the mean is 500


@pytest.mark.parametrize("method", [catoni_means, lambda *given: winsorised_means(*given, share=0.1)])
def test_influence_is_the_jackknife(method: Any) -> None:
    x, arm, one = drawn(n=150)
    whole = method(x, arm, one).influence
    left_out = np.stack([method(np.delete(x, i), np.delete(arm, i), one[1:]).value for i in range(150)])
    for contrast in ([1, 0], [0, 1], [-1, 1]):
        jackknife = (left_out @ contrast).std() * np.sqrt(149)
        assert np.sqrt(((whole @ contrast) ** 2).sum()) / 150 == pytest.approx(jackknife, rel=0.25)


def test_catoni_solves_its_equation() -> None:
    x, _, one = drawn()
    found = catoni_means(x, np.zeros(300, dtype=int), one)
    budget = np.log(20)
    v = truncated_variance(x - found.value[0], one, budget)
    u = np.sqrt(2 * budget / (300 * v * (1 + 2 * budget / (300 - 2 * budget)))) * (x - found.value[0])
    assert (np.sign(u) * np.log(1 + abs(u) + u**2 / 2)).sum() == pytest.approx(0.0, abs=1e-8)


def test_truncated_variance_meets_its_budget() -> None:
    x, _, one = drawn()
    v = truncated_variance(x, one, 3.0)
    grid = np.linspace(1e-3, (x**2).max(), 400_000)
    shares = np.array([np.minimum(x**2, t).sum() / t for t in grid[:: len(grid) // 2_000]])
    t = grid[:: len(grid) // 2_000][np.argmin(np.abs(shares - 3.0))]
    assert v == pytest.approx(np.minimum(x**2, t).mean(), rel=0.02)


def test_winsorised_is_scipys() -> None:
    mstats = pytest.importorskip("scipy.stats.mstats")
    x = np.random.default_rng(1).normal(size=205)
    ours = winsorised_means(x, np.zeros(205, dtype=int), np.ones(205), share=0.1)
    assert ours.value[0] == pytest.approx(float(mstats.winsorize(x, (0.1, 0.1)).mean()), abs=2e-3)


def test_whole_weights_are_copies() -> None:
    x, arm, _ = drawn(n=120)
    weight = np.random.default_rng(3).integers(1, 4, 120).astype(float)
    rows = np.repeat(np.arange(120), weight.astype(int))
    found = winsorised_means(x, arm, weight / weight.mean(), share=0.05)
    assert found.value == pytest.approx(winsorised_means(x[rows], arm[rows], np.ones(len(rows)), share=0.05).value)


def test_density_of_a_normal_at_its_median() -> None:
    x = np.random.default_rng(0).normal(size=50_000)
    assert quantile_density(x, np.ones(len(x)), 0.5) == pytest.approx(0.3989, rel=0.05)


def test_constant_values() -> None:
    arm = np.arange(50) % 2
    for method in METHODS:
        found = method(np.full(50, 3.0), arm, np.ones(50))
        assert found.value == pytest.approx([3.0, 3.0])
        assert np.abs(found.influence).max() == 0
