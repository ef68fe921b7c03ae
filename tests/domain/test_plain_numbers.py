"""Numbers are taken as they are, and what is none is named."""

import numpy as np
import pandas as pd
import pytest

from dorec.domain.errors import InputError
from dorec.domain.plain_numbers import as_numbers, is_number, is_whole


def test_any_frame_or_list_of_numbers_is_read_and_float64_is_not_copied():
    x = np.ones((2, 2))
    assert as_numbers(x, "x") is x
    for given in (x.tolist(), x.astype(np.float32), x.astype(object), pd.DataFrame(x), x.astype(bool)):
        np.testing.assert_array_equal(as_numbers(given, "x"), x)
    assert np.isnan(as_numbers(np.array([1.0, None], dtype=object), "x")[1])


@pytest.mark.parametrize("given", [["1"], [[1], [1, 2]], [1j], np.array(["2024"], "M8[s]"), {"a": 1}, [object()]])
def test_what_is_no_number_is_named(given):
    with pytest.raises(InputError, match="The dose can't be read as numbers"):
        as_numbers(given, "The dose")


@pytest.mark.parametrize("value", [np.float32(1), float("nan"), 3])
def test_a_number_is_one_number(value):
    assert is_number(value)


@pytest.mark.parametrize("value", [4.5, float("nan"), float("inf"), True, np.bool_(True), "3", None, 2])
def test_whole_numbers_have_a_least(value):
    assert not is_whole(value, 3)
    assert is_whole(np.int8(3), 3)
