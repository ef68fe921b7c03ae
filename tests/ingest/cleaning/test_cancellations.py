from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dorec import EventLog
from dorec.ingest.cleaning import Cancellations, clean

START = datetime(2024, 1, 1, tzinfo=UTC)


def random_shop(rng, n, ties):
    """Events of many users on two items with few amounts, so that each user is a case of its own."""
    spread = 6 if ties else 10_000_000
    return {
        "event_id": [f"{i:05d}" for i in range(n)],
        "user_id": [f"u{u}" for u in rng.integers(0, n // 8, n)],
        "item_id": rng.choice(["x", "y"], n).tolist(),
        "event": rng.choice(["purchase", "view"], n, p=[0.9, 0.1]).tolist(),
        "value": rng.choice([5.0, 7.25, -5.0, -7.25], n, p=[0.35, 0.25, 0.25, 0.15]),
        "timestamp": [START + timedelta(seconds=int(s)) for s in rng.integers(0, spread, n)],
    }


def by_hand(rows, same_value):
    """A stack of open purchases for each user, item and amount; at the same instant purchases come first."""
    dropped, alone = set(), set()
    order = sorted(
        range(len(rows["user_id"])),
        key=lambda i: (rows["timestamp"][i], rows["value"][i] < 0, rows["event_id"][i]),
    )
    stacks = {}
    for i in order:
        if rows["event"][i] != "purchase":
            continue
        key = (rows["user_id"][i], rows["item_id"][i], abs(rows["value"][i]) if same_value else 0)
        stack = stacks.setdefault(key, [])
        if rows["value"][i] > 0:
            stack.append(i)
        elif stack:
            dropped |= {i, stack.pop()}
        else:
            alone.add(i)
    return dropped, alone


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("same_value", [True, False])
def test_pairs_are_those_of_a_stack(seed, same_value):
    rows = random_shop(np.random.default_rng(seed), 2_000, ties=seed % 2 == 1)
    dropped, alone = by_hand(rows, same_value)
    log, report = clean(EventLog.from_table(rows), [Cancellations(same_value=same_value)], max_share=1)
    kept = set(log.to_arrow(["event_id"])["event_id"].to_pylist())
    assert kept == {f"{i:05d}" for i in range(2_000)} - {f"{i:05d}" for i in dropped}
    assert len(dropped) > 300
    assert report.steps[0].changed == len(alone) > 100
    assert report.steps[0].counts["cancels a purchase"] == len(dropped) // 2
    if same_value:
        assert report.steps[0].value_dropped == pytest.approx(0, abs=1e-9)


def test_a_cancel_event_without_a_value_matches_by_item():
    rows = {"user_id": ["a"] * 3, "item_id": ["x", "y", "x"], "event": ["purchase", "purchase", "refund"],
            "timestamp": [START + timedelta(days=d) for d in range(3)]}  # fmt: skip
    assert Cancellations().apply(EventLog.from_table(rows).table).item_id.to_pyarrow().to_pylist() == ["y"]


def test_a_cancellation_before_its_purchase_is_kept_and_counted():
    rows = {"user_id": ["a", "a"], "item_id": ["x", "x"], "event": ["purchase"] * 2, "value": [-5.0, 5.0],
            "timestamp": [START, START + timedelta(days=1)]}  # fmt: skip
    log = EventLog.from_table(rows)
    cleaned, report = clean(log, [Cancellations()])
    assert cleaned.n_events == 2
    assert report.steps[0].counts == {"cancellation without its purchase (kept)": 1}
    assert report.steps[0].examples[0]["value"] == -5.0


def test_says_why_it_does_not_apply():
    no_time = EventLog.from_table({"user_id": ["a"], "event": ["purchase"], "value": [-1.0]})
    assert "time stamps" in clean(no_time, [Cancellations()])[1].steps[0].skipped_reason
    nothing = EventLog.from_table({"user_id": ["a"]})
    assert clean(nothing, [Cancellations()])[1].steps[0].skipped_reason == "there are no cancellations"
