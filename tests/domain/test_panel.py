"""Panels: what a long table must be, and what becomes of it."""

import datetime as dt
from typing import Any

import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, InputError, NotFinite, TooFewUnits
from dorec.domain.panel import Panel


def long_table() -> dict[str, Any]:
    unit, time = np.repeat(["c", "a", "b"], 3), np.tile([3, 1, 2], 3)
    start = np.where(unit == "a", 2.0, np.where(unit == "b", 9.0, np.nan))
    y = time + 10.0 * (unit == "b")
    return {"unit": unit.tolist(), "time": time, "y": y, "start": start, "x": time * 1.0, "z": unit == "c"}


def read(table: dict[str, Any], **fields: Any) -> Panel:
    roles = {"unit": "unit", "time": "time", "outcome": "y", "treated_from": "start"} | fields
    return Panel.from_table(table, **roles)


def test_rows_are_sorted_and_starts_found() -> None:
    panel = read(long_table(), covariates=["x"], cluster="z")
    assert panel.units.tolist() == ["a", "b", "c"]
    assert panel.outcome.tolist() == [[1, 2, 3], [11, 12, 13], [1, 2, 3]]
    assert panel.starts.tolist() == [1, 3, 3]  # a start after the panel is none within it
    assert panel.covariates.ravel().tolist() == [1, 1, 1]  # of the first time
    assert (panel.group_sizes, panel.n_never) == ({2: 1}, 2)
    assert panel.cluster is not None
    assert panel.cluster.tolist() == [False, False, True]


def test_row_order_does_not_matter() -> None:
    table = long_table()
    order = np.random.default_rng(0).permutation(9)
    shuffled = {name: np.asarray(values)[order] for name, values in table.items()}
    assert read(shuffled).sample == read(table).sample


def test_treated_flags_and_dates_say_the_same() -> None:
    table = long_table()
    flags = (np.asarray(table["time"]) >= table["start"]).astype(int)
    by_flag = Panel.from_table(table | {"on": flags}, unit="unit", time="time", outcome="y", treated="on")
    assert by_flag.starts.tolist() == [1, 3, 3]
    days = [dt.date(2024, 1, int(t)) for t in table["time"]]
    begun = [None if s != s else dt.date(2024, 1, int(s)) for s in table["start"]]
    assert read(table | {"time": days, "start": begun}).starts.tolist() == [1, 3, 3]


def test_what_cannot_be_a_panel_is_named() -> None:
    table = long_table()
    twice = {name: [*values, values[0]] for name, values in table.items()}
    with pytest.raises(InputError, match="more than one row, the first c at 3"):
        read(twice)
    with pytest.raises(InputError, match="not balanced: 1 of 3 units lack a time, the first c at 3"):
        read({name: values[1:] for name, values in table.items()})
    with pytest.raises(TooFewUnits, match=r"1 time\(s\)"):
        read({name: values[::3] for name, values in table.items()})
    moving = np.array(table["start"])
    moving[4] = 3.0
    with pytest.raises(InputError, match="more than one value of 'start', the first a"):
        read(table | {"start": moving})
    on = (np.asarray(table["unit"]) == "a") & (np.asarray(table["time"]) == 2)
    with pytest.raises(InputError, match="lose their treatment again, the first a"):
        Panel.from_table(table | {"on": on}, unit="unit", time="time", outcome="y", treated="on")
    with pytest.raises(InputError, match="change their 'w', the first a"):
        read(table | {"w": [0, 0, 0, 1, 2, 1, 3, 3, 3]}, cluster="w")
    with pytest.raises(NotFinite, match="'y'"):
        read(table | {"y": [np.nan] * 9})
    with pytest.raises(ColumnNotFound, match="Did you mean 'start'"):
        read(table, treated_from="strat")
    with pytest.raises(InputError, match="either"):
        read(table, treated="on")
    with pytest.raises(InputError, match="order"):
        read(table | {"time": [str(t) for t in table["time"]]})
