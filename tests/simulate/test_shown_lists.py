"""Lists shown to the users of a shop: draws agree with what is exact, and the truth with `true_effect`."""

import numpy as np
import pytest

from dorec.domain.errors import InputError, UnknownItem
from dorec.simulate import ShopWorld

WORLD = ShopWorld(n_users=400, n_items=60, seed=3)


@pytest.fixture(scope="module")
def lists():
    rng = np.random.default_rng(0)
    return np.stack([rng.choice(60, 4, replace=False) for _ in range(400)])


def counts(events, kind, *, shown=True):
    rows = [r for r in events.to_pylist() if r["event"] == kind and (r["position"] is not None) == shown]
    return len(rows)


def test_draws_have_the_expected_mean(lists):
    truth = WORLD.true_list_value(lists)
    drawn = [WORLD.show(lists, visit=v) for v in range(60)]
    for kind, exact in (("view", truth.views), ("purchase", truth.purchases)):
        found = np.array([counts(events, kind) for events in drawn])
        assert abs(found.mean() - exact.sum()) < 4 * found.std(ddof=1) / np.sqrt(60)


def test_what_a_list_adds_is_the_sum_of_what_its_places_add(lists):
    users = np.arange(400)
    by_place = [WORLD.true_effect(users, lists[:, p], position=p) for p in range(4)]
    assert np.allclose(WORLD.true_list_value(lists).added_purchases, np.sum(by_place, axis=0))


def test_people_who_came_for_an_item_search_it_unless_it_was_shown(lists):
    empty = WORLD.show(np.full((400, 3), -1))
    assert counts(empty, "impression") == 0
    assert 0.15 < counts(empty, "view", shown=False) / 400 < 0.35
    assert WORLD.true_list_value(np.full((400, 3), -1)).views.sum() == 0


def test_ids_and_places_are_alike_and_another_visit_is_another_draw(lists):
    ids = np.asarray(WORLD.items()["item_id"].to_pylist(), dtype=object)[lists]
    ids[0, 0] = None
    places = lists.copy()
    places[0, 0] = -1
    assert WORLD.show(ids).equals(WORLD.show(places))
    assert not WORLD.show(lists).equals(WORLD.show(lists, visit=1))


@pytest.mark.parametrize("bad", [np.zeros((3, 2), dtype=int), np.zeros(400, dtype=int), np.zeros((400, 0), dtype=int)])
def test_lists_of_another_shape_are_told(bad):
    with pytest.raises(InputError, match="n_users, k"):
        WORLD.show(bad)


def test_an_item_that_is_none_is_told():
    with pytest.raises(UnknownItem, match="99"):
        WORLD.true_list_value(np.full((400, 1), 99))
