from datetime import UTC, datetime, timedelta

import pytest

from dorec import EventLog
from dorec.domain.errors import ConfigError
from dorec.ingest.cleaning import Bots, clean

START = datetime(2024, 1, 1, tzinfo=UTC)


def browse(user, n, step_seconds, items=50, event="view"):
    return [
        {"user_id": user, "item_id": f"i{k % items}", "event": event,
         "timestamp": START + timedelta(seconds=k * step_seconds)}
        for k in range(n)
    ]  # fmt: skip


def log_of(*parts):
    rows = [row for part in parts for row in part]
    return EventLog.from_table({name: [row[name] for row in rows] for name in rows[0]})


def users_left(log, step):
    cleaned, report = clean(log, [step], max_share=1)
    return sorted(set(cleaned.to_arrow(["user_id"])["user_id"].to_pylist())), report.steps[0].counts


def test_each_way_of_browsing_like_a_machine():
    step = Bots(max_per_minute=60, max_per_day=400, single_item_share=0.9, min_events=100)
    log = log_of(
        browse("burst", 61, 0.5),
        browse("steady", 401, 100.0),
        browse("fan", 120, 60.0, items=1),
        browse("person", 60, 0.5),  # 60 in the first minute, and no more
        browse("busy", 400, 100.0),
        browse("new fan", 99, 60.0, items=1),
    )
    left, counts = users_left(log, step)
    assert left == ["busy", "new fan", "person"]
    assert counts == {
        "user browses in bursts": 61, "user browses all day": 401, "user browses one item only": 120}  # fmt: skip


def test_impressions_and_invoice_lines_are_not_browsing():
    step = Bots(max_per_minute=10, max_per_day=20, min_events=5)
    log = log_of(
        browse("shown", 100, 0.1, event="impression"), browse("buyer", 100, 0.1, event="purchase"), browse("ann", 2, 90)
    )
    assert users_left(log, step)[0] == ["ann", "buyer", "shown"]


@pytest.mark.parametrize("spare", [True, False])
def test_buyers_are_spared_unless_asked(spare):
    log = log_of(browse("b", 500, 0.1), browse("b", 1, 1.0, event="purchase"), browse("ann", 2, 90))
    assert users_left(log, Bots(spare_buyers=spare))[0] == (["ann", "b"] if spare else ["ann"])


def test_works_without_times_by_single_item():
    log = EventLog.from_table({"user_id": ["bot"] * 100 + ["ann"], "item_id": ["x"] * 101, "event": ["view"] * 101})
    cleaned, _ = clean(log, [Bots()], max_share=1)
    assert cleaned.n_events == 1


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match="at least 1"):
        Bots(max_per_day=0)
    with pytest.raises(ConfigError, match="share in"):
        Bots(single_item_share=98)
