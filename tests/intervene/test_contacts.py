"""Contacts in a window, against a count by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.event_log import EventLog
from dorec.intervene import recent_contacts


def test_against_a_count_by_hand() -> None:
    rng = np.random.default_rng(0)
    start = datetime(2024, 3, 1, tzinfo=UTC)
    n = 500
    users, kinds = rng.integers(0, 20, n), rng.choice(["impression", "mail", "view"], n)
    times = [start + timedelta(hours=int(h)) for h in rng.integers(0, 240, n)]
    log = EventLog.from_table({"user_id": users.astype(str), "event": kinds, "timestamp": times})
    since, until = start + timedelta(days=3), start + timedelta(days=8)
    found = recent_contacts(log, list(range(25)), since=since, until=until, kinds=["impression", "mail"])
    by_hand = [
        sum(u == user and k != "view" and since <= t < until for u, k, t in zip(users, kinds, times, strict=True))
        for user in range(25)
    ]
    assert found.tolist() == by_hand
    assert found.sum() > 100


def test_what_cannot_be_counted_is_refused() -> None:
    log = EventLog.from_table({"user_id": ["a"], "event": ["impression"]})
    with pytest.raises(InputError, match="no timestamp"):
        recent_contacts(log, ["a"], since=datetime(2024, 1, 1))
    with pytest.raises(InputError, match="twice"):
        recent_contacts(log, ["a", "a"], since=datetime(2024, 1, 1))


def test_one_kind_may_be_named_alone_and_a_window_has_a_start_and_an_end() -> None:
    start = datetime(2024, 1, 1)
    rows = {"user_id": ["a", "a"], "event": ["impression", "view"], "timestamp": [start, start]}
    log = EventLog.from_table(rows)
    assert recent_contacts(log, ["a"], since=start, kinds="impression").tolist() == [1]
    for wrong in (
        {"kinds": ()},
        {"since": "2024-01-01"},
        {"since": start.date()},
        {"until": start},
        {"until": start - timedelta(days=1)},
    ):
        with pytest.raises(InputError):
            recent_contacts(log, ["a"], **({"since": start} | wrong))
