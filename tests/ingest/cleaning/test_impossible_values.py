from datetime import UTC, datetime, timedelta

import pytest

from dorec import EventLog
from dorec.domain.errors import ConfigError
from dorec.ingest.cleaning import ImpossibleValues, clean

NOW = datetime.now(UTC)
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"value": NAN}, "value is not a finite number"),
        ({"value": -INF, "event": "purchase"}, "value is not a finite number"),
        ({"value": -1.0, "event": "view"}, "value is negative and no money was given back"),
        ({"value": -1.0, "event": "purchase"}, None),
        ({"value": -1.0, "event": "refund"}, None),
        ({"value": -9.5, "event": "rating"}, None),
        ({"timestamp": datetime(1970, 1, 1, tzinfo=UTC)}, "time is before the earliest"),
        ({"timestamp": datetime(1990, 1, 1, tzinfo=UTC)}, None),
        ({"timestamp": NOW + timedelta(days=2)}, "time is in the future"),
        ({"timestamp": NOW}, None),
        ({"propensity": 0.0}, "propensity is outside (0, 1]"),
        ({"propensity": 1.0}, None),
        ({"propensity": 1.0000001}, "propensity is outside (0, 1]"),
        ({"propensity": NAN}, "propensity is outside (0, 1]"),
        ({"value": 0.5, "event": "rating"}, "rating is outside its range"),
        ({"value": 5.0, "event": "rating"}, None),
        ({"value": 50.0, "event": "purchase"}, None),
        ({}, None),
    ],
)
def test_each_rule_at_its_edge(row, reason):
    step = ImpossibleValues(rating_range=None if row.get("value") == -9.5 else (1, 5))
    log = EventLog.from_table({"user_id": ["a"], **{k: [v] for k, v in row.items()}})
    _, report = clean(log, [step], max_share=1)
    assert list(report.steps[0].counts) == ([] if reason is None else [reason])
    assert report.after == (1 if reason is None else 0)


def test_an_example_says_which_value_and_why():
    log = EventLog.from_table({"user_id": ["a", "b"], "value": [INF, 1.0], "event": ["view", "view"]})
    _, report = clean(log, [ImpossibleValues()])
    assert report.steps[0].examples == [
        {"user_id": "a", "event": "view", "value": "inf", "reason": "value is not a finite number"}
    ]
    assert report.steps[0].value_dropped == 0


def test_bad_range_is_refused():
    with pytest.raises(ConfigError, match="lowest, highest"):
        ImpossibleValues(rating_range=(5, 1))
