from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dorec import EventLog
from dorec.domain.errors import ColumnNotFound, InputError
from dorec.profile import item_features, user_features

START = datetime(2024, 2, 27, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("key", ["user_id", "item_id"])
def test_features_as_of_an_instant_are_those_by_hand(oracle, seed, key):
    rng = np.random.default_rng(seed)
    events = oracle.random_events(rng, 150)
    at = START + timedelta(hours=7 * int(rng.integers(5, 40)))  # an instant at which events happen
    compute = user_features if key == "user_id" else item_features
    rows = compute(EventLog.from_table(oracle.columns(events)), at).to_pylist()
    past = [e for e in events if e["timestamp"] is not None and e["timestamp"] < at and e[key] is not None]
    assert [r[key] for r in rows] == sorted({e[key] for e in past})
    for row in rows:
        name = row.pop(key)
        expected = oracle.features([e for e in past if e[key] == name], events, at, key)
        assert oracle.differences(row, expected) == []


def test_without_an_instant_everything_counts_and_recency_runs_to_the_last_event(oracle):
    events = oracle.random_events(np.random.default_rng(9), 150)
    last = max(e["timestamp"] for e in events if e["timestamp"] is not None)
    for row in user_features(EventLog.from_table(oracle.columns(events))).to_pylist():
        user = row.pop("user_id")
        assert oracle.differences(row, oracle.features([e for e in events if e["user_id"] == user], events, last)) == []


def test_without_times_there_are_no_features_of_time():
    log = EventLog.from_table({"user_id": ["a", "b"], "event": ["view", "cart"]})
    names = user_features(log).column_names
    assert "view_to_cart" in names
    assert not {"recency_days", "hour_00", "monday"} & set(names)
    with pytest.raises(InputError, match="time stamps"):
        user_features(log, START)


def test_a_value_that_is_no_number_says_nothing():
    log = EventLog.from_table({"user_id": ["a"] * 2, "event": ["purchase"] * 2, "value": [2.5, float("nan")]})
    row = user_features(log).to_pylist()[0]
    assert (row["frequency"], row["monetary"], row["mean_value"]) == (2, 2.5, 2.5)


def test_without_purchases_the_money_is_that_of_everything_but_ratings():
    log = EventLog.from_table({"user_id": ["a"] * 2, "event": ["interaction", "rating"], "value": [2.5, 4.0]})
    row = user_features(log).to_pylist()[0]
    assert (row["frequency"], row["monetary"], row["mean_value"], row["mean_rating"]) == (1, 2.5, 2.5, 4.0)


@pytest.mark.parametrize("source", ["context", "items"])
def test_category_affinity_from_the_context_or_a_table_of_items(source):
    category = {"tea": "drinks", "jam": "food", "pen": None}
    bought = [("ann", "tea"), ("ann", "tea"), ("ann", "jam"), ("ann", "pen"), ("bob", "jam")]
    rows = {"user_id": [u for u, _ in bought], "item_id": [i for _, i in bought]}
    given = {}
    if source == "context":
        rows["context"] = [None if category[i] is None else f'{{"category": "{category[i]}"}}' for _, i in bought]
    else:
        given = {"items": {"sku": list(category), "kind": list(category.values())}, "item": "sku", "category": "kind"}
    out = user_features(EventLog.from_table(rows), **given).select(["category=drinks", "category=food"]).to_pylist()
    assert out == [{"category=drinks": 0.5, "category=food": 0.25}, {"category=drinks": 0.0, "category=food": 1.0}]


def test_which_categories_get_a_column_is_decided_by_the_past(oracle):
    events = [{"user_id": "a", "item_id": i, "timestamp": START + timedelta(days=d),
               "context": f'{{"category": "{i}"}}'}
              for d, i in enumerate(["old", "old", "new", "new", "new"])]  # fmt: skip
    names = user_features(
        EventLog.from_table(oracle.columns(events)), START + timedelta(days=2), top_categories=1
    ).column_names
    assert "category=old" in names
    assert "category=new" not in names


def test_a_wrong_item_table_is_refused():
    log = EventLog.from_table({"user_id": ["a"], "item_id": ["x"]})
    with pytest.raises(ColumnNotFound, match="kind"):
        user_features(log, items={"item_id": ["x"], "kin": ["a"]}, category="kind")
    with pytest.raises(InputError, match="without a category"):
        user_features(log, items={"item_id": ["x"]})
