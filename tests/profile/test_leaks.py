from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from dorec import Dataset, EventLog
from dorec.domain.errors import InputError
from dorec.profile import Split, audit, audit_features, item_features, temporal_split, user_features

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = 3_600.0


def dataset(rows):
    """Rows of (user, item, time) over a fixed vocabulary of 4 users and 4 items."""
    u, i, t = (np.array(values) for values in zip(*rows, strict=True))
    names = np.arange(4)
    return Dataset(users=names, items=names, user_index=u, item_index=i, weight=np.ones(len(u)), time=t.astype(float))


def statuses(train, test, how="temporal"):
    return {
        v.check: (v.status, v.evidence.get("count", 0))
        for v in audit(Split(train=dataset(train), test=dataset(test), how=how))
    }


CLEAN = [(0, 0, 0.0), (1, 1, 0.0), (0, 2, 9.0)]


def test_a_clean_split_passes_every_check():
    found = statuses(CLEAN, [(0, 1, 5 * HOUR), (1, 0, 5 * HOUR)])
    assert set(found.values()) == {("passed", 0)}
    assert len(found) == 6


@pytest.mark.parametrize(
    ("planted", "check", "expected"),
    [
        ([(0, 2, 9.0)], "same interaction", ("failed", 1)),
        ([(0, 0, 5 * HOUR)], "test pairs in train", ("warning", 1)),
        ([(0, 1, 8.0)], "future in train", ("failed", 1)),
        ([(0, 1, 9.0 + 1_800)], "same session", ("warning", 1)),
        ([(0, 1, 9.0 + 1_801)], "same session", ("passed", 0)),
        ([(3, 1, 5 * HOUR), (3, 0, 9 * HOUR)], "unknown users", ("warning", 1)),
        ([(0, 3, 5 * HOUR)], "unknown items", ("warning", 1)),
    ],
)
def test_each_leak_is_found(planted, check, expected):
    assert statuses(CLEAN, planted)[check] == expected


def test_the_future_is_a_warning_where_the_split_never_promised_otherwise():
    assert statuses(CLEAN, [(0, 1, 8.0)], how="random")["future in train"] == ("warning", 1)


def test_without_times_the_checks_of_time_are_left_out():
    data = Dataset.from_interactions({"u": [1, 1], "i": [1, 2]}, user="u", item="i")
    split = Split(train=data.take([0]), test=data.take([1]), how="random")
    assert {v.check for v in audit(split)} == {
        "same interaction",
        "test pairs in train",
        "unknown users",
        "unknown items",
    }


def test_temporal_split_never_fails_the_audit():
    rng = np.random.default_rng(0)
    for _ in range(20):
        data = dataset(list(zip(rng.integers(0, 4, 50), rng.integers(0, 4, 50), rng.integers(0, 30, 50), strict=True)))
        assert all(v.status != "failed" for v in audit(temporal_split(data)))


def test_features_with_a_view_of_the_future_are_named():
    rng = np.random.default_rng(1)
    log = EventLog.from_table(
        {"user_id": rng.choice(list("abc"), 90).tolist(), "item_id": rng.choice(list("xyz"), 90).tolist(),
         "event": rng.choice(["view", "purchase"], 90).tolist(), "value": rng.random(90),
         "timestamp": [START + timedelta(hours=int(h)) for h in rng.integers(0, 40, 90)]}
    )  # fmt: skip
    at = START + timedelta(hours=20)
    assert [v.status for v in audit_features(user_features, log, at)] == ["passed"]
    assert [v.status for v in audit_features(item_features, log, at, key="item_id")] == ["passed"]

    def leaky(log, at):
        popularity = user_features(log)["events"].to_pylist()
        return user_features(log, at).append_column("popularity", pa.array(popularity))

    verdict = audit_features(leaky, log, at)[0]
    assert (verdict.status, verdict.code, verdict.evidence["columns"]) == ("failed", "leakage", ["popularity"])
    with pytest.raises(InputError, match="both sides"):
        audit_features(user_features, log, START)
