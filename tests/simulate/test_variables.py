import numpy as np
import pyarrow as pa
import pytest

from dorec.domain.errors import InputError, NotFinite
from dorec.simulate.variables import Variable, looks_discrete, plain


@pytest.mark.parametrize(
    ("values", "discrete"),
    [
        (["b", "a", "b"], True),
        ([True, False, True], True),
        ([3, 1, 2], True),
        (list(range(11)), False),
        ([0.0, 1.0, 1.0], True),
        ([0.0, 0.5, 1.0], False),
        (pa.array(["a", "b", "a"]).dictionary_encode(), True),
        (pa.array([1, 2], type=pa.decimal128(5, 2)), True),
        (np.array([1.5, 2.5, 3.5], dtype=np.float32), False),
    ],
)
def test_which_columns_are_discrete_and_values_come_back(values, discrete):
    column = plain("x", values)
    assert looks_discrete(column, 10) is discrete
    variable = Variable.of("x", column, discrete)
    back = variable.decode(variable.encode(values))
    assert back.tolist() == [type(b)(v) for b, v in zip(back.tolist(), column.to_pylist(), strict=True)]
    assert Variable.from_dict(variable.to_dict()) == variable


def test_levels_are_sorted_whatever_comes_first():
    assert Variable.of("x", plain("x", ["b", "c", "a"]), True).levels == ("a", "b", "c")
    assert Variable.of("x", plain("x", [10, 9]), True).levels == (9, 10)


def test_numbers_of_levels():
    assert Variable("x", (False, True)).numbers.tolist() == [0, 1]
    with pytest.raises(InputError, match="words for levels"):
        _ = Variable("x", ("a", "b")).numbers


def test_whole_floats_are_the_levels_of_whole_numbers():
    variable = Variable("x", (0, 1, 2))
    assert variable.encode([2.0, 0.0]).tolist() == [2, 0]
    with pytest.raises(InputError, match=r"no level 0\.5"):
        variable.encode([0.5])
    with pytest.raises(InputError, match="no level 'a'"):
        variable.encode(["a"])


def test_gaps_and_strange_columns():
    with pytest.raises(NotFinite, match="2 of 3 rows") as refusal:
        plain("x", [None, float("nan"), 1.0])
    assert refusal.value.evidence == {"column": "x", "rows": 2}
    with pytest.raises(InputError, match="Convert it first"):
        plain("x", np.array(["2026-01-01"], dtype="datetime64[D]"))


def test_an_open_range_is_kept_as_json():
    variable = Variable("x")
    assert variable.to_dict()["low"] is None
    assert Variable.from_dict(variable.to_dict()) == variable
