import pytest

from dorec.domain.errors import InputError, OneArm
from dorec.explain.blocks import RefusalBlock, Table


def test_a_ragged_table_is_refused_with_the_row():
    with pytest.raises(InputError, match="Row 1 of table 'Sizes' has 1 cells, it has 2 columns"):
        Table(["arm", "users"], [["mail", 3], ["none"]], caption="Sizes")


def test_a_format_for_an_unknown_column_is_refused():
    with pytest.raises(InputError, match="no column 'user'; it has arm, users"):
        Table(["arm", "users"], [], caption="Sizes", formats={"user": "count"})


def test_bare_refusals_have_no_question():
    refusal = OneArm("all were treated")
    assert RefusalBlock([refusal, ("Why?", refusal)]).pairs == [("", refusal), ("Why?", refusal)]
