"""What was shown and what was not: every pair stands for itself or for its like."""

import numpy as np
import pytest

from dorec import RunContext
from dorec.domain.errors import BadPropensity, ColumnNotFound, InputError, NotFinite, OneArm
from dorec.recommend import ExposureLog
from dorec.simulate import ShopWorld


@pytest.fixture(scope="module")
def world():
    return ShopWorld(n_users=60, n_items=15, seed=2)


@pytest.fixture(scope="module")
def log(world):
    return ExposureLog.from_events(world.event_table(), unshown_per_shown=0.5)


def test_rows_add_up_to_every_session_and_item(log):
    sessions, items = len(log.session_user), log.responses.n_items
    assert log.weight.sum() == pytest.approx(sessions * items)
    assert (log.weight[log.shown] == 1).all()
    pairs = log.session * items + log.item
    assert len(np.unique(pairs)) == log.n
    assert (log.session_user[log.session] == log.user).all()


def test_outcomes_are_those_of_the_events(log, world):
    table = world.event_table().to_pylist()
    bought = {(e["session_id"], e["item_id"]) for e in table if e["event"] == "purchase"}
    shown = {(e["session_id"], e["item_id"]) for e in table if e["event"] == "impression"}
    assert log.shown.sum() == len(shown)
    assert log.outcome[log.shown].sum() == len(bought & shown)
    assert log.outcome[~log.shown].sum() == len(bought - shown)


def test_chances_are_averaged_over_places(log, world):
    table = world.event_table().to_pylist()
    logged = sorted(min(1.0, 5 * e["propensity"]) for e in table if e["event"] == "impression")
    np.testing.assert_allclose(np.sort(log.propensity[log.shown]), logged)
    assert np.isnan(log.propensity[~log.shown]).all()
    # shown rows, weighted by one over their chance, stand for all sessions and items
    assert (1 / log.propensity[log.shown]).sum() == pytest.approx(log.weight.sum(), rel=0.1)


def test_learned_chances_are_near_the_share_of_sessions(log):
    p = log.rates().of(log.user, log.item)
    assert np.average(p, weights=log.weight) == pytest.approx(log.shown.sum() / log.weight.sum(), rel=0.1)
    assert p[log.shown].mean() > 1.2 * np.average(p[~log.shown], weights=log.weight[~log.shown])


def test_the_sample_follows_from_the_seed(world):
    table = world.event_table()
    first, again, other = (ExposureLog.from_events(table, context=RunContext(seed=s)) for s in (1, 1, 2))
    assert first.item.tolist() == again.item.tolist()
    assert first.item.tolist() != other.item.tolist()


def rows(**changed):
    made = {"user_id": ["a", "b"], "item_id": ["x", "y"], "session_id": [1, 2], "event": ["impression", "purchase"]}
    return made | changed


def test_what_can_not_be_learned_from_is_refused():
    with pytest.raises(OneArm, match="impression"):
        ExposureLog.from_events(rows(event=["view", "purchase"]))
    with pytest.raises(InputError, match="purchase"):
        ExposureLog.from_events(rows(event=["impression", "view"]))
    with pytest.raises(BadPropensity):
        ExposureLog.from_events(rows(propensity=[0.0, None]))
    everything = {
        "user_id": ["a", "a"],
        "item_id": ["x", "x"],
        "session_id": [1, 1],
        "event": ["impression", "purchase"],
    }
    with pytest.raises(OneArm, match="every item"):
        ExposureLog.from_events(everything)


TRIAL = {
    "user_id": ["a", "a", "b", "b", "b"],
    "item_id": ["x", "y", "x", "y", "z"],
    "shown": [1, 0, 0, 1, 0],
    "outcome": [1.0, 0.0, 2.0, 0.0, 0.0],
    "propensity": [0.5, 0.5, 0.2, 0.2, 0.2],
    "visit": [7, 7, 8, 8, 9],
}


def test_rows_of_a_trial_are_taken_as_they_are():
    log = ExposureLog.from_table(TRIAL)
    assert log.shown.tolist() == [True, False, False, True, False]
    assert log.outcome.tolist() == TRIAL["outcome"]
    assert log.propensity.tolist() == TRIAL["propensity"]
    assert log.session.tolist() == [0, 1, 2, 3, 4]
    assert log.responses.users[log.user].tolist() == TRIAL["user_id"]
    assert log.responses.items[log.item].tolist() == TRIAL["item_id"]
    assert [log.responses.items[i] for i in log.responses.item_index] == ["x", "x"]
    by_visit = ExposureLog.from_table(TRIAL, session="visit", propensity=None, weight="visit")
    assert by_visit.session_user.tolist() == [0, 1, 1]
    assert by_visit.weight.tolist() == TRIAL["visit"]
    assert np.isfinite(by_visit.chances()).all()


