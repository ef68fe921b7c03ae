"""Rankers over profiles: what they find in features, their leak-free labels, and the same numbers from arrays."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError, TooFewUnits
from dorec.evaluate import ranking
from dorec.recommend import FeatureRanker, Popularity, from_arrays
from dorec.recommend.classifiers import NAMES
from dorec.recommend.ranker_features import RankerFeatures

ONE = RunContext(threads=1)


@pytest.fixture(scope="module")
def shop():
    """150 users choose by genre alone; 10 more have a club that tells their genre, and no history."""
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(160), 10)
    item = rng.integers(0, 30, 1600) * 2 + user % 2
    data = Dataset.from_interactions({"u": user, "i": item}, user="u", item="i")
    genres = {"i": data.items, "genre": [["even", "odd"][i % 2] for i in data.items.tolist()]}
    data = data.with_items(genres, item="i")
    data = data.with_users({"u": data.users, "club": [["even", "odd"][u % 2] for u in data.users.tolist()]}, user="u")
    held = (rng.random(1600) < 0.2) & (user < 150)
    return data.take(~held & (user < 150)), data.take(held)


@pytest.mark.parametrize("model", [*NAMES, GaussianNB(), LinearSVC()], ids=str)
def test_every_kind_finds_in_the_features_what_counting_does_not(shop, model):
    train, test = shop
    scorer = FeatureRanker(model=model).fit(train, context=ONE)
    ours, theirs = (
        float(ranking(s, test, k=10, metrics=("recall",))["recall"].value) for s in (scorer, Popularity().fit(train))
    )
    assert ours > 1.2 * theirs
    assert ((scorer.score(np.arange(5)) >= 0) & (scorer.score(np.arange(5)) <= 1)).all()


def test_features_of_tables_are_those_of_pairs(shop):
    features = RankerFeatures(shop[0])
    users = np.array([3, 0, 77])
    row, item = (a.ravel() for a in np.indices((3, shop[0].n_items)))
    table = features.table(users)
    np.testing.assert_allclose(table.reshape(-1, table.shape[2]), features.of(users[row], item), atol=1e-12)


def test_no_pair_is_told_by_its_own_trace():
    """Choices at random: a ranker that saw its labels in the popularity would put train items far ahead."""
    rng = np.random.default_rng(0)
    had = rng.random((300, 400)) < 0.02
    user, item = np.nonzero(had)
    data = Dataset.from_interactions({"u": user, "i": item}, user="u", item="i")
    scores = FeatureRanker(model="logistic").fit(data, context=ONE).score(np.arange(data.n_users))
    held = scores[:, data.items.argsort()]
    assert abs(held.mean() - 0.2) < 0.05
    assert held.std() < 0.03


def test_from_impressions_alone_the_chance_is_that_of_an_impression():
    rng = np.random.default_rng(0)
    user, item = (a.ravel() for a in np.indices((200, 20)))
    chance = np.where(user % 2 == item % 2, 0.6, 0.1)
    rows = {"u": user, "i": item, "w": (rng.random(4000) < chance).astype(float)}
    data = Dataset.from_interactions(rows, user="u", item="i", weight="w")
    data = data.with_items({"i": np.arange(20), "kind": [["a", "b"][i % 2] for i in range(20)]}, item="i")
    scorer = FeatureRanker(model="forest", n_negatives=0, held_out=0.99).fit(data, context=ONE)
    said = scorer.score(np.arange(200))[user, item]
    assert said[chance > 0.5].mean() == pytest.approx(0.6, abs=0.1)
    assert said[chance < 0.5].mean() == pytest.approx(0.1, abs=0.1)


def test_a_foreign_classifier_is_not_kept_and_ours_are(shop):
    train, _ = shop
    for name in ("tree", "svm"):
        scorer = FeatureRanker(model=name).fit(train, context=ONE)
        back = from_arrays(*scorer.to_arrays(), train)
        np.testing.assert_array_equal(back.score(np.arange(9)), scorer.score(np.arange(9)))
    with pytest.raises(InputError, match="GaussianNB"):
        FeatureRanker(model=GaussianNB()).fit(train).to_arrays()


def test_what_makes_no_sense_is_refused(shop):
    for wrong in ({"model": "trees"}, {"model": 3}, {"n_negatives": -1}, {"held_out": 0.0}):
        with pytest.raises(ConfigError):
            FeatureRanker(**wrong)
    with pytest.raises(TooFewUnits, match="weight 0"):
        FeatureRanker(n_negatives=0).fit(shop[0])
