import numpy as np

from dorec.domain.estimate import Estimate
from dorec.explain import EstimateTable, FigureBlock, Report, Section, Table, Text, bars_figure, render_text


def test_tables_stand_in_columns_and_pictures_are_left_out():
    estimate = Estimate.of_mean(np.array([1.0, 2.0, 3.0, 2.0]), name="lift", unit="USD")
    blocks = [
        Table(["arm", "users"], [["mail", 1200], ["none", 90]], caption="Sizes"),
        FigureBlock(bars_figure(["tea"], [1.0], title="Sold")),
        EstimateTable([estimate], truth={"lift": 2.1}),
        Text("**Bold** words."),
    ]
    lines = render_text(Report("Shop", headline=["It pays."], sections=[Section("Data", blocks=blocks)])).splitlines()
    assert "mail  1,200" in lines
    assert "none     90" in lines
    assert "- It pays." in lines
    assert "Bold words." in lines
    assert any(line.startswith("lift") and "2.1" in line for line in lines)
    assert "Sold" not in "\n".join(lines)
