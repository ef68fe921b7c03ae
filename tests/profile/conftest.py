"""The oracle: features by hand, plain Python over lists of events, as slow and as plain as can be."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from dorec.domain.event_log import FUNNEL

START = datetime(2024, 2, 27, tzinfo=UTC)
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def random_events(rng, n, n_users=5, instants=40):
    """Events with many ties in time, missing items, values and times, in random order of arrival."""
    hours = rng.integers(0, instants, n)
    return [
        {
            "event_id": str(i),
            "user_id": f"u{rng.integers(n_users)}",
            "item_id": None if rng.random() < 0.05 else f"i{rng.integers(6)}",
            "event": str(rng.choice(["view", "cart", "purchase", "rating"], p=[0.5, 0.2, 0.2, 0.1])),
            "timestamp": None if rng.random() < 0.03 else START + timedelta(hours=7 * int(hours[i])),
            "value": None if rng.random() < 0.3 else float(rng.integers(1, 50)) / 4,
        }
        for i in range(n)
    ]


def columns(events):
    return {name: [e[name] for e in events] for name in events[0]}


def features(past, events, at, key="user_id"):
    """The features of one user (or item) from its events `past`; the whole log `events` decides which there are."""
    kinds = {e["event"] for e in events}
    stages = [e for e in FUNNEL if e in kinds]
    other = "item_id" if key == "user_id" else "user_id"
    sales = {"purchase"} if "purchase" in kinds else kinds - {"rating"}
    n = {kind: sum(e["event"] == kind for e in past) for kind in kinds}
    values = [e["value"] for e in past if e["value"] is not None and e["event"] != "rating"]
    ratings = [e["value"] for e in past if e["value"] is not None and e["event"] == "rating"]
    times = [e["timestamp"] for e in past if e["timestamp"] is not None]
    out = {
        "events": len(past),
        "items" if other == "item_id" else "users": len({e[other] for e in past if e[other] is not None}),
        "frequency": sum(e["event"] in sales for e in past),
        "monetary": sum(e["value"] or 0.0 for e in past if e["event"] in sales),
        "mean_value": np.mean(values) if values else None,
        "recency_days": (at - max(times)).total_seconds() / 86_400 if times else None,
        "tenure_days": (at - min(times)).total_seconds() / 86_400 if times else None,
    }
    if "rating" in kinds:
        out["mean_rating"] = np.mean(ratings) if ratings else None
    out |= {f"n_{kind}": count for kind, count in n.items()}
    out |= {f"{a}_to_{b}": n[b] / n[a] if n[a] else None for a, b in pairwise(stages)}
    for hour in range(24):
        out[f"hour_{hour:02d}"] = sum(t.hour == hour for t in times) / len(past) if past else None
    for day, name in enumerate(WEEK):
        out[name] = sum(t.weekday() == day for t in times) / len(past) if past else None
    return out


def differences(row, expected):
    """Names of features that differ, or that only one side has."""
    wrong = set(row) ^ set(expected)
    for name in set(row) & set(expected):
        a, b = row[name], expected[name]
        if (a is None) != (b is None) or (a is not None and abs(a - b) > 1e-9):
            wrong.add(name)
    return sorted(wrong)


@pytest.fixture(scope="session")
def oracle():
    """Random logs and their features by hand."""
    return SimpleNamespace(random_events=random_events, columns=columns, features=features, differences=differences)
