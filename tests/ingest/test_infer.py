"""Roles of real files, and of small ones made to mislead."""

# ruff: noqa: C408

import pyarrow as pa
import pytest

from dorec.domain.errors import ColumnNotFound, ConfigError
from dorec.ingest import infer_roles, read_events

REAL = {
    "complete_journey/transactions_sample.parquet": dict(
        kind="events", user_id="household_id", item_id="product_id", timestamp="transaction_timestamp",
        value="sales_value", session_id="basket_id", constant_event="purchase", time_zone="UTC",
    ),
    "taobao_userbehavior_sample/UserBehavior.csv.gz": dict(
        kind="events", header=False, user_id="column_1", item_id="column_2", event="column_4", timestamp="column_5",
        time_unit="s", time_zone=None,
    ),
    "retailrocket_small": dict(
        kind="events", delimiter="\t", user_id="visitorid", item_id="itemid", event=None, event_from_file=True
    ),
    "retailrocket_small/view_ecommerce.dat.gz": dict(event=None, constant_event="view", user_id="visitorid"),
    "online_retail/online_retail.parquet": dict(
        kind="events", user_id="CustomerID", item_id="StockCode", timestamp="InvoiceDate", session_id="InvoiceNo",
        quantity="Quantity", price="UnitPrice", value=None, constant_event="purchase",
    ),
    "ml-100k/u.data.gz": dict(
        kind="events", header=False, delimiter="\t", user_id="column_1", item_id="column_2", value="column_3",
        timestamp="column_4", constant_event="rating", time_unit="s",
    ),
    "ml-latest-small/ratings.csv.gz": dict(
        user_id="userId", item_id="movieId", value="rating", timestamp="timestamp", constant_event="rating"
    ),
    "ml-latest-small/movies.csv.gz": dict(kind="items", item_id="movieId"),
    "hillstrom/hillstrom.csv.gz": dict(kind="units", user_id=None, item_id=None),
    "ab_cookie_cats/cookie_cats.csv.gz": dict(kind="units"),
    "obd/random/men/men.csv.gz": dict(
        kind="events", user_id=None, item_id="item_id", position="position", propensity="propensity_score",
        value="click", timestamp="timestamp", time_unit="iso", constant_event="impression",
    ),
    "complete_journey/products.parquet": dict(kind="items", item_id="product_id"),
    "complete_journey/demographics.parquet": dict(kind="users", user_id="household_id"),
}  # fmt: skip
SETTINGS = {"kind", "header", "delimiter", "time_unit", "time_zone", "constant_event", "event_from_file"}


@pytest.mark.parametrize("name", REAL)
def test_roles_of_real_files(shared, name):
    roles = infer_roles(shared / "data" / name)
    found = {k: getattr(roles, k) if k in SETTINGS else roles.columns.get(k) for k in REAL[name]}
    assert found == REAL[name]
    for role in roles.columns:
        assert len(roles.evidence[role]) > 10


def counts(path, **options):
    batches = list(read_events(path, infer_roles(path).with_options(**options)))
    events = pa.concat_tables([b.events for b in batches])
    assert sum(b.received for b in batches) == events.num_rows + sum(b.quarantined.num_rows for b in batches)
    found = events.column("event").value_counts().to_pylist()
    return {c["values"]: c["counts"] for c in found}, events


def test_the_funnel_of_taobao_is_read(shared):
    found, events = counts(shared / "data" / "taobao_userbehavior_sample")
    assert sum(found.values()) == 4321
    assert set(found) == {"view", "favourite", "cart", "purchase"}
    assert len(events.column("user_id").unique()) == 43


def test_the_three_files_of_retailrocket_name_their_events(shared):
    found, _ = counts(shared / "data" / "retailrocket_small")
    assert found == {"cart": 9028, "purchase": 5088, "view": 78371}


def test_the_ratings_of_movielens_keep_their_mean(shared):
    found, events = counts(shared / "data" / "ml-100k" / "u.data.gz")
    assert found == {"rating": 100_000}
    assert abs(events.column("value").to_numpy().mean() - 3.52986) < 1e-9


def write(tmp_path, text, name="events.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_constant_number_is_no_event(tmp_path):
    roles = infer_roles(write(tmp_path, "user_id,item_id,event\n1,2,1\n1,3,1\n"))
    assert "event" not in roles.columns
    assert "only 1" in roles.evidence["not event"]


def test_milliseconds_are_seen(tmp_path):
    roles = infer_roles(write(tmp_path, "user_id,item_id,ts\n1,2,1511544070000\n1,3,1511561733000\n"))
    assert (roles.columns["timestamp"], roles.time_unit) == ("ts", "ms")


def test_american_dates_are_read_and_said(tmp_path):
    path = write(tmp_path, "user_id,sku,date\n1,2,12/1/2010 8:26\n1,3,12/13/2010 9:00\n")
    roles = infer_roles(path)
    assert roles.time_format == "%m/%d/%Y %H:%M"
    (batch,) = read_events(path, roles)
    assert batch.events.column("timestamp").to_pylist()[1].isoformat() == "2010-12-13T09:00:00+00:00"
    both = infer_roles(write(tmp_path, "user_id,sku,date\n1,2,12/1/2010 8:26\n1,3,11/2/2010 9:00\n"))
    assert "would fit as well" in both.evidence["time_format"]


def test_one_wrong_clock_does_not_hide_the_time(tmp_path):
    rows = "".join(f"{i % 5},{i},{1511544070 + i}\n" for i in range(50)) + "1,2,3\n"
    assert infer_roles(write(tmp_path, "user,item,ts\n" + rows)).columns["timestamp"] == "ts"


def test_a_name_with_wrong_content_is_not_believed(tmp_path):
    roles = infer_roles(write(tmp_path, "user_id,item_id,propensity,time\na,x,7,soon\nb,y,9,late\n"))
    assert "propensity" not in roles.columns
    assert "timestamp" not in roles.columns


def test_choices_can_be_changed_and_slips_are_named(tmp_path):
    roles = infer_roles(write(tmp_path, "user_id,item_id,ts,when\n1,2,5,1511544070000\n1,3,6,1511544080000\n"))
    other = roles.with_columns(timestamp="when", item_id=None)
    assert (other.columns.get("item_id"), other.columns["timestamp"], other.time_unit) == (None, "when", "ms")
    with pytest.raises(ColumnNotFound, match="Did you mean 'when'"):
        roles.with_columns(timestamp="wen")
    with pytest.raises(ConfigError, match="Did you mean 'user_id'"):
        roles.with_columns(usr_id="user_id")
    with pytest.raises(ConfigError, match="Did you mean 'time_zone'"):
        roles.with_options(timezone="UTC")


def test_events_can_be_renamed_by_hand(tmp_path):
    path = write(tmp_path, "user_id,item_id,behavior_type\n1,2,1\n1,3,4\n2,3,1\n")
    roles = infer_roles(path).with_options(event_names={"1": "view", "4": "purchase"})
    (batch,) = read_events(path, roles)
    assert batch.events.column("event").to_pylist() == ["view", "purchase", "view"]


def test_a_few_broken_cells_do_not_hide_what_a_column_is(tmp_path):
    rows = "".join(f"u{i % 9},{i},{i}.5,{1511544070 + i}\n" for i in range(200)) + "u1,7,free,soon\n"
    roles = infer_roles(write(tmp_path, "user_id,item_id,price,ts\n" + rows))
    assert (roles.columns["value"], roles.columns["timestamp"], roles.time_unit) == ("price", "ts", "s")
