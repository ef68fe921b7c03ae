"""Two towers: tastes, new items, new users, other datasets."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError
from dorec.recommend import EASE, TwoTower
from dorec.recommend.neural.tower_network import Sampler, sampled_softmax

LEARNER = TwoTower(embedding_size=8, hidden=8, n_buckets=256, epochs=30, batch_size=128, n_negatives=32)


def with_features(data: Dataset) -> Dataset:
    """Items tell their taste in their title and genres, users in their club."""
    items = {"item": data.items, "title": [f"The {'even' if i % 2 == 0 else 'odd'} one" for i in data.items.tolist()]}
    items["genres"] = [["all", "even" if i % 2 == 0 else "odd"] for i in data.items.tolist()]
    users = {"user": data.users, "club": [float(u % 2) for u in data.users.tolist()]}
    return data.with_items(items, item="item").with_users(users, user="user")


@pytest.fixture(scope="module")
def split(tastes):
    """Items from 30 on and users from 50 on have no history."""
    data = with_features(tastes)
    train = data.take((data.items[data.item_index] < 30) & (data.users[data.user_index] < 50))
    return data, train, LEARNER.fit(train, context=RunContext(threads=1))


def share_of_own_taste(scorer, users, items):
    table = scorer.score(users)[:, items]
    best = items[np.argsort(-table, axis=1)[:, : len(items) // 2]]
    return ((best % 2) == (users[:, None] % 2)).mean()


def test_new_items_are_ranked_by_what_is_said_of_them(split):
    assert share_of_own_taste(split[2], np.arange(50), np.arange(30, 40)) > 0.9


def test_new_users_are_scored_by_their_features_and_not_marked(split):
    data, _, scorer = split
    found = scorer.recommend(data.users[50:], k=5)
    assert not found.fallback.any()
    assert share_of_own_taste(scorer, np.arange(50, 60), np.arange(30)) > 0.8
    why = scorer.explain(55, 3)
    assert sum(why.parts.values()) == pytest.approx(scorer.score(np.array([55]))[0, 3])


def test_of_new_users_popularity_counts_too(split):
    _, train, scorer = split
    new, items = np.arange(50, 60), np.arange(40)
    alone, none = (replace(LEARNER, new_user_weight=w).moved_to(train, scorer).score(new) for w in (1.0, 0.0))
    count = np.bincount(train.matrix.indices, minlength=40) + 0.5
    np.testing.assert_allclose(none, np.tile(np.log(count / count.sum()), (10, 1)), rtol=1e-5)
    np.testing.assert_allclose(scorer.score(new), 0.35 * alone + 0.65 * none, rtol=1e-5, atol=1e-5)
    known = replace(LEARNER, new_user_weight=0.0).moved_to(train, scorer)
    np.testing.assert_allclose(known.score(items), scorer.score(items), rtol=1e-6)


def test_the_towers_score_another_dataset(split):
    data, train, scorer = split
    fresh = Dataset.from_interactions({"user": [900, 901, 7], "item": [100, 101, 3]}, user="user", item="item")
    moved = LEARNER.moved_to(with_features(fresh), scorer)
    assert share_of_own_taste(moved, np.array([1, 2]), np.array([1, 2])) == 1.0
    for same, users in ((train, np.arange(60)), (data, np.arange(50))):
        np.testing.assert_allclose(LEARNER.moved_to(same, scorer).score(users), scorer.score(users), rtol=1e-6)


def test_only_a_two_tower_can_be_moved(tastes):
    with pytest.raises(InputError, match="ease"):
        LEARNER.moved_to(tastes, EASE().fit(tastes))


def test_without_ids_there_must_be_features(tastes):
    with pytest.raises(InputError, match="users have no features"):
        TwoTower(ids=False).fit(tastes)


def test_chances_of_the_sample_are_those_counted():
    torch.manual_seed(0)
    sampler = Sampler(torch.tensor([6, 3, 1, 0]), batch_size=2, n_negatives=1)
    items = torch.tensor([0] * 6 + [1] * 3 + [2])
    hits = torch.zeros(4)
    for _ in range(4000):
        found, place = sampler.sample(items[torch.randint(10, (2,))])
        hits[found] += 1
        assert len(place) == 2
    np.testing.assert_allclose((hits / 4000)[:3], sampler.log_chance.exp()[:3], atol=0.12)
    assert hits[3] == 0


def test_the_correction_is_that_of_the_log_of_the_chance():
    users, items = torch.ones(1, 2), torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    found = sampled_softmax(users, items, torch.tensor([0]), torch.log(torch.tensor([0.5, 0.25])))
    a, b = np.exp(1.0) / 0.5, np.exp(2.0) / 0.25
    assert float(found) == pytest.approx(-np.log(a / (a + b)), rel=1e-5)


@pytest.mark.parametrize(
    "settings", [{"hidden": 0}, {"new_user_weight": 2.0}, {"id_dropout": 1.0}, {"temperature": 0.0}, {"n_negatives": 0}]
)
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        TwoTower(**settings)
