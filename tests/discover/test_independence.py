"""Every test of a level against the textbook formula, one at a time."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from dorec.discover.independence import Contingency, FisherZ

D = 5
ALL = ~np.eye(D, dtype=bool)
NONE = np.zeros((D, D), dtype=bool)


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, D)) @ (np.eye(D) + 0.4 * rng.normal(size=(D, D)))


def fisher_p(data, x, y, given):
    rest = np.column_stack([np.ones(len(data)), data[:, list(given)]])
    residual = data - rest @ np.linalg.lstsq(rest, data, rcond=None)[0]
    r = np.corrcoef(residual[:, x], residual[:, y])[0, 1]
    return 2 * stats.norm.sf(np.sqrt(len(data) - len(given) - 3) * abs(np.arctanh(r)))


def chi_p(codes, x, y, given, lambda_):
    statistic, df = 0.0, 0
    layers = {tuple(row) for row in codes[list(given)].T}
    for layer in layers or {()}:
        rows = np.all(layer == codes[list(given)].T, axis=1) if given else np.ones(codes.shape[1], dtype=bool)
        table = np.zeros((4, 4))
        np.add.at(table, (codes[x][rows], codes[y][rows]), 1)
        table = table[table.sum(1) > 0][:, table.sum(0) > 0]
        if min(table.shape) > 1:
            result = stats.chi2_contingency(table, correction=False, lambda_=lambda_)
            statistic, df = statistic + result.statistic, df + result.dof
    return stats.chi2.sf(statistic, df) if df else 1.0


def against(test, p_value, alpha):
    """Hold every level against single tests: largest p-values, and who is in a separating set."""
    for size in range(D - 1):
        level = test.level(size, ALL, ALL, NONE)
        separators = {tuple(row) for row in level.separators.tolist()}
        n_tests = 0
        for x in range(D):
            for y in set(range(D)) - {x}:
                sets = list(combinations(sorted(set(range(D)) - {x, y}), size))
                values = [p_value(x, y, given) for given in sets]
                n_tests += len(values)
                assert np.isclose(level.p_value[x, y], max(values), atol=1e-12)
                members = {s for given, p in zip(sets, values, strict=True) if p > alpha for s in given}
                assert {s for a, b, s in separators if (a, b) == (x, y)} == members
        assert level.n_tests == (n_tests if size else n_tests / 2)


def test_fisher_z(numbers):
    test = FisherZ(np.corrcoef(numbers, rowvar=False), len(numbers), alpha=0.05)
    against(test, lambda x, y, given: fisher_p(numbers, x, y, given), 0.05)


@pytest.mark.parametrize(("name", "lambda_"), [("chi_square", "pearson"), ("g_square", "log-likelihood")])
@pytest.mark.parametrize("n", [30, 100])
def test_contingency(name, lambda_, n):
    rng = np.random.default_rng(1)
    codes = rng.integers(0, [2, 3, 4, 2, 3], (n, D)).T.copy()
    codes[2] = np.where(rng.random(n) < 0.5, codes[0], codes[2])
    codes[4] = np.where(rng.random(n) < 0.4, codes[1], codes[4])
    test = Contingency(codes.astype(np.int32), codes.max(axis=1) + 1, alpha=0.05, name=name)
    against(test, lambda x, y, given: chi_p(codes, x, y, given, lambda_), 0.05)


def test_what_may_not_be_conditioned_on_is_not(numbers):
    test = FisherZ(np.corrcoef(numbers, rowvar=False), len(numbers), alpha=1e-9)
    usable = ALL.copy()
    usable[3] = False
    level = test.level(1, ALL, usable, NONE)
    values = [fisher_p(numbers, 0, 1, (s,)) for s in (2, 4)]
    assert np.isclose(level.p_value[0, 1], max(values), atol=1e-12)
    assert 3 not in level.separators[:, 2]


def test_a_set_that_determines_a_variable_tests_nothing():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 100))
    data = np.column_stack([a, b, a + b, rng.normal(size=100), rng.normal(size=100)])
    level = FisherZ(np.corrcoef(data, rowvar=False), 100, 0.05).level(2, ALL, ALL, NONE)
    # 0 is determined by {1, 2}, so nothing is learned of 0 and 3 from it; other sets still speak
    assert np.isfinite(level.p_value).all()
    assert np.isclose(level.p_value[0, 3], max(fisher_p(data, 0, 3, s) for s in ((1, 4), (2, 4))))
