import ibis
import pyarrow as pa
import pytest

from dorec import EventLog
from dorec.domain.errors import IntegrityError, UnreadableSource
from dorec.domain.event_log import event_schema
from dorec.store import materialise, memory_table, open_events


@pytest.fixture
def log():
    times = pa.array([1_700_000_000_000_000 + i for i in range(5)], pa.timestamp("us", "UTC"))
    return EventLog.from_table(pa.table({"user_id": list("abcde"), "timestamp": times, "value": [1.5, None, 2, 3, 4]}))


def test_what_is_written_is_what_was_asked_for(log, tmp_path):
    kept = materialise(EventLog(log.table.filter(ibis._.value > 1.6)), tmp_path)
    assert kept.to_arrow().schema == event_schema()
    assert kept.to_arrow(["user_id"]).column(0).to_pylist() == ["c", "d", "e"]
    assert kept.to_arrow().equals(open_events(tmp_path).to_arrow())
    assert kept.fingerprint == open_events(tmp_path).fingerprint != ""


def test_a_log_can_be_written_over_itself(log, tmp_path):
    once = materialise(log, tmp_path)
    twice = materialise(EventLog(once.table.filter(ibis._.user_id != "a")), tmp_path)
    assert twice.n_events == 4


def test_changed_and_unfinished_logs_are_refused(log, tmp_path):
    with pytest.raises(UnreadableSource, match="no finished"):
        open_events(tmp_path)
    materialise(log, tmp_path)
    path = tmp_path / "events.parquet"
    octets = bytearray(path.read_bytes())
    octets[40] ^= 4
    path.write_bytes(octets)
    with pytest.raises(IntegrityError, match="SHA-256"):
        open_events(tmp_path)


def test_tables_in_memory_join_with_logs_on_disk(log, tmp_path):
    kept = materialise(log, tmp_path)
    ages = memory_table(pa.table({"user_id": ["a", "e"], "age": [30, 40]}))
    joined = kept.table.join(ages, "user_id").order_by("user_id").to_pyarrow()
    assert joined.column("age").to_pylist() == [30, 40]
