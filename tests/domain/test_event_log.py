import pandas as pd
import pytest

from dorec import EventLog
from dorec.domain.errors import ColumnNotFound
from dorec.domain.event_log import EVENT_COLUMNS

ROWS = {"who": ["a", "b", "a"], "thing": ["x", "y", "y"], "did": ["view", "view", "purchase"]}


def test_every_column_is_there_and_missing_ones_are_null():
    log = EventLog.from_table(ROWS, user_id="who", item_id="thing", event="did")
    arrow = log.to_arrow()
    assert arrow.column_names == list(EVENT_COLUMNS)
    assert arrow.column("timestamp").null_count == 3
    assert log.event_counts == {"purchase": 1, "view": 2}
    assert not log.has_time


def test_an_event_without_a_type_is_an_interaction():
    assert EventLog.from_table({"user_id": ["a"], "item_id": ["x"]}).event_counts == {"interaction": 1}


def test_times_of_pandas_arrive_as_utc():
    frame = pd.DataFrame({"user_id": ["a"], "timestamp": pd.to_datetime(["2026-01-01T10:00:00+02:00"])})
    log = EventLog.from_table(frame)
    assert log.has_time
    assert log.to_arrow(["timestamp"]).to_pylist()[0]["timestamp"].isoformat() == "2026-01-01T08:00:00+00:00"


def test_batches_hold_every_event_once():
    log = EventLog.from_table({"user_id": [str(i) for i in range(2500)]})
    ids = [value for batch in log.batches(["user_id"], size=1000) for value in batch.column(0).to_pylist()]
    assert sorted(ids, key=int) == [str(i) for i in range(2500)]


def test_an_unknown_role_or_column_is_refused():
    with pytest.raises(ColumnNotFound, match="user_id"):
        EventLog.from_table(ROWS, usr_id="who")
    with pytest.raises(ColumnNotFound, match="whom"):
        EventLog.from_table(ROWS, user_id="whom")
