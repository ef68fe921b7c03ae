import numpy as np
import pytest

from dorec.numeric.elimination import sum_product


@pytest.mark.parametrize("seed", range(10))
def test_against_the_full_product(seed):
    rng = np.random.default_rng(seed)
    levels = rng.integers(2, 4, 6)
    factors = []
    for _ in range(7):
        names = tuple(rng.choice(6, rng.integers(1, 4), replace=False).tolist())
        factors.append((names, rng.random([levels[v] for v in names])))
    used = sorted({v for names, _ in factors for v in names})
    keep = rng.permutation(used)[:2].tolist()
    operands = [part for names, table in factors for part in (table, list(names))]
    assert np.allclose(sum_product(factors, keep), np.einsum(*operands, keep))


def test_a_table_that_is_too_large_is_refused_before_it_is_made():
    pairs = [((i, "hub"), np.ones((2, 2))) for i in range(40)]
    with pytest.raises(OverflowError, match="more than 1,024 cells"):
        sum_product(pairs, list(range(40)), max_cells=1024)


def test_a_kept_variable_needs_a_factor():
    with pytest.raises(ValueError, match="no factor holds"):
        sum_product([(("a",), np.ones(2))], ["b"])
