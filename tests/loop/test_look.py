import datetime

import numpy as np
import pyarrow as pa
import pytest

from dorec.loop.look import guess_control, look_at_campaigns, look_at_items, look_at_units, look_at_users


@pytest.mark.parametrize(
    ("levels", "control"),
    [
        (["Mens E-Mail", "No E-Mail", "Womens E-Mail"], "No E-Mail"),
        (["control", "b"], "control"),
        ([0, 1], 0),
        ([False, True], False),
        (["A", "B"], "A"),
        (["gate_30", "gate_40"], "gate_30"),
    ],
)
def test_the_arm_where_nothing_was_done(levels, control):
    assert guess_control(levels) == control


def test_an_experiments_table_shows_its_roles():
    table = pa.table(
        {
            "customer_id": list(range(40)),
            "recency": np.arange(40) % 12,
            "history_segment": ["low", "high"] * 20,
            "segment": ["email", "none"] * 20,
            "visit": [0, 1] * 20,
            "spend": np.linspace(0, 9, 40),
        }
    )
    guess = look_at_units(table).columns
    assert guess == {"treatment": "segment", "outcomes": ["visit", "spend"], "control": "none", "unit": "customer_id"}


def test_campaign_columns_are_found_by_content():
    day = datetime.date(2026, 1, 1)
    table = pa.table(
        {
            "campaign_id": ["1", "2", "2"],
            "household": ["h1", "h2", "h3"],
            "campaign_type": ["A", "B", "B"],
            "start_date": [day] * 3,
            "end_date": [day + datetime.timedelta(30)] * 3,
        }
    )
    guess = look_at_campaigns(table, np.array(["h1", "h2", "h3", "h4"])).columns
    assert (guess["unit"], guess["treatment"], guess["start"], guess["end"]) == (
        "household", "campaign_type", "start_date", "end_date",
    )  # fmt: skip


def test_keys_are_found_by_the_ids_they_hold():
    items = pa.table(
        {"n": [1, 2, 3], "sku": ["x", "y", "z"], "title": ["tea", "milk", "jam"], "category": ["a", "b", "b"]}
    )
    assert look_at_items(items, np.array(["x", "z"])).columns == {
        "item": "sku",
        "text": "title",
        "category": "category",
    }
    assert look_at_users(pa.table({"age": [1, 2], "who": [7, 8]}), np.array(["7", "8"])).columns == {"user": "who"}
