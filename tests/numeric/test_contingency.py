import numpy as np
import pytest
from scipy import stats

from dorec.numeric.contingency import chi2_sf, table_p_value


@pytest.mark.parametrize("df", [1, 2, 3, 7, 30, 200, 5000])
def test_tail_of_chi_square_against_scipy(df):
    for quantile in (1e-6, 0.01, 0.3, 0.5, 0.9, 0.999, 1 - 1e-9):
        x = stats.chi2.ppf(quantile, df)
        assert np.isclose(chi2_sf(x, df), stats.chi2.sf(x, df), rtol=1e-8, atol=1e-14)
    assert chi2_sf(0.0, df) == 1.0
    assert np.isclose(chi2_sf(20.0 * df + 400, df), stats.chi2.sf(20.0 * df + 400, df), rtol=1e-7, atol=0)


def test_layers_with_one_row_or_column_count_nothing():
    empty = np.array([[[5.0, 3.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    assert table_p_value(empty, False) == 1.0
    table = np.array([[[10.0, 20.0], [30.0, 15.0]]])
    expected = stats.chi2_contingency(table[0], correction=False).pvalue
    assert np.isclose(table_p_value(np.concatenate([table, empty]), False), expected)
