import numpy as np
import pytest

from dorec.domain.errors import InputError, NotFinite
from dorec.experiment import Mean, Ratio
from dorec.experiment.units import read_units


def test_totals_of_units_are_sums_over_their_rows():
    table = {"u": ["b", "a", "b", "c"], "arm": [1, 0, 1, 0], "x": [1.0, 2.0, 3.0, 4.0]}
    units = read_units(table, "arm", [Mean("x")], None, "u")
    assert units.names == ("(rows)", "x")
    assert units.totals.tolist() == [[1.0, 2.0], [2.0, 4.0], [1.0, 4.0]]
    assert units.arm.tolist() == [0, 1, 0]


def test_rows_are_units_where_no_user_repeats():
    table = {"user_id": [7, 8, 9, 10], "arm": [1, 0, 1, 0], "x": [1.0, 2.0, 3.0, 4.0], "y": np.ones(4)}
    units = read_units(table, "arm", [Ratio("x", "y"), Mean("x")], 1, None)
    assert units.arms == (1, 0)
    assert units.totals[:, 1].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert units.verdicts == ()


def test_the_same_rows_are_the_same_sample_and_others_are_not():
    table = {"arm": [1, 0, 1, 0], "x": [1.0, 2.0, 3.0, 4.0]}
    one, two = (read_units(table, "arm", [Mean("x")], None, None).sample for _ in range(2))
    other = read_units({**table, "x": [1.0, 2.0, 3.0, 5.0]}, "arm", [Mean("x")], None, None).sample
    assert one == two != other


def test_a_column_of_many_levels_is_no_treatment():
    with pytest.raises(InputError, match="60 levels"):
        read_units({"arm": np.arange(120) % 60, "x": np.ones(120)}, "arm", [Mean("x")], None, None)


@pytest.mark.parametrize(
    "ids",
    [["a", "b", None, "c", None, "d"], [1.0, 2.0, float("nan"), 3.0, float("nan"), 4.0], [1, 2, None, 3, None, 4]],
    ids=["text", "float", "integer"],
)
@pytest.mark.parametrize("unit", [None, "user_id"])
def test_rows_without_an_id_are_no_unit_of_their_own(ids, unit):
    table = {"user_id": ids, "arm": [0, 1, 0, 1, 0, 1], "x": np.arange(6.0)}
    with pytest.raises(NotFinite, match=r"'user_id' is missing in 2 row\(s\), the first row 2.*Remedy: give") as caught:
        read_units(table, "arm", [Mean("x")], None, unit)
    assert caught.value.evidence == {"column": "user_id", "rows": [2, 4]}
