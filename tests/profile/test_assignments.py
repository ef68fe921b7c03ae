from datetime import date, datetime

import numpy as np
import pyarrow as pa

from dorec.profile.assignments import Assignments, arms_of, day, earlier_assignments, read_assignments

HOUR = 3_600_000_000
DAY = 24 * HOUR


def test_an_end_that_is_a_date_includes_the_day_and_one_with_a_time_does_not():
    dates = pa.table({"u": ["a"], "s": [date(1970, 1, 2)], "e": [date(1970, 1, 3)]})
    read = read_assignments(dates, "u", None, "s", "e", last=0)
    assert (read.start.tolist(), read.end.tolist(), read.label.tolist()) == ([DAY], [3 * DAY], ["treated"])
    times = pa.table({"u": ["a"], "s": [datetime(1970, 1, 2)], "e": [datetime(1970, 1, 3, 1)]})
    assert read_assignments(times, "u", None, "s", "e", last=0).end.tolist() == [2 * DAY + HOUR + 1]
    assert read_assignments(times, "u", None, "s", None, last=9 * DAY).end.tolist() == [9 * DAY + 1]


def test_rows_that_say_none_are_no_assignments():
    table = pa.table({"u": ["a", "b"], "k": ["none", "mail"], "s": [date(1970, 1, 2)] * 2})
    read = read_assignments(table, "u", "k", "s", None, last=9 * DAY)
    assert (read.unit.tolist(), read.labels(None)) == (["b"], ["mail"])


def test_earlier_assignments_agree_with_a_count_by_hand():
    rng = np.random.default_rng(0)
    start = rng.integers(0, 50, 80)
    end = start + rng.integers(1, 20, 80)
    given = Assignments(rng.choice(list("abc"), 80).astype(str), np.full(80, "x"), start, end)
    user, at = rng.choice(list("acd"), 60).astype(str), rng.integers(0, 60, 60)
    found = earlier_assignments(given, user, at)
    for i in range(60):
        mine = given.unit == user[i]
        assert found["assigned_before"][i] == (mine & (start < at[i])).sum()
        assert found["running_before"][i] == (mine & (start < at[i]) & (end > at[i])).sum()


def test_the_same_assignment_twice_is_one():
    two = np.array(["a", "a"])
    given = Assignments(two, np.array(["x", "x"]), np.zeros(2, dtype=np.int64), np.full(2, DAY))
    arms, twice = arms_of(given, ["x"], np.array(["a", "b"]), given.windows(["x"]))
    assert (arms.tolist(), twice.tolist()) == (["x", "none"], [False, False])


def test_a_day_is_that_of_utc():
    assert [day(-1), day(0), day(DAY - 1), day(DAY)] == ["1969-12-31", "1970-01-01", "1970-01-01", "1970-01-02"]
