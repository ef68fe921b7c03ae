from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from dorec import EventLog
from dorec.domain.errors import ColumnNotFound, InputError
from dorec.profile import features_as_of, user_features

START = datetime(2024, 2, 27, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("before_days", [None, 2.5])
def test_agrees_with_the_events_before_each_moment_by_hand(oracle, seed, before_days):
    """20 logs x 60 moments: at ties with events, between them, before the first, for strangers, repeated."""
    rng = np.random.default_rng([seed, 7])
    events = oracle.random_events(rng, 120)
    users = [f"u{k}" for k in rng.integers(0, 6, 60)]  # u5 has no events
    at = [START + timedelta(hours=7 * int(h), microseconds=int(m))
          for h, m in zip(rng.integers(-1, 41, 60), rng.choice([0, 0, 1], 60), strict=True)]  # fmt: skip
    log = EventLog.from_table(oracle.columns(events))
    table = features_as_of(log, {"who": users, "when": at}, user="who", at="when", before_days=before_days)
    assert table.num_rows == 60
    for row, user, moment in zip(table.to_pylist(), users, at, strict=True):
        assert (row.pop("user_id"), row.pop("at")) == (user, moment)
        since = datetime.min.replace(tzinfo=UTC) if before_days is None else moment - timedelta(days=before_days)
        past = [e for e in events if e["user_id"] == user and e["timestamp"] is not None
                and since <= e["timestamp"] < moment]  # fmt: skip
        assert oracle.differences(row, oracle.features(past, events, moment)) == []


def test_later_events_change_nothing(oracle):
    events = oracle.random_events(np.random.default_rng(3), 200)
    at = START + timedelta(days=5)
    moments = {"user_id": [f"u{k}" for k in range(5)], "at": [at] * 5}
    early = [e for e in events if e["timestamp"] is not None and e["timestamp"] < at]
    assert len(early) < 150
    one, other = (features_as_of(EventLog.from_table(oracle.columns(rows)), moments) for rows in (events, early))
    assert one.equals(other)


def test_one_instant_for_all_is_the_same_as_user_features(oracle):
    events = oracle.random_events(np.random.default_rng(4), 200)
    log, at = EventLog.from_table(oracle.columns(events)), START + timedelta(days=6)
    whole = user_features(log, at)
    moments = {"user_id": whole["user_id"], "at": [at] * whole.num_rows}
    assert features_as_of(log, moments).drop_columns(["at"]).equals(whole)


def test_dates_and_times_without_a_zone_are_utc():
    log = EventLog.from_table({"user_id": ["a"], "timestamp": [datetime(2024, 1, 1, 23)]})
    for at in ([date(2024, 1, 2)], [datetime(2024, 1, 2)], [datetime(2024, 1, 2, tzinfo=UTC)]):
        row = features_as_of(log, {"user_id": ["a"], "at": at}).to_pylist()[0]
        assert row["recency_days"] == pytest.approx(1 / 24)


def test_no_moments_give_no_rows():
    log = EventLog.from_table({"user_id": ["a"], "timestamp": [START]})
    empty = pa.table({"user_id": pa.array([], pa.string()), "at": pa.array([], pa.timestamp("us", "UTC"))})
    assert features_as_of(log, empty).num_rows == 0


def test_what_can_not_be_answered_is_refused():
    log = EventLog.from_table({"user_id": ["a"], "timestamp": [START]})
    with pytest.raises(ColumnNotFound, match="at"):
        features_as_of(log, {"user_id": ["a"]})
    with pytest.raises(InputError, match="not times"):
        features_as_of(log, {"user_id": ["a"], "at": [1]})
    with pytest.raises(InputError, match="missing"):
        features_as_of(log, {"user_id": [None], "at": [START]})
    with pytest.raises(InputError, match="positive"):
        features_as_of(log, {"user_id": ["a"], "at": [START]}, before_days=0)
    with pytest.raises(InputError, match="no time stamps"):
        features_as_of(EventLog.from_table({"user_id": ["a"]}), {"user_id": ["a"], "at": [START]})
