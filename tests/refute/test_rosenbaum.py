"""Rosenbaum bounds: the published table, the worst case by enumeration, and their monotony."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from dorec.domain.errors import InputError, NotFinite, TooFewUnits
from dorec.refute import rosenbaum_bounds

LEAD = [22, 5, 23, -6, 18, 25, 13, 47, 15, 16, 6, 1, 2, 7, 0, 4, -9, -3, 36, 25, 1, 16, 42, 30, 25, 23, 32, 17, 9, -3]
LEAD += [60, 14, 14]


def test_the_published_table() -> None:
    """Rosenbaum 2002, table 4.1: lead in the blood of children of exposed workers (Morton et al. 1982)."""
    found = rosenbaum_bounds(LEAD, gammas=[1, 2, 3, 4, 4.25, 5])
    assert found.p_value[0] < 1e-4
    np.testing.assert_allclose(found.p_value[1:], [0.0018, 0.0136, 0.0388, 0.0468, 0.0740], atol=5e-5)
    assert 4.25 < found.tipping_point < 5
    assert found.n_pairs == 32


def test_near_the_exact_worst_case() -> None:
    rng = np.random.default_rng(0)
    d = rng.normal(0.8, 1.0, size=12)
    ranks = stats.rankdata(np.abs(d))
    observed = ranks[d > 0].sum()
    for gamma in (1.0, 2.0):
        p = gamma / (1 + gamma)
        exact = 0.0
        for signs in product([0, 1], repeat=12):
            s = np.array(signs)
            if s @ ranks >= observed - 1e-9:
                exact += p ** s.sum() * (1 - p) ** (12 - s.sum())
        assert rosenbaum_bounds(d, gammas=[gamma]).p_value[0] == pytest.approx(exact, abs=0.02)


def test_monotone_and_symmetric() -> None:
    found = rosenbaum_bounds(LEAD, gammas=np.linspace(1, 20, 40))
    assert (np.diff(found.p_value) > 0).all()
    mirrored = rosenbaum_bounds(-np.array(LEAD), gammas=[2.0])
    assert mirrored.p_value[0] == rosenbaum_bounds(LEAD, gammas=[2.0]).p_value[0]
    assert rosenbaum_bounds(np.tile([1.0, -1.0], 10)).tipping_point == 1.0
    at = rosenbaum_bounds(LEAD).tipping_point
    assert rosenbaum_bounds(LEAD, gammas=[at]).p_value[0] == pytest.approx(0.05)


def test_refusals() -> None:
    with pytest.raises(TooFewUnits):
        rosenbaum_bounds(np.r_[np.zeros(50), np.ones(9)])
    with pytest.raises(NotFinite):
        rosenbaum_bounds([*LEAD, np.nan])
    with pytest.raises(InputError, match="gammas"):
        rosenbaum_bounds(LEAD, gammas=[0.5])
    with pytest.raises(InputError, match="alpha"):
        rosenbaum_bounds(LEAD, alpha=0.5)
    with pytest.raises(InputError, match="shape"):
        rosenbaum_bounds(np.ones((20, 2)))
