"""What was shown and what was not: every pair stands for itself or for its like."""

import numpy as np
import pytest

from dorec import RunContext
from dorec.domain.errors import BadPropensity, InputError, OneArm
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
