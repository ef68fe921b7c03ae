import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.explanation import Explanation
from dorec.explain.blocks import EstimateTable, KeyFigures, Table
from dorec.explain.views import explanation_view, view


def test_the_parts_shown_add_up_to_the_total():
    parts = {f"part {i}": 1.0 / (i + 1) for i in range(9)} | {"minus": -0.5}
    shown = explanation_view(Explanation(summary="", parts=parts))
    values = [float(p["value"].replace("−", "-")) for p in shown["parts"]]
    assert len(values) == 5
    assert sum(values) == pytest.approx(sum(parts.values()), abs=0.01)
    assert float(shown["total"]) == pytest.approx(sum(parts.values()), abs=0.005)


def test_a_part_that_is_no_number_is_refused():
    with pytest.raises(InputError, match="not finite"):
        explanation_view(Explanation(summary="", parts={"a": float("nan")}))


def test_coverage_is_told_for_each_value():
    rows = np.tile([[1.0, 5.0], [3.0, 7.0]], (50, 1))
    both = Estimate.of_mean(rows, name=("a", "b"))
    table = view(EstimateTable([both, Estimate(1.0, name="c")], truth={"a": 2.0, "b": 8.0, "c": 1.0}))
    assert [row["covered"] for row in table["rows"]] == [True, False, None]
    assert table["rows"][2]["no_interval"] == "it has no influence vector"


def test_rows_of_one_unit_share_a_scale_and_others_do_not():
    rng = np.random.default_rng(0)
    money = [Estimate.of_mean(rng.normal(size=100) * s, name=str(s), unit="USD") for s in (1, 100)]
    share = Estimate.of_mean(rng.normal(size=100) * 0.01, name="share", unit="share")
    small, large, other = (row["glyph"] for row in view(EstimateTable([*money, share]))["rows"])

    def length(svg):
        start, stop = svg.split('d="M')[1].split('"')[0].split("H")
        return float(stop) - float(start.split()[0])

    assert length(small) < 0.05 * length(large)
    assert length(other) > 0.8 * length(large)


def test_numbers_stand_right_and_text_left():
    columns = view(Table(["name", "n"], [["a", 1], ["b", None]]))["columns"]
    assert [c["align"] for c in columns] == ["left", "right"]


@pytest.mark.parametrize(("n", "per_row"), [(1, 1), (2, 2), (3, 3), (4, 4), (6, 3), (8, 4), (9, 3)])
def test_tiles_fill_their_rows(n, per_row):
    assert view(KeyFigures([("a", 1, "")] * n))["per_row"] == per_row
