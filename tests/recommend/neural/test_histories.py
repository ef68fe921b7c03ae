import numpy as np
import pytest

from dorec import Dataset
from dorec.domain.errors import InputError
from dorec.recommend.neural.histories import histories_of


def dataset(**columns):
    names = {"user": "u", "item": "i"} | {
        n: c for n, c in (("time", "t"), ("weight", "w"), ("event", "e")) if c in columns
    }
    return Dataset.from_interactions(columns, **names)


def test_events_stand_in_the_order_of_time_whatever_the_order_of_rows():
    rng = np.random.default_rng(0)
    u, i, t = rng.integers(0, 9, 200), rng.integers(0, 30, 200), rng.integers(0, 50, 200)
    one = histories_of(dataset(u=u, i=i, t=t))
    order = rng.permutation(200)
    other = histories_of(dataset(u=u[order], i=i[order], t=t[order]))
    assert one.items.tolist() == other.items.tolist()
    for user in range(9):
        own = slice(one.start[user], one.start[user + 1])
        assert (np.diff(one.time[own]) >= 0).all()
        assert sorted(zip(one.time[own], one.items[own], strict=True)) == sorted(
            zip(t[u == user], i[u == user], strict=True)
        )


def test_ties_are_broken_in_no_order_of_the_items():
    found = histories_of(dataset(u=np.repeat(np.arange(500), 2), i=[0, 1] * 500, t=[7] * 1000))
    assert 200 < found.items[::2].sum() < 300


def test_without_times_a_history_is_a_set():
    found = histories_of(dataset(u=[1, 1, 1, 2], i=[8, 7, 8, 7]))
    assert (found.items.tolist(), found.start.tolist(), found.ordered) == ([0, 1, 0], [0, 2, 3], False)


def test_events_of_no_weight_are_no_history():
    found = histories_of(dataset(u=[1, 1, 2], i=[7, 8, 7], w=[0.0, 1.0, 0.0], t=[1, 2, 3]))
    assert (found.items.tolist(), found.count.tolist()) == ([1], [1, 0])


def test_kinds_go_from_the_weakest_to_the_strongest():
    found = histories_of(dataset(u=[1] * 4, i=[1] * 4, t=[1, 2, 3, 4], e=["buy", "pv", "swipe", "cart"]), typed=True)
    assert found.kinds == ("swipe", "pv", "cart", "buy")
    assert found.kind.tolist() == [3, 1, 0, 2]


def test_kinds_that_are_not_there_are_refused():
    with pytest.raises(InputError, match="event="):
        histories_of(dataset(u=[1], i=[1], t=[1]), typed=True)


def test_the_latest_events():
    found = histories_of(dataset(u=[1] * 5 + [2], i=list(range(6)), t=list(range(6))))
    first, count = found.latest(3)
    assert (first.tolist(), count.tolist()) == ([2, 5], [3, 1])
