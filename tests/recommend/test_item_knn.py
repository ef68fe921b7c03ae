import numpy as np
import pytest
from scipy import sparse

from dorec.domain.errors import ConfigError
from dorec.recommend import ItemKNN
from dorec.recommend.weighting import bm25

implicit = pytest.importorskip("implicit.nearest_neighbours")


@pytest.fixture
def binary(tastes):
    matrix = tastes.matrix.copy()
    matrix.data[:] = 1.0
    return matrix


def neighbourhoods(similarity, k):
    """implicit keeps an item among its own neighbours; without it, k + 1 of its are k of ours."""
    dense = similarity.toarray()
    np.fill_diagonal(dense, 0.0)
    return dense


@pytest.mark.filterwarnings("ignore::implicit.utils.ParameterWarning")
def test_cosine_neighbours_equal_implicits(tastes, binary):
    peer = implicit.CosineRecommender(K=40, num_threads=1)
    peer.fit(binary, show_progress=False)
    ours = ItemKNN(k=39, shrinkage=0.0).fit(tastes).model.weights.toarray()
    np.testing.assert_allclose(ours.T, neighbourhoods(peer.similarity, 40), atol=1e-12)


@pytest.mark.filterwarnings("ignore::implicit.utils.ParameterWarning")
def test_bm25_neighbours_equal_implicits(tastes, binary):
    peer = implicit.BM25Recommender(K=40, num_threads=1)
    peer.fit(binary, show_progress=False)
    ours = ItemKNN(k=39, similarity="bm25", shrinkage=0.0).fit(tastes).model.weights.toarray()
    np.testing.assert_allclose(ours.T, neighbourhoods(peer.similarity, 40), rtol=1e-9, atol=1e-12)


def test_bm25_weights_equal_implicits(binary):
    counts = binary.copy()
    counts.data = 1.0 + np.arange(counts.nnz) % 5
    peer = implicit.bm25_weight(counts.T, 1.2, 0.75).T.toarray()
    np.testing.assert_allclose(bm25(counts, 1.2, 0.75).toarray(), np.maximum(peer, 0.0), rtol=1e-9, atol=1e-12)


def test_scores_sum_over_the_history_among_the_items_neighbours(tastes, binary):
    x = binary.toarray()
    norms = np.sqrt((x**2).sum(axis=0))
    both = x.T @ x
    cosine = both / np.outer(norms, norms) * both / (both + 10.0)
    np.fill_diagonal(cosine, 0.0)
    kept = np.zeros_like(cosine)
    for i in range(40):
        near = np.argsort(-cosine[i], kind="stable")[:6]
        kept[near, i] = cosine[i, near]
    np.testing.assert_allclose(ItemKNN(k=6).fit(tastes).score(np.arange(60)), x @ kept, atol=1e-12)


def test_an_isolated_item_falls_back_on_popularity_for_the_order_of_ties(tastes):
    lonely = sparse.csr_matrix((40, 40))
    scorer = ItemKNN().fit(tastes)
    object.__setattr__(scorer.model, "weights", lonely)
    best = scorer.recommend([0], k=5, exclude_seen=False).items[0]
    assert best.tolist() == np.argsort(-scorer.popularity, kind="stable")[:5].tolist()


@pytest.mark.parametrize(
    "settings", [{"k": 0}, {"similarity": "bm52"}, {"shrinkage": -1}, {"bm25_k1": 0.0}, {"bm25_b": 2.0}]
)
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        ItemKNN(**settings)


@pytest.mark.filterwarnings("ignore::implicit.utils.ParameterWarning")
def test_tfidf_neighbours_equal_implicits(tastes, binary):
    peer = implicit.TFIDFRecommender(K=40, num_threads=1)
    peer.fit(binary, show_progress=False)
    ours = ItemKNN(k=39, similarity="tfidf", shrinkage=0.0).fit(tastes).model.weights.toarray()
    np.testing.assert_allclose(ours.T, neighbourhoods(peer.similarity, 40), rtol=1e-9, atol=1e-12)


def test_jaccard_is_users_of_both_over_users_of_either(tastes, binary):
    x = binary.toarray()
    both, count = x.T @ x, x.sum(axis=0)
    expected = both / (count[:, None] + count - both)
    np.fill_diagonal(expected, 0.0)
    ours = ItemKNN(k=39, similarity="jaccard", shrinkage=0.0, weighting="raw").fit(tastes).model.weights.toarray()
    np.testing.assert_allclose(ours, expected, atol=1e-12)
