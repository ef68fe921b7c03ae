"""RATE against its definition, its influence against a moved weight, its interval against simulation."""

import numpy as np
import pytest
from scipy import stats

from dorec.domain.errors import InputError, NotFinite, TooFewUnits
from dorec.evaluate import qini, rate, toc_curve
from dorec.evaluate.rate import autoc


def area_under_toc(effect: np.ndarray, contrast: np.ndarray) -> float:
    ordered = contrast[np.argsort(-effect, kind="stable")]
    return float(np.mean([ordered[: j + 1].mean() - contrast.mean() for j in range(len(effect))]))


def test_autoc_is_the_mean_of_the_toc_curve() -> None:
    rng = np.random.default_rng(0)
    effect, contrast = rng.normal(size=(2, 50))
    assert rate(effect, contrast).value == pytest.approx(area_under_toc(effect, contrast))
    assert rate(effect, contrast, target="qini").value == qini(effect, contrast).value


def test_ties_are_averaged_over_their_orders() -> None:
    rng = np.random.default_rng(0)
    effect, contrast = np.repeat([3.0, 2.0, 1.0], [2, 4, 3]), rng.normal(size=9)
    draws = [area_under_toc(effect + 1e-6 * rng.random(9), contrast) for _ in range(20_000)]
    assert rate(effect, contrast).value == pytest.approx(np.mean(draws), abs=4 * np.std(draws) / np.sqrt(20_000))


def test_only_the_order_of_effects_counts() -> None:
    effect, contrast = np.random.default_rng(0).normal(size=(2, 200))
    base = rate(effect, contrast)
    np.testing.assert_allclose(rate(np.exp(effect), contrast).influence, base.influence)
    assert rate(effect, contrast + 7.0).value == pytest.approx(base.value)
    assert rate(effect, contrast + 7.0).std_error == pytest.approx(base.std_error)


def test_influence_is_what_a_copied_unit_moves() -> None:
    rng = np.random.default_rng(1)
    effect = rng.normal(size=4_000)
    contrast = 1 + effect + rng.normal(size=4_000)
    value, influence = autoc(effect, contrast)
    moved = []
    for i in range(0, 4_000, 100):
        rows = np.append(np.arange(4_000), np.full(20, i))
        moved.append((autoc(effect[rows], contrast[rows])[0] - value) * 4_000 / 20)
    assert np.corrcoef(moved, influence[::100])[0, 1] > 0.99
    assert influence.mean() == pytest.approx(0.0, abs=1e-12)


def test_intervals_hold() -> None:
    # ranked by x, effect exp(x / 2): AUTOC from a million draws
    x = np.random.default_rng(9).normal(size=1_000_000)
    truth = {target: rate(x, np.exp(x / 2), target=target).value for target in ("autoc", "qini")}
    rng, held = np.random.default_rng(1), dict.fromkeys(truth, 0)
    for _ in range(400):
        x = rng.normal(size=500)
        scores = np.exp(x / 2) + 2 * rng.normal(size=500) * (1 + np.abs(x))
        for target, value in truth.items():
            lower, upper = rate(x, scores, target=target).interval()
            held[target] += lower <= value <= upper
    assert 0.91 <= held["autoc"] / 400 <= 0.98
    assert 0.92 <= held["qini"] / 400 <= 0.98


def test_refusals() -> None:
    with pytest.raises(InputError, match="allowed: 'autoc', 'qini'"):
        rate(np.arange(3.0), np.arange(3.0), target="toc")
    with pytest.raises(NotFinite):
        rate(np.array([1.0, np.nan]), np.arange(2.0))


def test_toc_is_the_advantage_of_the_best_and_its_area_is_autoc() -> None:
    rng = np.random.default_rng(3)
    effect, contrast = rng.normal(size=2_000), rng.normal(size=2_000)
    curve = toc_curve(effect, contrast, n_points=200)
    order = np.argsort(-effect)
    for j in (0, 99, 199):
        best = order[: round(curve.share[j] * 2_000)]
        assert curve.advantage.value[j] == pytest.approx(contrast[best].mean() - contrast.mean(), abs=1e-12)
    assert curve.advantage.value.mean() == pytest.approx(rate(effect, contrast).value, abs=0.02)
    tied = toc_curve(np.zeros(2_000), contrast, n_points=10)
    np.testing.assert_allclose(tied.advantage.value, 0.0, atol=1e-12)


def test_toc_bands_hold_pointwise_and_together() -> None:
    rng, apart, together = np.random.default_rng(5), 0, 0
    for _ in range(200):
        x = rng.normal(size=400)
        curve = toc_curve(x, x + rng.normal(size=400), n_points=5)
        truth = stats.norm.pdf(stats.norm.isf(curve.share)) / curve.share  # E[x | x above its quantile]
        lower, upper = curve.band()
        apart += int((lower[0] <= truth[0]) & (truth[0] <= upper[0]))
        low, high = curve.band(joint=True)
        together += bool(((low <= truth + 1e-9) & (truth - 1e-9 <= high)).all())
        assert (low[:4] < lower[:4]).all()
        assert lower[4] == upper[4] == pytest.approx(0.0, abs=1e-12)
    assert 180 <= apart <= 198
    assert 180 <= together <= 198


def test_toc_refuses_shares_of_a_few_units() -> None:
    with pytest.raises(TooFewUnits, match="fewer than 10"):
        toc_curve(np.arange(50.0), np.arange(50.0), n_points=10)
