from itertools import pairwise

import numpy as np
import pytest

from dorec.numeric.degenerate_gaussian import block_rest, blocks_correlation, embedded, swept_rest, swept_rows


def mixed(seed, n=300):
    rng = np.random.default_rng(seed)
    plan, x = rng.integers(0, 4, n), rng.normal(size=n)
    y = x + plan + rng.normal(size=n)
    return [plan, x, y, (y + rng.normal(size=n) > 1).astype(int), np.digitize(x, [-1, 0.3])]


def test_blocks_are_white_and_span_the_indicators():
    columns = mixed(0)
    matrix, first = embedded(columns)
    assert first.tolist() == [0, 3, 4, 5, 6, 8]
    for a, b in pairwise(first):
        block = matrix[:, a:b]
        assert block.T @ block / len(block) == pytest.approx(np.eye(b - a), abs=1e-9)
    indicators = np.eye(4)[columns[0]] - (np.eye(4)[columns[0]]).mean(axis=0)
    fitted = matrix[:, :3] @ np.linalg.lstsq(matrix[:, :3], indicators, rcond=None)[0]
    assert fitted == pytest.approx(indicators, abs=1e-9)


@pytest.mark.parametrize("parents", [(), (1,), (0, 4), (3, 1, 0)])
def test_the_log_determinant_is_that_of_the_conditional_covariance(parents):
    matrix, first = embedded(mixed(1))
    r = blocks_correlation(matrix)
    columns = [c for p in parents for c in range(first[p], first[p + 1])]
    full = np.linalg.slogdet(r[np.ix_([*columns, 4], [*columns, 4])])[1]
    given = np.linalg.slogdet(r[np.ix_(columns, columns)])[1] if columns else 0.0
    assert block_rest(r, first, 2, np.array(parents, dtype=np.int64)) == pytest.approx(full - given, abs=1e-9)


def test_a_numbers_rest_is_that_of_a_regression_on_dummies():
    columns = mixed(2)
    matrix, first = embedded(columns)
    x = np.column_stack([np.eye(4)[columns[0]], columns[1]])
    rest = columns[2] - x @ np.linalg.lstsq(x, columns[2], rcond=None)[0]
    expected = np.log(rest.var() / columns[2].var())
    assert block_rest(blocks_correlation(matrix), first, 2, np.array([0, 1])) == pytest.approx(expected, abs=1e-4)


def test_sweeping_gives_the_same_for_every_further_block():
    matrix, first = embedded(mixed(3))
    r = blocks_correlation(matrix)
    rows, below = swept_rows(r, first, np.array([1, 0]), 2, 2)
    for c in (3, 4):
        found = swept_rest(r, rows, below, first[c], first[c + 1])
        assert found == pytest.approx(block_rest(r, first, c, np.array([0, 1])), abs=1e-9)
        found = swept_rest(r, rows, len(rows), first[c], first[c + 1])
        assert found == pytest.approx(block_rest(r, first, c, np.array([0, 1, 2])), abs=1e-9)


def test_labels_units_and_determined_levels_change_nothing_and_stay_finite():
    columns = mixed(4)
    relabelled = [
        np.array([2, 0, 3, 1])[columns[0]],
        -1000.0 * columns[1],
        columns[2] * 1e-9 + 1e-6,
        1 - columns[3],
        columns[4],
    ]
    found, first = (embedded(columns)[0], embedded(columns)[1])
    other = embedded(relabelled)[0]
    for y, parents in ((2, [0, 1]), (0, [2, 3]), (4, [0, 3])):
        a = block_rest(blocks_correlation(found), first, y, np.array(parents))
        assert a == pytest.approx(block_rest(blocks_correlation(other), first, y, np.array(parents)), abs=1e-8)
    twice = [columns[0], columns[0] // 2]
    matrix, first = embedded(twice)
    assert -20 < block_rest(blocks_correlation(matrix), first, 1, np.array([0])) < -10
