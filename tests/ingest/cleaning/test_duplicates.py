from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dorec import EventLog
from dorec.domain.errors import ConfigError
from dorec.ingest.cleaning import Duplicates, clean

START = datetime(2024, 1, 1, 9, tzinfo=UTC)


def kept(step, **columns):
    return step.apply(EventLog.from_table(columns).table).to_pyarrow()


def test_by_id_keeps_the_earliest_of_each_id():
    out = kept(
        Duplicates(by="id"),
        event_id=["1", "2", "1", None, None],
        user_id=list("abcaa"),
        timestamp=[START + timedelta(hours=h) for h in (5, 1, 2, 3, 3)],
    )
    assert sorted(zip(out["event_id"].to_pylist(), out["user_id"].to_pylist(), strict=True), key=str) == [
        ("1", "c"), ("2", "b"), (None, "a"), (None, "a")]  # fmt: skip


def test_by_content_agrees_with_a_set_of_rows():
    rng = np.random.default_rng(0)
    n = 400
    rows = {
        "user_id": rng.choice(list("ab"), n),
        "item_id": rng.choice(["x", "y", None], n),
        "event": rng.choice(["view", "cart"], n),
        "timestamp": [START + timedelta(microseconds=int(m)) for m in rng.integers(0, 5, n)],
        "value": rng.choice([1.0, 2.0, None], n),
    }
    rows = {k: v if k == "timestamp" else v.tolist() for k, v in rows.items()}
    out = kept(Duplicates(by="content"), **rows)
    distinct = set(zip(*rows.values(), strict=True))
    assert out.num_rows == len(distinct)
    assert {tuple(r[c] for c in rows) for r in out.to_pylist()} == distinct


def test_auto_goes_by_id_where_there_is_one():
    same = {"user_id": ["a"] * 4, "item_id": ["x"] * 4, "timestamp": [START] * 4}
    assert kept(Duplicates(), event_id=["1", "2", None, None], **same)["event_id"].to_pylist().count(None) == 1
    assert kept(Duplicates(), event_id=["1", "2", None, None], **same).num_rows == 3


@pytest.mark.parametrize("times", [None, [datetime(2024, 1, 1), datetime(2024, 1, 1)]])
def test_repeats_without_a_time_of_day_are_left_alone_and_the_report_says_why(times):
    columns = {"user_id": ["a", "a"], "item_id": ["x", "x"]} | ({} if times is None else {"timestamp": times})
    log, report = clean(EventLog.from_table(columns), [Duplicates()])
    assert log.n_events == 2
    assert "can't be told from duplicates" in report.steps[0].skipped_reason


def test_unknown_way_is_refused():
    with pytest.raises(ConfigError, match="allowed"):
        Duplicates(by="hash")
