from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dorec import EventLog
from dorec.domain.errors import InputError
from dorec.domain.event_log import EVENT_COLUMNS
from dorec.profile import session_table, sessionise

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_a_walk_along_each_user(seed):
    rng = np.random.default_rng(seed)
    n = 200
    minutes = rng.integers(0, 40, n) * 10  # many ties, and pauses of exactly 30
    users = rng.choice(list("abc"), n)
    log = EventLog.from_table(
        {"event_id": [str(i) for i in range(n)], "user_id": users.tolist(),
         "timestamp": [START + timedelta(minutes=int(m)) for m in minutes]}
    )  # fmt: skip
    expected = {}
    for user in "abc":
        number, last = 0, None
        for i in sorted(np.flatnonzero(users == user), key=lambda i: minutes[i]):
            if last is None or minutes[i] - last > 30:
                number += 1
            last = minutes[i]
            expected[str(i)] = f"{user}#{number}"
    out = sessionise(log.table)
    assert tuple(out.columns) == tuple(EVENT_COLUMNS)
    table = out.to_pyarrow()
    assert dict(zip(table["event_id"].to_pylist(), table["session_id"].to_pylist(), strict=True)) == expected
    rows = session_table(log.table).to_pyarrow().to_pylist()
    assert len(rows) == len(set(expected.values())) >= 3
    assert sum(r["events"] for r in rows) == n
    assert all(r["duration_seconds"] == (r["end"] - r["start"]).total_seconds() for r in rows)


def test_the_sources_own_sessions_stay_and_events_without_a_time_have_none():
    log = EventLog.from_table(
        {"user_id": ["a"] * 3, "session_id": ["own", None, None], "timestamp": [START, START, None],
         "event": ["purchase"] * 3, "value": [2.0, 3.0, 4.0]}
    )  # fmt: skip
    assert set(sessionise(log.table).session_id.to_pyarrow().to_pylist()) == {"a#1", None, "own"}
    rows = session_table(log.table).order_by("session_id").to_pyarrow().to_pylist()
    assert [(r["session_id"], r["purchases"], r["value"]) for r in rows] == [("a#1", 1, 3.0), ("own", 1, 2.0)]


def test_the_gap_is_a_parameter():
    log = EventLog.from_table({"user_id": ["a"] * 2, "timestamp": [START, START + timedelta(seconds=90)]})
    assert session_table(log.table, gap_minutes=1.5).count().to_pyarrow().as_py() == 1
    assert session_table(log.table, gap_minutes=1.4).count().to_pyarrow().as_py() == 2
    with pytest.raises(InputError, match="positive"):
        sessionise(log.table, gap_minutes=0)
