from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dorec import EventLog
from dorec.domain.errors import InputError, NoSupport
from dorec.profile import to_feedback

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(4))
def test_rewards_are_those_of_a_walk_along_each_user_and_item(seed):
    rng = np.random.default_rng(seed)
    n = 400
    minute = rng.permutation(n * 5)[:n]
    shown = rng.random(n) < 0.5
    rows = {
        "user_id": rng.choice(list("abcd"), n).tolist(),
        "item_id": rng.choice(list("xyz"), n).tolist(),
        "event": np.where(shown, "impression", rng.choice(["click", "cart"], n)).tolist(),
        "propensity": [float(p) if s else None for s, p in zip(shown, rng.uniform(0.1, 1, n), strict=True)],
        "timestamp": [START + timedelta(minutes=int(m)) for m in minute],
    }
    expected = []
    for i in sorted(np.flatnonzero(shown), key=lambda i: minute[i]):
        mine = [j for j in range(n) if minute[j] > minute[i] and rows["user_id"][j] == rows["user_id"][i]
                and rows["item_id"][j] == rows["item_id"][i]]  # fmt: skip
        again = min((minute[j] for j in mine if shown[j]), default=np.inf)
        expected.append(float(any(rows["event"][j] == "click" and minute[j] < again and minute[j] <= minute[i] + 120
                                  for j in mine)))  # fmt: skip
    feedback, aside = to_feedback(EventLog.from_table(rows), within_hours=2)
    assert feedback.reward.tolist() == expected
    assert 10 < sum(expected) < feedback.n
    assert (aside, feedback.action_labels) == (0, ("x", "y", "z"))


def test_a_value_on_every_decision_is_its_reward():
    log = EventLog.from_table({"user_id": ["a", "b"], "item_id": ["x", "y"], "propensity": [0.5, 0.2],
                               "value": [0.0, 3.0], "timestamp": [START, START]})  # fmt: skip
    assert sorted(to_feedback(log)[0].reward.tolist()) == [0.0, 3.0]


def test_what_is_set_aside_is_counted():
    n = 20
    propensity = [0.5] * 17 + [1.5, 0.0, 0.5]
    log = EventLog.from_table({"user_id": [str(k) for k in range(n)], "item_id": ["x", "y"] * 9 + ["x", None],
                               "propensity": propensity, "value": [1.0] * n,
                               "timestamp": [START + timedelta(hours=k) for k in range(n)]})  # fmt: skip
    feedback, aside = to_feedback(log)
    assert (feedback.n, aside) == (17, 3)
    last, aside = to_feedback(log, max_cells=10)
    assert (last.n, aside) == (5, 15)
    assert last.cluster.tolist() == [str(k) for k in range(12, 17)]


def test_what_can_not_be_judged_is_refused():
    with pytest.raises(NoSupport, match="propensity"):
        to_feedback(EventLog.from_table({"user_id": ["a"], "item_id": ["x"]}))
    rows = {"user_id": ["a"], "item_id": ["x"], "propensity": [0.5], "event": ["impression"], "timestamp": [START]}
    with pytest.raises(InputError, match="no event is a response"):
        to_feedback(EventLog.from_table(rows))
