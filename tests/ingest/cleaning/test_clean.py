import json
import time
from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dorec import EventLog
from dorec.domain.errors import InputError
from dorec.domain.event_log import EVENT_COLUMNS, as_events
from dorec.ingest.cleaning import (
    DEFAULT_STEPS,
    STEPS,
    AccidentalClicks,
    Bots,
    Cancellations,
    Duplicates,
    ImpossibleValues,
    MissingValues,
    Outliers,
    clean,
)

START = datetime(2024, 1, 1, 9, tzinfo=UTC)
EVERY = (*DEFAULT_STEPS, Outliers(revenue=True, how="drop"), AccidentalClicks(), MissingValues(how="impute"))


def dirty(seed, n=600):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, int(n * 0.9), n)
    of_id = np.random.default_rng(seed + 1)
    columns = {
        "user_id": of_id.choice(["a", "b", "c", ""], n, p=[0.4, 0.3, 0.2, 0.1]),
        "item_id": of_id.choice(["x", "y", "z"], n),
        "event": of_id.choice(["view", "cart", "purchase"], n),
        "value": of_id.choice([1.0, 2.0, 3.0, -2.0, np.nan, 500.0], n, p=[0.3, 0.3, 0.2, 0.15, 0.03, 0.02]),
        "timestamp": np.array([START + timedelta(milliseconds=int(m)) for m in of_id.integers(0, 10**7, n)]),
    }
    rows = {name: values[ids].tolist() for name, values in columns.items()}
    return {"event_id": ids.astype(str).tolist(), **rows}


@pytest.mark.parametrize("seed", range(3))
def test_what_goes_in_comes_out_or_is_counted(seed):
    rows = dirty(seed)
    log, report = clean(EventLog.from_table(rows), EVERY, max_share=0.9)
    assert report.before == 600
    for earlier, later in zip(report.steps, report.steps[1:], strict=False):
        assert later.before == earlier.after
    assert log.n_events == report.after == 600 - sum(s.dropped for s in report.steps)
    for step in report.steps:
        assert sum(step.counts.values()) == step.dropped + step.changed
        assert len(step.examples) == min(3, step.dropped + step.changed)
    assert sum(s.dropped > 0 for s in report.steps) >= 4
    received = sum(v for v in rows["value"] if np.isfinite(v))
    imputed = pc.sum(log.table.filter(log.table.value_imputed).value.to_pyarrow()).as_py() or 0.0
    left = pc.sum(log.to_arrow(["value"])["value"]).as_py() - imputed
    assert left + sum(s.value_dropped for s in report.steps) == pytest.approx(received)
    json.dumps(report.to_dict())


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_arrival_does_not_matter(seed):
    table = pa.table(dirty(seed))
    shuffled = table.take(np.random.default_rng(seed).permutation(600))
    one, other = (clean(EventLog.from_table(t), EVERY)[0].to_arrow(["event_id", "value"]) for t in (table, shuffled))
    assert sorted(one.to_pylist(), key=str) == sorted(other.to_pylist(), key=str)


def test_steps_in_a_row_are_those_applied_one_by_one():
    log = EventLog.from_table(dirty(5))
    table = log.table
    steps = (
        Duplicates(),
        MissingValues(),
        ImpossibleValues(),
        Cancellations(),
        AccidentalClicks(60),
        Bots(min_events=2),
    )
    for step in steps:
        table = step.apply(table)
    at_once, _ = clean(log, steps, max_share=1)
    assert sorted(table.event_id.to_pyarrow().to_pylist()) == sorted(
        at_once.to_arrow(["event_id"])["event_id"].to_pylist()
    )
    assert list(at_once.table.columns) == list(EVENT_COLUMNS)


def test_a_clean_log_is_handed_back_as_it_is():
    log = EventLog.from_table({"user_id": ["a"], "event_id": ["1"]})
    cleaned, report = clean(log)
    assert cleaned is log
    assert [s.dropped for s in report.steps] == [0] * 5


def test_a_step_that_would_take_most_is_held_back_and_the_others_see_its_events():
    rows = {"event_id": ["same"] * 9 + ["other"], "user_id": ["a"] * 9 + [""]}
    log, report = clean(EventLog.from_table(rows), [Duplicates(), MissingValues()])
    assert "80%" in report.steps[0].skipped_reason
    assert "raise max_share" in report.steps[0].skipped_reason
    assert report.steps[0].dropped == 0
    assert report.steps[1].counts == {"user_id is missing": 1}
    assert log.n_events == 9


def test_the_fingerprint_follows_the_steps():
    log = EventLog.from_table({"user_id": ["a", ""], "event_id": ["1", "2"]})
    named = EventLog(log.table, fingerprint="f")
    one, other = clean(named, [MissingValues()])[0], clean(named, [MissingValues(columns=("user_id", "event"))])[0]
    assert len({"f", one.fingerprint, other.fingerprint}) == 3
    assert clean(named, [MissingValues()])[0].fingerprint == one.fingerprint


def test_a_share_outside_its_bounds_is_refused():
    with pytest.raises(InputError, match="max_share"):
        clean(EventLog.from_table({"user_id": ["a"]}), max_share=0)


def test_an_empty_log_stays_empty():
    empty = EventLog(ibis.memtable(as_events(pa.table({"user_id": pa.array([], pa.string())}), {})))
    log, report = clean(empty, list(STEPS.values()))
    assert log.n_events == report.after == 0


def test_online_retail(shared, tmp_path):
    raw = pq.read_table(shared / "data/online_retail/online_retail.parquet")
    amount = pc.multiply(raw["UnitPrice"], raw["Quantity"].cast(pa.float64()))
    customer = raw["CustomerID"].cast(pa.int64()).cast(pa.string()).fill_null("")
    event = pa.array(["purchase"] * raw.num_rows)
    source = raw.append_column("amount", amount).append_column("customer", customer).append_column("event", event)
    names = {"user_id": "customer", "item_id": "StockCode", "timestamp": "InvoiceDate", "session_id": "InvoiceNo"}
    pq.write_table(as_events(source, {**names, "value": "amount"}), tmp_path / "events.parquet")
    engine = ibis.duckdb.connect(threads=1)
    started = time.perf_counter()
    log, report = clean(EventLog(engine.read_parquet(tmp_path / "events.parquet")))
    seconds = time.perf_counter() - started
    steps = {s.name: s for s in report.steps}
    assert report.before == 541_909
    assert log.n_events == report.after
    assert steps["missing values"].dropped + 47 == 135_080  # published: customers missing; 47 of them are duplicates
    assert steps["cancellations"].counts["cancels a purchase"] * 2 == steps["cancellations"].dropped > 4_000
    assert steps["cancellations"].value_dropped == pytest.approx(0, abs=1e-4)
    assert seconds < 30, f"{seconds:.1f} s"
