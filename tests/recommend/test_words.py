import numpy as np
import pyarrow as pa
import pytest

from dorec import Dataset
from dorec.recommend import ALS, EASE, ItemKNN, Popularity
from dorec.recommend.reasons import strongest
from dorec.recommend.words import explain_by_history

TITLES = pa.table({"id": [1, 2, 3, 4], "title": ["Tea", "Milk", "Milk", "Salt"]})


@pytest.fixture
def shop():
    rows = {
        "u": ["a", "a", "a", "b", "b", "b", "c", "c", "d"],
        "i": [1, 1, 2, 1, 2, 3, 2, 3, 4],
        "e": ["view", "purchase", "cart", "view", "view", "view", "purchase", "purchase", "view"],
    }
    return Dataset.from_interactions(rows, user="u", item="i", event="e").with_items(TITLES, item="id", text="title")


def test_reasons_have_titles_and_what_was_done(shop):
    why = EASE(reg=1.0).fit(shop).explain("a", 3)
    assert why.summary.startswith("Milk: because you put in the cart Milk")
    assert set(why.parts) == {"you put in the cart Milk", "you bought Tea"}
    assert why.details["items"] == [2, 1]


def test_two_items_of_one_title_stay_apart(shop):
    parts = ItemKNN(k=3, shrinkage=0.0).fit(shop).explain("b", 1).parts
    assert set(parts) == {"you looked at Tea", "you looked at Milk (2)", "you looked at Milk (3)"}


def test_nothing_speaks_for_an_item_of_another_world(shop):
    why = ItemKNN(shrinkage=0.0).fit(shop).explain("a", 4)
    assert why.summary == "Salt: nothing in your history speaks for it."
    assert set(why.parts.values()) == {0.0}


def test_popularity_counts_users(shop):
    why = Popularity().fit(shop).explain("a", 2)
    assert why.summary == "Milk: because 3 of 4 users chose it."
    assert why.parts == {"users who chose it": 3.0}


def test_a_stranger_is_told_so(shop):
    why = ALS(embedding_size=2).fit(shop).explain("zoe", 2)
    assert why.summary == "Milk: because nothing is known of this user yet, and 3 of 4 users chose it."
    assert why.details["fallback"] is True


def test_the_figure_adds_up_too():
    n = 30
    rows = {"u": [1] * n + [2] * n, "i": list(range(n)) + list(range(1, n + 1))}
    why = EASE(reg=1.0).fit(Dataset.from_interactions(rows, user="u", item="i")).explain(1, n)
    bars = why.figures[0].data
    assert bars["labels"][-1] == "20 more"
    assert sum(bars["values"]) == pytest.approx(why.details["score"])


def test_what_no_single_item_explains_is_said_but_is_no_reason(shop):
    contributions = np.array([1, -1, 0]), np.array([0.2, 0.9, 0.1])
    why = explain_by_history(shop, 0, 2, 1.2, contributions)
    assert list(why.parts) == ["your history as a whole", "you put in the cart Milk", "you bought Tea"]
    assert why.summary == "Milk: because you put in the cart Milk and you bought Tea."
    assert why.details["items"] == [2, 1]
    assert strongest(*(contributions[0], contributions[1][:, None]), n=3) == [[1, 0]]
