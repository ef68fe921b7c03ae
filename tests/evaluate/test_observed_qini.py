"""Qini from observed outcomes against its definition, unit by unit."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from dorec.domain.errors import InputError, NotFinite, OneArm
from dorec.evaluate import observed_auuc, observed_qini


def area(effects: np.ndarray, y: np.ndarray, t: np.ndarray) -> tuple[float, float]:
    """The area under the curve and its last height, written as the definition reads."""
    points = [(0.0, 0.0)]
    for level in sorted(set(effects), reverse=True):
        best = effects >= level
        treated, control = (best & (t == 1)).sum(), (best & (t == 0)).sum()
        scaled = y[best & (t == 0)].sum() * treated / control if control else 0.0
        points.append((best.sum(), y[best & (t == 1)].sum() - scaled))
    total = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
    return total, points[-1][1]


@pytest.mark.parametrize("ties", [False, True])
def test_equals_the_definition(ties: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        e = rng.normal(size=40)
        e = np.round(e) if ties else e
        t, y = rng.integers(0, 2, 40), rng.integers(0, 2, 40)
        actual, last = area(e, y, t)
        perfect, _ = area((y * t - y * (1 - t)).astype(float), y, t)
        expected = (actual - 20 * last) / (perfect - 20 * last)
        assert observed_qini(e, y, t) == pytest.approx(expected)


def test_the_perfect_ranking_is_one_and_none_is_zero() -> None:
    rng = np.random.default_rng(1)
    t, y = rng.integers(0, 2, 100), rng.integers(0, 2, 100)
    assert observed_qini(y * t - y * (1 - t), y, t) == pytest.approx(1.0)
    assert observed_qini(np.zeros(100), y, t) == pytest.approx(0.0, abs=1e-12)


def test_refusals() -> None:
    y, t = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    with pytest.raises(InputError, match="shapes"):
        observed_qini(np.ones(3), y, t)
    with pytest.raises(NotFinite):
        observed_qini(np.full(4, np.nan), y, t)
    with pytest.raises(InputError, match="0 or 1"):
        observed_qini(np.ones(4), y * 2, t)
    with pytest.raises(OneArm):
        observed_qini(np.ones(4), y, np.ones(4))
    with pytest.raises(InputError, match="does not vary"):
        observed_qini(np.ones(4), y * 0, t)
    with pytest.raises(InputError, match="definition"):
        observed_qini(np.ones(4), y, t, definition="mine")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="ends at 0"):
        observed_auuc(np.ones(4), np.array([1, 0, 1, 0]), t, definition="causalml")


SCIKIT_UPLIFT = (0.1076885262376974, 0.13126365002058304, 0.09481819034510339, 0.11896582473083184)
CAUSALML = (0.22586281780083808, 0.7413465157118047)


def by_frame(e: np.ndarray, y: np.ndarray, t: np.ndarray) -> tuple[float, float, float, float]:
    """causalml's Qini and AUUC, plain and normalised, as its curves are described: one row a unit, 0 first."""
    frame = pd.DataFrame({"e": e, "y": y, "t": t}).sort_values("e", ascending=False, kind="stable")
    treated = frame["t"].cumsum().to_numpy()
    control = np.arange(1, len(e) + 1) - treated
    of_treated, of_control = (frame["y"] * frame["t"]).cumsum(), (frame["y"] * (1 - frame["t"])).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = of_treated.to_numpy() / treated - of_control.to_numpy() / control
        height = of_treated.to_numpy() - of_control.to_numpy() * treated / control
    lift = pd.Series(np.r_[0.0, lift]).interpolate().to_numpy() * np.arange(len(e) + 1)
    height = pd.Series(np.r_[0.0, height]).interpolate().to_numpy()
    qini = height.mean() - np.linspace(0, height[-1], len(height)).mean()
    return qini, qini / abs(height[-1]), lift.mean(), lift.mean() / abs(lift[-1])


@pytest.mark.parametrize("ties", [False, True])
def test_causalml_s_definitions(ties: bool) -> None:
    rng = np.random.default_rng(4)
    for n in (6, 30, 200):
        e = rng.normal(size=n)
        e = np.round(e) if ties else e
        t, y = np.arange(n) % 2, rng.normal(size=n)
        asked = [(f, norm) for f in (observed_qini, observed_auuc) for norm in (False, True)]
        found = [f(e, y, t, definition="causalml", normalise=norm) for f, norm in asked]
        np.testing.assert_allclose(found, by_frame(e, y, t))


def test_figures_of_the_libraries_themselves() -> None:
    """Written down from scikit-uplift 0.5.1 and causalml 0.18.0."""
    rng = np.random.default_rng(7)
    e, t = rng.normal(size=500), rng.integers(0, 2, 500)
    y = (rng.random(500) < 0.3 + 0.2 * t * (e > 0)).astype(int)
    assert observed_qini(e, y, t) == pytest.approx(SCIKIT_UPLIFT[0], abs=1e-12)
    assert observed_auuc(e, y, t) == pytest.approx(SCIKIT_UPLIFT[1], abs=1e-12)
    assert observed_qini(np.round(e), y, t) == pytest.approx(SCIKIT_UPLIFT[2], abs=1e-12)
    assert observed_auuc(np.round(e), y, t) == pytest.approx(SCIKIT_UPLIFT[3], abs=1e-12)
    assert observed_qini(e, y, t, definition="causalml") == pytest.approx(CAUSALML[0], abs=1e-12)
    assert observed_auuc(e, y, t, definition="causalml") == pytest.approx(CAUSALML[1], abs=1e-12)
