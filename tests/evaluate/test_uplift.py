"""Qini, AUUC and the uplift curve against their definition, written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorec.domain.errors import InputError, NotFinite, TooFewUnits
from dorec.evaluate import auuc, qini, uplift_at, uplift_curve


def gain_by_hand(effects: np.ndarray, scores: np.ndarray, share: float) -> float:
    """Treat the best share; units tied at the edge are treated by the same fraction."""
    n, left, total = len(effects), share * len(effects), 0.0
    for level in sorted(set(effects), reverse=True):
        tied = scores[effects == level]
        fraction = min(1.0, left / len(tied))
        total += fraction * tied.sum()
        left -= fraction * len(tied)
    return total / n


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30), st.integers(1, 8))
def test_areas_and_curve_equal_the_definition(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    effects, scores = rng.integers(0, levels, size=n).astype(float), rng.normal(size=n)
    curve = uplift_curve(effects, scores, n_points=5)
    by_hand = [gain_by_hand(effects, scores, q) for q in curve.share]
    np.testing.assert_allclose(curve.gain.value, by_hand, atol=1e-12)
    grid = np.linspace(0, 1, n + 1)  # the curve is straight between these points
    g = np.array([gain_by_hand(effects, scores, q) for q in grid])
    area = float(((g[1:] + g[:-1]) / 2).mean())
    assert auuc(effects, scores).value == pytest.approx(area, abs=1e-12)
    assert qini(effects, scores).value == pytest.approx(area - g[-1] / 2, abs=1e-12)


def test_no_ranking_is_worth_nothing_and_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    scores, effects = rng.normal(size=50), rng.normal(size=50)
    assert qini(np.ones(50), scores).value == pytest.approx(0.0, abs=1e-15)
    order = rng.permutation(50)
    assert qini(effects[order], scores[order]).value == pytest.approx(qini(effects, scores).value)
    assert qini(np.exp(effects), scores).value == pytest.approx(qini(effects, scores).value)
    assert qini(-effects, scores).value == pytest.approx(-qini(effects, scores).value)


def test_several_arms_take_each_units_best() -> None:
    effects = np.array([[1.0, 3.0], [2.0, 0.0]])
    scores = np.array([[1.0, 9.0, 5.0], [0.0, 2.0, 9.0]])
    assert auuc(effects, scores).value == pytest.approx(auuc(np.array([3.0, 2.0]), np.array([4.0, 2.0])).value)


@pytest.mark.parametrize("ties", [False, True])
def test_standard_errors_equal_the_spread_over_samples(ties: bool) -> None:
    rng = np.random.default_rng(1)
    draws: dict[str, list[tuple[float, float]]] = {"qini": [], "auuc": [], "at": [], "curve": []}
    for _ in range(400):
        x = rng.normal(size=300)
        effects = np.round(x) if ties else x
        scores = 1.0 + x + rng.normal(size=300)
        for name, e in (
            ("qini", qini(effects, scores)),
            ("auuc", auuc(effects, scores)),
            ("at", uplift_at(effects, scores, 0.3)),
        ):
            draws[name].append((e.value, e.std_error))
        curve = uplift_curve(effects, scores, n_points=3)
        draws["curve"].append((curve.gain.value[1], curve.gain.std_error[1]))
    for name, pairs in draws.items():
        values, errors = np.array(pairs).T
        assert 0.88 < errors.mean() / values.std() < 1.13, name
    values, errors = np.array(draws["qini"]).T
    if not ties:
        truth = 0.5 / np.sqrt(np.pi)  # E[(1 + x) (F(x) - 1/2)] for a standard normal x
        assert 0.92 <= (np.abs(values - truth) < 1.96 * errors).mean() <= 0.98


def test_curve_band_starts_and_ends_where_it_must() -> None:
    rng = np.random.default_rng(2)
    effects, scores = rng.normal(size=200), rng.normal(1.0, 1.0, size=200)
    curve = uplift_curve(effects, scores, n_points=11)
    lower, upper = curve.band(0.9)
    assert lower[0] == upper[0] == 0.0
    assert (lower[1:] < upper[1:]).all()
    assert curve.gain.value[-1] == pytest.approx(scores.mean()) == curve.random[-1]
    assert curve.gain.std_error[-1] == pytest.approx(scores.std(ddof=1) / np.sqrt(200))
    assert uplift_at(effects, scores, 1.0).value == pytest.approx(scores.mean())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="shape"):
        qini(np.zeros(3), np.zeros(4))
    with pytest.raises(InputError, match="shape"):
        qini(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(NotFinite, match="effects"):
        qini(np.array([np.nan, 1.0]), np.zeros(2))
    with pytest.raises(InputError, match="share"):
        uplift_at(np.zeros(3), np.zeros(3), 0.0)


def test_a_top_share_of_fewer_than_ten_units_is_refused() -> None:
    effects, scores = np.random.default_rng(3).normal(size=(2, 100))
    with pytest.raises(TooFewUnits, match="9 units") as refused:
        uplift_at(effects, scores, 0.09)
    assert "at least 0.1" in refused.value.remedy
    assert uplift_at(effects, scores, 0.1).value == pytest.approx(scores[np.argsort(effects)[-10:]].mean())
