"""Lists of large catalogues come from blocks of products; they are those of the table of scores."""

import numpy as np
import pytest

from dorec.recommend import ALS, BPR, EASE
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
