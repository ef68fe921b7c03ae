"""Rows of a panel in order, whatever the time column is made of."""

from datetime import date, timedelta

import numpy as np
import pytest

from dorec.discover.panel import read_panel
from dorec.domain.errors import InputError, NotFinite

DAYS = np.array([1, 2, 3, 5, 6, 7] * 2)
ROWS = {"user": ["b"] * 6 + ["a"] * 6, "x": np.arange(12.0), "y": np.arange(12.0) ** 2}
FIRST = date(2024, 2, 27)


@pytest.mark.parametrize(
    "days",
    [
        DAYS,
        DAYS.astype(float),
        DAYS.astype("int8"),
        np.array([FIRST + timedelta(days=int(t)) for t in DAYS]),
        np.datetime64("2024-02-27", "ns") + DAYS.astype("timedelta64[D]"),
        DAYS * 7,
    ],
)
def test_steps_are_the_commonest_difference(days):
    panel = read_panel({**ROWS, "day": days}, "user", "day")
    assert panel.names == ("x", "y")
    assert panel.values[:, 0].tolist() == [*range(6, 12), *range(6)]
    assert panel.follows.tolist() == [False, True, True, False, True, True] * 2
    assert panel.n_gaps == 2


def test_rows_in_order_need_no_time():
    panel = read_panel({"x": ROWS["x"], "y": ROWS["y"]}, None, None)
    assert panel.follows.sum() == 11
    assert panel.unit.max() == 0


def test_missing_units_and_double_rows_are_refused():
    with pytest.raises(NotFinite, match="rows have no user"):
        read_panel({**ROWS, "user": [None, *ROWS["user"][1:]], "day": DAYS}, "user", "day")
    with pytest.raises(InputError, match="sum or drop them"):
        read_panel({**ROWS, "day": np.where(DAYS == 7, 6, DAYS)}, "user", "day")
