import numpy as np
import pytest

from dorec.numeric.linear_programme import Infeasible, smallest_and_largest


def test_two_margins_give_frechet_bounds():
    """Cells of a 2 x 2 table with margins a, b: between max(0, a + b - 1) and min(a, b)."""
    columns = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    for a, b in [(0.3, 0.6), (0.8, 0.9), (0.5, 0.5)]:
        rows = np.array([columns[:, 0], columns[:, 1] + 2])
        found = smallest_and_largest(columns.prod(axis=1)[None].astype(float), rows, np.array([1 - a, a, 1 - b, b]))
        assert np.allclose(found, [[max(0.0, a + b - 1), min(a, b)]])


def test_columns_that_agree_change_nothing():
    rng = np.random.default_rng(0)
    objective, rows = rng.normal(size=(2, 8)), rng.integers(0, 3, (1, 8))
    sums = np.array([0.2, 0.5, 0.3])
    once = smallest_and_largest(objective, rows, sums)
    assert np.allclose(once, smallest_and_largest(np.tile(objective, 3), np.tile(rows, 3), sums))
    for level in range(3):
        assert (once[:, 0] <= objective[:, rows[0] == level].max(axis=1) + 1).all()


def test_what_cannot_be_is_said():
    with pytest.raises(Infeasible):
        smallest_and_largest(np.ones((1, 2)), np.array([[0, 0], [1, 1]]), np.array([0.4, 0.6]))
