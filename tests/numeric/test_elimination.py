import numpy as np
import pytest

from dorec.numeric.elimination import elimination_order, sum_product


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


def test_every_variable_but_those_kept_goes_once_in_an_order_that_follows_no_listing():
    rng = np.random.default_rng(3)
    for _ in range(50):
        scopes = [tuple(rng.choice(9, rng.integers(1, 4), replace=False).tolist()) for _ in range(10)]
        size = {v: int(rng.integers(2, 5)) for scope in scopes for v in scope}
        keep = list(size)[:2]
        order = elimination_order(scopes, size, keep)
        assert sorted(order) == sorted(set(size) - set(keep))
        turned = [scopes[i] for i in rng.permutation(len(scopes))]
        assert elimination_order(turned, dict(sorted(size.items())), keep) == order


def test_a_chain_and_a_star_leave_no_table_of_more_than_two():
    chain = [(i, i + 1) for i in range(300)]
    assert sum_product([(scope, np.full((2, 2), 0.5)) for scope in chain], [0], max_cells=4).tolist() == [1.0, 1.0]
    star = [("hub", f"leaf {i}") for i in range(40)]
    assert sum_product([(scope, np.full((2, 2), 0.5)) for scope in star], ["hub"], max_cells=4).shape == (2,)


def test_answers_with_everything_kept_or_nothing():
    table = np.random.default_rng(0).random((2, 3))
    assert np.allclose(sum_product([(("a", "b"), table)], ["b", "a"]), table.T)
    assert np.isclose(sum_product([(("a", "b"), table)], []), table.sum())
    assert np.isclose(sum_product([((), np.array(0.9))] * 70, []), 0.9**70)
