"""Qini from observed outcomes against its definition, unit by unit."""

from itertools import pairwise

import numpy as np
import pytest

from dorec.domain.errors import InputError, NotFinite, OneArm
from dorec.evaluate import observed_qini


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
