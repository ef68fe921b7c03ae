import numpy as np
import pytest
from scipy import special, stats

from dorec.numeric.acyclicity import is_acyclic
from dorec.numeric.block_correlation import block_ratios, eliminate, ratio_p_values
from dorec.numeric.conditional_gaussian import digamma
from dorec.numeric.incomplete_moments import incomplete_ratios, moments_of

START = np.array([0, 1, 3, 4, 6])


def data(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 6)) @ (np.eye(6) + 0.5 * rng.normal(size=(6, 6)))


def log_det(matrix, columns):
    return np.linalg.slogdet(matrix[np.ix_(columns, columns)])[1]


@pytest.mark.parametrize("row", [(0, 1), (1, 3), (0, 2, 1), (3, 1, 0, 2)])
def test_ratio_is_that_of_determinants(row):
    r = np.corrcoef(data(100), rowvar=False)
    x, y, *given = (list(range(START[v], START[v + 1])) for v in row)
    z = [c for block in given for c in block]
    wanted = log_det(r, x + z) + log_det(r, y + z) - log_det(r, x + y + z) - (log_det(r, z) if z else 0.0)
    ratio, ranks = block_ratios(r, START, np.array([row], dtype=np.int32))
    assert np.isclose(ratio[0], wanted)
    assert ranks.tolist() == [[len(x), len(y), len(z)]]
    p_value, _ = ratio_p_values(ratio, ranks, np.array([100]))
    room = 99 - len(z) - (len(x) + len(y) + 1) / 2
    assert np.isclose(p_value[0], stats.chi2.sf(room * wanted, len(x) * len(y)))


def test_what_is_determined_adds_nothing_and_is_not_tested():
    numbers = data(50)
    numbers[:, 4] = numbers[:, 3] - 2 * numbers[:, 0]
    r = np.corrcoef(numbers, rowvar=False)
    matrix = r.copy()
    assert eliminate(matrix, 0, 6)[0] == 5
    singles = np.arange(7)
    ratio, ranks = block_ratios(r, singles, np.array([[4, 5, 0, 3]], dtype=np.int32))
    assert ranks[0, 0] == 0
    assert np.isnan(ratio_p_values(ratio, ranks, np.array([50]))[0][0])


@pytest.mark.parametrize("share", [0.0, 0.05, 0.6])
def test_incomplete_rows_give_the_ratio_of_those_that_are_complete(share):
    numbers = data(400, seed=1)
    gone = np.random.default_rng(0).random((400, 4)) < share
    for v in range(4):
        numbers[gone[:, v], START[v] : START[v + 1]] = np.nan
    moments = moments_of(numbers, START)
    assert moments.n_rows.sum() + len(moments.row) == 400
    for row in ((0, 1), (1, 3, 2), (0, 2, 1, 3)):
        whole = ~gone[:, row].any(axis=1)
        ratio, ranks, n_rows = incomplete_ratios(moments, START, np.array([row], dtype=np.int32))
        wanted = block_ratios(
            np.corrcoef(np.nan_to_num(numbers[whole]), rowvar=False), START, np.array([row], dtype=np.int32)
        )
        assert n_rows[0] == whole.sum()
        assert np.isclose(ratio[0], wanted[0][0])
        assert ranks.tolist() == wanted[1].tolist()


def test_digamma():
    at = np.array([0.05, 0.5, 1.0, 2.5, 7.9, 8.0, 40.0, 1e4])
    assert np.allclose([digamma(float(x)) for x in at], special.digamma(at), atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_cycles(seed):
    directed = np.random.default_rng(seed).random((6, 6)) < 0.2
    np.fill_diagonal(directed, False)
    paths = np.linalg.matrix_power(np.eye(6) + directed, 6) @ directed
    assert is_acyclic(directed) == (np.diag(paths) == 0).all()
