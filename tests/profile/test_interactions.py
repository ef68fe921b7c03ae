from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from dorec import Dataset, EventLog
from dorec.domain.errors import InputError
from dorec.profile import funnel, interactions, to_dataset

START = datetime(2024, 1, 1, tzinfo=UTC)


def random_rows(n=500, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "user_id": [f"u{k}" for k in rng.integers(0, 30, n)],
        "item_id": [f"i{k}" for k in rng.integers(0, 20, n)],
        "event": rng.choice(["impression", "view", "cart", "purchase", "wishlist"], n).tolist(),
        "timestamp": [START + timedelta(seconds=int(s)) for s in rng.permutation(n)],
    }


def test_agrees_with_a_dataset_made_row_by_row(monkeypatch):
    monkeypatch.setattr(interactions, "BATCH", 64)
    rows = random_rows()
    weight = {"view": 1.0, "cart": 3.0, "purchase": 5.0, "wishlist": 1.0}
    keep = [i for i, e in enumerate(rows["event"]) if e in weight]
    plain = {name: [values[i] for i in keep] for name, values in rows.items()}
    plain["weight"] = [weight[e] for e in plain["event"]]
    one = to_dataset(EventLog.from_table(rows))
    other = Dataset.from_interactions(plain, user="user_id", item="item_id", time="timestamp", weight="weight",
                                      event="event")  # fmt: skip
    assert one.users.tolist() == other.users.tolist()
    assert one.items.tolist() == other.items.tolist()
    assert (one.matrix != other.matrix).nnz == 0
    a, b = (
        sorted(zip(d.user_index.tolist(), d.time.tolist(), d.item_index.tolist(), d.event.tolist(), strict=True))
        for d in (one, other)
    )
    assert a == b


def test_the_order_of_arrival_does_not_matter():
    table = pa.table(random_rows())
    one, other = (
        to_dataset(EventLog.from_table(t)) for t in (table, table.take(np.random.default_rng(1).permutation(500)))
    )
    for name in ("users", "items", "user_index", "item_index", "weight", "time", "event"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_ratings_keep_their_value_unless_a_weight_is_given():
    rows = {"user_id": list("aabb"), "item_id": list("xyxy"), "event": ["rating"] * 4, "value": [4.5, 0.0, None, 2.0]}
    log = EventLog.from_table(rows)
    assert to_dataset(log).weight.tolist() == [4.5, 2.0]
    assert to_dataset(log, weights={"rating": 1.0}).weight.tolist() == [1.0] * 4


def test_what_is_no_sign_of_taste_is_left_out():
    rows = {"user_id": list("abcde"), "item_id": ["x", None, "x", "x", "y"], "value": [1.0, 1.0, -1.0, None, None],
            "event": ["purchase", "purchase", "purchase", "impression", "refund"]}  # fmt: skip
    data = to_dataset(EventLog.from_table(rows))
    assert (data.users.tolist(), data.items.tolist(), data.time) == (["a"], ["x"], None)
    shown = to_dataset(EventLog.from_table(rows), weights={"impression": 0.5})
    assert shown.users.tolist() == ["a", "d"]


def test_items_text_and_users_are_joined_by_id():
    log = EventLog.from_table({"user_id": ["a", "b"], "item_id": ["x", "y"]})
    data = to_dataset(log, items={"sku": ["y", "z"], "title": ["jam", "pen"]}, item="sku", text="title",
                      users={"id": ["b"], "age": [31]}, user="id")  # fmt: skip
    assert data.item_text == {"y": "jam"}
    assert data.user_features["age"].to_pylist() == [None, 31]


def test_nothing_to_recommend_from_is_refused():
    with pytest.raises(InputError, match="nothing to recommend"):
        to_dataset(EventLog.from_table({"user_id": ["a"], "item_id": ["x"], "event": ["impression"]}))
    with pytest.raises(InputError, match="at least 0"):
        to_dataset(EventLog.from_table({"user_id": ["a"], "item_id": ["x"]}), weights={"view": -1})


def test_retailrocket_without_times(shared):
    files = {"view": 78_371, "cart": 9_028, "purchase": 5_088}
    names = {"view": "view", "cart": "add_to_cart", "purchase": "purchase"}
    parts = []
    for event, n in files.items():
        path = shared / f"data/retailrocket_small/{names[event]}_ecommerce.dat.gz"
        table = pyarrow.csv.read_csv(path, parse_options=pyarrow.csv.ParseOptions(delimiter="\t"))
        assert table.num_rows == n
        parts.append(table.set_column(2, "event", pa.array([event] * n)))
    log = EventLog.from_table(pa.concat_tables(parts), user_id="visitorid", item_id="itemid", event="event")
    data = to_dataset(log)
    assert data.time is None
    assert data.weight.sum() == 78_371 + 3 * 9_028 + 5 * 5_088
    assert [s.events for s in funnel(log).stages] == list(files.values())
