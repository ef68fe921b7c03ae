import numpy as np
import pytest

from dorec.numeric.cell_moments import cell_moments


@pytest.mark.parametrize("weighted", [True, False])
def test_sums_are_those_of_each_cell(weighted):
    rng = np.random.default_rng(0)
    x, y, cell = rng.normal(size=(200, 3)), rng.normal(size=200), rng.integers(4, size=200)
    weight = rng.random(200) if weighted else np.ones(1)
    gram, cross = cell_moments(x, y, weight, cell, 5)
    for c in range(5):
        rows = cell == c
        w = weight[rows] if weighted else np.ones(rows.sum())
        assert np.allclose(gram[c], (x[rows] * w[:, None]).T @ x[rows])
        assert np.allclose(cross[c], (x[rows] * w[:, None]).T @ y[rows])
