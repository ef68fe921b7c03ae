import numpy as np
import pytest

from dorec.domain.errors import ConfigError
from dorec.recommend import UserKNN


def dense(tastes):
    return (tastes.matrix.toarray() > 0).astype(float)


@pytest.mark.parametrize("similarity", ["cosine", "jaccard"])
def test_scores_sum_over_the_like_minded(tastes, similarity):
    x = dense(tastes)
    both, size = x @ x.T, x.sum(axis=1)
    either = size[:, None] + size - both if similarity == "jaccard" else np.sqrt(np.outer(size, size))
    like = both / either * both / (both + 3.0)
    np.fill_diagonal(like, 0.0)
    kept = np.zeros_like(like)
    for u in range(60):
        near = np.argsort(-like[u], kind="stable")[:7]
        kept[u, near] = like[u, near]
    scorer = UserKNN(k=7, similarity=similarity, shrinkage=3.0).fit(tastes)
    np.testing.assert_allclose(scorer.score(np.arange(60)), kept @ x, atol=1e-12)


@pytest.mark.parametrize("similarity", ["cosine", "jaccard", "tfidf", "bm25"])
def test_reasons_add_up_and_come_from_the_users_own_history(tastes, similarity):
    scorer = UserKNN(k=9, similarity=similarity).fit(tastes)
    items = np.arange(40)
    for user in (0, 17, 59):
        history, parts = scorer.model.contributions(user, items)
        np.testing.assert_allclose(parts.sum(axis=0), scorer.score(np.array([user]))[0], atol=1e-12)
        assert set(history) == set(tastes.matrix[user].indices)


def test_like_minded_users_are_followed(tastes):
    lists = UserKNN(k=10).fit(tastes).recommend(np.arange(60), k=5)
    assert ((lists.items % 2) == (np.arange(60)[:, None] % 2)).mean() > 0.9


@pytest.mark.parametrize("settings", [{"k": 0}, {"similarity": "pearson"}, {"shrinkage": -1}, {"bm25_b": 2.0}])
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        UserKNN(**settings)
