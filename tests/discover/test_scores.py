from math import lgamma, log

import numpy as np
import pytest

from dorec.discover.scores import BDeu, DiscreteBIC, GaussianBIC
from dorec.numeric.local_score import grow_scores


def counted(codes, y, parents):
    """Counts of y in each cell of its parents that occurs, and the number of all cells."""
    cells = {}
    for row in codes.T:
        cells.setdefault(tuple(row[list(parents)]), np.zeros(codes[y].max() + 1))[row[y]] += 1
    return list(cells.values()), int(np.prod([codes[p].max() + 1 for p in parents]))


@pytest.mark.parametrize("parents", [(), (0,), (2, 0), (3, 1, 0)])
def test_gaussian_bic_is_that_of_a_regression(parents):
    rng = np.random.default_rng(1)
    data = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5))
    data = (data - data.mean(axis=0)) / data.std(axis=0)
    x = data[:, list(parents)]
    rest = data[:, 4] - x @ np.linalg.lstsq(x, data[:, 4], rcond=None)[0]
    expected = -100 * log((rest**2).mean()) - 1.5 * len(parents) / 2 * log(200)
    score = GaussianBIC(np.corrcoef(data, rowvar=False), n=200, penalty_discount=1.5)
    assert score.local(4, parents) == pytest.approx(expected, rel=1e-8, abs=1e-7)


@pytest.mark.parametrize("parents", [(), (0,), (2, 0), (3, 1, 0)])
def test_discrete_scores_are_the_textbooks(parents):
    rng = np.random.default_rng(2)
    codes = rng.integers(0, [[2], [3], [4], [5], [3]], (5, 60)).astype(np.int32)
    counts, q = counted(codes, 4, parents)
    bic = sum(n * log(n / c.sum()) for c in counts for n in c if n) - 0.5 * q * 2 * log(60)
    assert DiscreteBIC(codes).local(4, parents) == pytest.approx(bic)
    a = 4.0 / q
    bdeu = sum(lgamma(a) - lgamma(a + c.sum()) + sum(lgamma(a / 3 + n) - lgamma(a / 3) for n in c) for c in counts)
    assert BDeu(codes, sample_size=4.0).local(4, parents) == pytest.approx(bdeu)


@pytest.mark.parametrize("make", [0, 1, 2])
def test_growing_scores_every_further_parent_as_alone(make):
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 3, (6, 80)).astype(np.int32)
    score = [GaussianBIC(np.corrcoef(codes), 80), DiscreteBIC(codes), BDeu(codes)][make]
    data = score.data(np.arange(6))
    out, wanted = np.full(6, np.nan), np.array([True, False, True, True, False, False])
    for parents in ((), (1,), (1, 4)):
        grow_scores(data, 5, np.array(parents, dtype=np.int64), len(parents), wanted, out)
        expected = [score.local(5, (*parents, c)) / 80 for c in (0, 2, 3)]
        assert out[[0, 2, 3]] == pytest.approx(expected)
        assert np.isnan(out[[1, 4, 5]]).all()


def test_bdeu_is_equal_for_equivalent_graphs():
    rng = np.random.default_rng(4)
    score = BDeu(rng.integers(0, 3, (3, 100)).astype(np.int32))
    chain = score.local(0, ()) + score.local(1, (0,)) + score.local(2, (1,))
    fork = score.local(1, ()) + score.local(0, (1,)) + score.local(2, (1,))
    assert chain == pytest.approx(fork)
