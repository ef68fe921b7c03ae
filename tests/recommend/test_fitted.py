"""Lists of large catalogues come from blocks of products; they are those of the table of scores."""

import numpy as np
import pytest

from dorec import Dataset
from dorec.evaluate import ranking
from dorec.recommend import ALS, BPR, EASE, Popularity
from dorec.recommend.fitted import FactorModel

LEARNERS = [ALS(embedding_size=8), BPR(embedding_size=8, epochs=5)]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_products_give_the_lists_of_the_table(tastes, learner, exclude_seen, monkeypatch):
    scorer = learner.fit(tastes)
    asked = np.array([3, 999, *tastes.users[::-1].tolist(), -5])
    table = scorer.recommend(asked, k=30, exclude_seen=exclude_seen)
    monkeypatch.setattr("dorec.recommend.fitted.MANY_ITEMS", 1)
    products = scorer.recommend(asked, k=30, exclude_seen=exclude_seen)
    np.testing.assert_allclose(products.scores, table.scores, rtol=1e-4, atol=1e-5)
    assert products.fallback.tolist() == table.fallback.tolist()
    same = products.items == table.items
    assert same[products.fallback].all()
    assert same.mean() > 0.99


def test_only_models_of_factors_are_asked_for_products(tastes):
    assert isinstance(ALS(embedding_size=4).fit(tastes).model, FactorModel)
    assert not isinstance(EASE().fit(tastes).model, FactorModel)


def test_what_was_shown_and_not_taken_was_seen_but_is_not_popular():
    rows = {"u": ["a", "b", "c", "a", "b", "c", "d"], "i": ["ad", "ad", "ad", "tea", "tea", "jam", "ad"]}
    shown = Dataset.from_interactions(rows | {"w": [0, 0, 0, 1, 1, 1, 0]}, user="u", item="i", weight="w")
    for learner in (Popularity(), EASE(reg=1.0)):
        scorer = learner.fit(shown)
        assert scorer.popularity.tolist() == [0, 1, 2]  # ad, jam, tea
        lists = scorer.recommend(["zoe", "d", "a"], k=3)
        assert lists.items.tolist() == [["tea", "jam", "ad"], ["tea", "jam", None], ["jam", None, None]]
    test = Dataset.from_interactions({"u": ["a", "d"], "i": ["jam", "tea"]}, user="u", item="i")
    found = ranking(Popularity().fit(shown), test, k=2, metrics=("recall", "popularity"))
    assert found["recall"].value == 1.0
    assert found["popularity"].value == pytest.approx((1 + 1.5) / 2)
