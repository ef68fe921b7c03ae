"""Two stages: who may be a candidate, what the ranker adds, and what is refused."""

import numpy as np
import pytest
from scipy import sparse

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.protocols import Scorer
from dorec.evaluate import ranking
from dorec.recommend import ItemKNN, Popularity, TwoStage
from dorec.recommend.ranker_features import RankerFeatures, components
from dorec.recommend.reranking import MMR
from dorec.recommend.two_stage import Sources

ONE = RunContext(threads=1)


@pytest.fixture(scope="module")
def shop():
    """150 users choose by genre alone, which popularity can't see."""
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(150), 10)
    item = rng.integers(0, 30, 1500) * 2 + user % 2
    data = Dataset.from_interactions({"u": user, "i": item}, user="u", item="i")
    genres = {"i": data.items, "genre": [["even", "odd"][i % 2] for i in data.items.tolist()]}
    held = rng.random(1500) < 0.2
    data = data.with_items(genres, item="i")
    return data.take(~held), data.take(held)


@pytest.mark.parametrize("ranker", ["boosting", "logistic", "forest", "svm"])
def test_the_ranker_finds_in_the_features_what_no_source_knows(shop, ranker):
    train, test = shop
    scorer = TwoStage(sources=("popularity",), quotas=40, ranker=ranker).fit(train, context=ONE)
    assert isinstance(scorer, Scorer)
    ours, theirs = (
        float(ranking(s, test, k=10, metrics=("recall",))["recall"].value) for s in (scorer, Popularity().fit(train))
    )
    assert ours > 1.2 * theirs


def test_directions_without_length_are_left_out_and_the_rest_repeats():
    features = sparse.csr_matrix(np.repeat(np.eye(3), 5, axis=0))
    found = components(features)
    assert found.shape == (15, 2)
    assert np.ptp(found[:5], axis=0).max() < 1e-9
    assert (components(features) == found).all()
    assert components(sparse.csr_matrix(np.ones((6, 5)))).shape == (6, 1)


def test_candidates_are_the_union_of_the_quotas_without_what_was_seen(shop):
    train, _ = shop
    sources = Sources((Popularity().fit(train), ItemKNN().fit(train)), (3, 2), RankerFeatures(train))
    users = np.arange(5)
    tables = sources.tables(users)
    row, item = sources.candidates(tables, users)
    for u in users:
        expected = set()
        for table, quota in zip(tables, (3, 2), strict=True):
            line = table[u].copy()
            line[train.matrix[u].indices] = -np.inf
            expected |= set(np.argsort(-line, kind="stable")[:quota].tolist())
        assert set(item[row == u].tolist()) == expected


def test_candidates_stand_before_everything_else_and_lists_can_be_reranked(shop):
    train, _ = shop
    scorer = TwoStage(sources=("popularity", "item_knn"), quotas=(5, 5), ranker="logistic").fit(train, context=ONE)
    table = scorer.score(np.arange(4))
    assert ((table > 1).sum(axis=1) <= 10).all()
    assert (table >= 0).all()
    assert MMR(by="genre").rerank(scorer.recommend([0, 1], k=20), train, k=5).items.shape == (2, 5)
    why = scorer.explain(0, 3)
    assert sum(why.parts.values()) == pytest.approx(table[0, 3])


def test_what_was_shown_and_not_chosen_counts_against(shop):
    train, _ = shop
    rows = {"u": train.users[train.user_index], "i": train.items[train.item_index], "w": train.weight}
    others = {"u": np.repeat(np.arange(150), 4), "i": np.tile([0, 1, 2, 3], 150), "w": np.zeros(600)}
    both = {name: np.append(rows[name], others[name]) for name in rows}
    data = Dataset.from_interactions(both, user="u", item="i", weight="w")
    scorer = TwoStage(sources=("popularity",), quotas=40, ranker="logistic").fit(data, context=ONE)
    assert np.isfinite(scorer.score(np.arange(10))).all()
    assert not np.isin(scorer.recommend(np.arange(10), k=5).items, [0, 1, 2, 3]).any()


def test_too_little_to_learn_from_leaves_the_sources():
    data = Dataset.from_interactions({"u": [1, 2], "i": [1, 2]}, user="u", item="i")
    scorer = TwoStage(sources=("popularity",)).fit(data, context=ONE)
    assert scorer.recommend([1], k=1).items.tolist() == [[2]]
    with pytest.raises(InputError, match="fit it again"):
        scorer.to_arrays()


@pytest.mark.parametrize(
    "settings",
    [
        {"sources": ()},
        {"sources": ("ease",), "settings": {"als": {}}},
        {"quotas": (1, 2)},
        {"quotas": 0},
        {"ranker": "magic"},
        {"held_out": 1.0},
    ],
)
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=list(settings)[-1]):
        TwoStage(**settings)
