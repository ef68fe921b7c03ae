import numpy as np
import pytest

from dorec.numeric.partial_correlation import determined_columns, partial_correlation


@pytest.mark.parametrize("size", [0, 1, 2, 4])
def test_partial_correlation_is_the_correlation_of_residuals(size):
    rng = np.random.default_rng(size)
    data = rng.normal(size=(300, 7)) @ rng.normal(size=(7, 7))
    given = tuple(range(2, 2 + size))
    rest = np.column_stack([np.ones(300), data[:, list(given)]])
    residual = data - rest @ np.linalg.lstsq(rest, data, rcond=None)[0]
    expected = np.corrcoef(residual[:, 0], residual[:, 1])[0, 1]
    assert np.isclose(partial_correlation(np.corrcoef(data, rowvar=False), 0, 1, given), expected)


def test_columns_that_others_determine_are_found():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(100, 5))
    assert determined_columns(np.corrcoef(data, rowvar=False)).tolist() == []
    with_sum = np.column_stack([data[:, :3], data[:, 0] - 2 * data[:, 1], data[:, 3:]])
    assert determined_columns(np.corrcoef(with_sum, rowvar=False)).tolist() == [3]
