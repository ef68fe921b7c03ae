from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dorec import EventLog
from dorec.domain.errors import ConfigError
from dorec.ingest.cleaning import AccidentalClicks, clean

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_a_walk_along_each_session(seed):
    rng = np.random.default_rng(seed)
    n = 500
    offsets = rng.choice(1_000_000, n, replace=False)  # milliseconds, no ties
    rows = {
        "event_id": [str(i) for i in range(n)],
        "user_id": rng.choice(list("abc"), n).tolist(),
        "session_id": rng.choice(["s", "t", None], n).tolist(),
        "item_id": rng.choice(["x", "y"], n).tolist(),
        "event": rng.choice(["view", "click", "cart"], n).tolist(),
        "timestamp": [START + timedelta(milliseconds=int(o)) for o in offsets],
    }
    dropped = set()
    for i in range(n):
        later = [j for j in range(n) if rows["user_id"][j] == rows["user_id"][i]
                 and rows["session_id"][j] == rows["session_id"][i] and offsets[j] > offsets[i]]  # fmt: skip
        if not later or rows["event"][i] == "cart":
            continue
        j = min(later, key=lambda j: offsets[j])
        followed = rows["item_id"][j] == rows["item_id"][i] and rows["event"][j] != rows["event"][i]
        if offsets[j] - offsets[i] < 5_000 and not followed:
            dropped.add(str(i))
    out = AccidentalClicks(min_dwell_seconds=5).apply(EventLog.from_table(rows).table).event_id.to_pyarrow()
    assert 50 < len(dropped) < 450
    assert set(out.to_pylist()) == set(rows["event_id"]) - dropped


def test_whole_minutes_hold_no_dwell_times():
    rows = {"user_id": ["a"] * 2, "item_id": ["x", "y"], "event": ["view"] * 2, "timestamp": [START, START]}
    log, report = clean(EventLog.from_table(rows), [AccidentalClicks()])
    assert log.n_events == 2
    assert "whole minutes" in report.steps[0].skipped_reason


def test_no_dwell_time_is_refused():
    with pytest.raises(ConfigError, match="positive"):
        AccidentalClicks(min_dwell_seconds=0)