def test_columns_of_users_and_items_join_a_log():
    log = ExposureLog.from_table(TRIAL).with_users({"u": ["b"], "club": ["red"]}, user="u")
    log = log.with_items({"i": ["z", "x"], "kind": ["new", "old"]}, item="i")
    assert log.responses.user_features.column("club").to_pylist() == [None, "red"]
    assert log.responses.item_features.column("kind").to_pylist() == ["old", None, "new"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"shown": [1] * 5}, OneArm),
        ({"shown": [0] * 5}, OneArm),
        ({"shown": [1, 0, 0, 2, 0]}, InputError),
        ({"outcome": [0.0] * 5}, InputError),
        ({"outcome": [1.0, np.nan, 0.0, 0.0, 0.0]}, NotFinite),
        ({"propensity": [0.5, 0.5, 0.2, 1.0, 0.2]}, BadPropensity),
        ({"propensity": [0.5, 0.5, 0.2, np.nan, 0.2]}, BadPropensity),
        ({"user_id": ["a", None, "b", "b", "b"]}, NotFinite),
    ],
)
def test_a_broken_trial_is_refused(changes, error):
    with pytest.raises(error):
        ExposureLog.from_table(TRIAL | changes)


def test_a_trial_without_chances_or_columns_is_refused():
    with pytest.raises(InputError, match="sessions"):
        ExposureLog.from_table(TRIAL, propensity=None)
    with pytest.raises(ColumnNotFound, match="exposed"):
        ExposureLog.from_table(TRIAL, shown="exposed")
    with pytest.raises(NotFinite):
        ExposureLog.from_table(TRIAL | {"visit": [1, 1, 0, 1, 1]}, weight="visit")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([30, 20, 10], [10.0, 20.0]),
        (
            np.array(["1970-01-01T00:00:30", "1970-01-01T00:00:20", "1970-01-01T00:00:10"], "datetime64[s]"),
            [10.0, 20.0],
        ),
        (["late", "early", "first"], [0.0, 1.0]),
        ([30, None, 10], [0.0, 1.0]),
    ],
)
def test_sessions_begin_with_their_first_event_or_row(times, expected):
    rows = {"user_id": ["a", "b", "a"], "item_id": ["x", "y", "x"], "session_id": [1, 2, 1], "timestamp": times}
    log = ExposureLog.from_events(rows | {"event": ["purchase", "impression", "impression"]})
    assert log.began.tolist() == expected


def test_chances_are_the_logged_ones_where_there_are_any():
    rows = {"user_id": ["a", "a", "b", "b"], "item_id": ["x", "y", "x", "y"], "shown": [1, 0, 0, 1]}
    log = ExposureLog.from_table(rows | {"outcome": [1, 0, 1, 0], "propensity": [0.5, 0.9999, 0.2, 0.3]})
    np.testing.assert_allclose(log.chances(), [0.5, 0.999, 0.2, 0.3])
    learned = ExposureLog.from_table(rows | {"outcome": [1, 0, 1, 0], "s": [1, 1, 2, 2]}, propensity=None, session="s")
    assert ((learned.chances() > 0) & (learned.chances() < 1)).all()


def test_users_may_count_their_sessions_each_on_their_own():
    events = {
        "user_id": ["a", "a", "b", "b", "c"],
        "item_id": ["x", "x", "y", "y", "z"],
        "session_id": [1, 1, 1, 1, 2],
        "event": ["impression", "purchase"] * 2 + ["impression"],
    }
    log = ExposureLog.from_events(events)
    apart = ExposureLog.from_events(events | {"session_id": [1, 1, 2, 2, 3]})
    for name in ("user", "item", "session", "shown", "outcome", "weight", "session_user"):
        np.testing.assert_array_equal(getattr(log, name), getattr(apart, name))
    assert log.responses.users[log.user[log.shown]].tolist() == ["a", "b", "c"]
    trial = ExposureLog.from_table(TRIAL | {"visit": [1] * 5}, session="visit")
    assert trial.responses.users[trial.session_user].tolist() == ["a", "b"]
    assert (trial.session_user[trial.session] == trial.user).all()
