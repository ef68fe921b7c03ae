"""Factorisation machines against their definition, against logistic regression, and on users and items that are new."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError, TooFewUnits
from dorec.recommend import EASE, FactorizationMachine

ONE = RunContext(threads=1)
LEARNER = FactorizationMachine(embedding_size=6, n_buckets=128, epochs=30)


def with_features(data):
    """Items tell their taste in their title, users in their club."""
    title = [f"the {'even' if i % 2 == 0 else 'odd'} one" for i in data.items.tolist()]
    club = [["even", "odd"][u % 2] for u in data.users.tolist()]
    data = data.with_items({"item": data.items, "title": title}, item="item")
    return data.with_users({"user": data.users, "club": club}, user="user")


@pytest.fixture(scope="module")
def split(tastes):
    """Items from 30 on and users from 50 on have no history."""
    data = with_features(tastes)
    train = data.take((data.items[data.item_index] < 30) & (data.users[data.user_index] < 50))
    return data, train, LEARNER.fit(train, context=ONE)


def share_of_own_taste(scorer, users, items):
    best = items[np.argsort(-scorer.score(users)[:, items], axis=1)[:, : len(items) // 2]]
    return float(((best % 2) == (users[:, None] % 2)).mean())


def test_the_score_is_the_sum_over_all_pairs_of_columns(split):
    _, train, scorer = split
    model = scorer.model
    rows = [r.toarray() for r in LEARNER._rows(train, model.users.bins, model.items.bins)]
    weights = np.append(model.users.weights, model.items.weights)
    vectors = np.vstack([model.users.vectors, model.items.vectors])
    for user, item in [(0, 0), (3, 8), (55, 35)]:
        x = np.append(rows[0][user], rows[1][item])
        at = np.flatnonzero(x)
        pairs = [vectors[a] @ vectors[b] * x[a] * x[b] for n, a in enumerate(at) for b in at[n + 1 :]]
        assert scorer.model.scores(np.array([user]))[0, item] == pytest.approx(
            model.constant + weights @ x + sum(pairs), abs=1e-5
        )


def test_without_pairs_it_is_the_logistic_regression_of_what_was_shown():
    rng = np.random.default_rng(0)
    user, item = (a.ravel() for a in np.indices((60, 8)))
    chance = 1 / (1 + np.exp(-(np.linspace(-2, 1, 8)[item] + 0.8 * (user % 2))))
    rows = {"u": user, "i": item, "w": (rng.random(480) < chance).astype(float)}
    data = Dataset.from_interactions(rows, user="u", item="i", weight="w")
    data = data.with_items({"i": np.arange(8), "kind": [f"k{i}" for i in range(8)]}, item="i")
    data = data.with_users({"u": np.arange(60), "club": [f"c{u % 2}" for u in range(60)]}, user="u")
    learner = FactorizationMachine(embedding_size=0, ids=False, n_negatives=0, reg=0.0, epochs=150, learning_rate=0.1)
    made = learner.fit(data, context=ONE).model.scores(np.arange(60)).ravel()
    x = np.column_stack([np.eye(8)[item], user % 2])
    oracle = LogisticRegression(C=1e6, max_iter=1000).fit(x, rows["w"])
    np.testing.assert_allclose(made, oracle.decision_function(x), atol=0.12)


def test_new_users_and_new_items_are_ranked_by_their_features(split):
    _, _, scorer = split
    assert share_of_own_taste(scorer, np.arange(50), np.arange(30)) > 0.9
    assert share_of_own_taste(scorer, np.arange(50), np.arange(30, 40)) > 0.9
    assert share_of_own_taste(scorer, np.arange(50, 60), np.arange(40)) > 0.9
    assert not scorer.recommend(np.arange(50, 60)).fallback.any()


def test_it_moves_to_another_dataset(split):
    data, train, scorer = split
    other = with_features(
        Dataset.from_interactions({"user": [2, 3, 70, 71], "item": [50, 51, 50, 51]}, user="user", item="item")
    )
    moved = LEARNER.moved_to(other, scorer)
    assert moved.recommend([70, 71, 2, 3], k=1, exclude_seen=False).items.ravel().tolist() == [50, 51, 50, 51]
    same = LEARNER.moved_to(train, scorer)
    np.testing.assert_allclose(same.score(np.arange(60)), scorer.score(np.arange(60)), atol=1e-6)
    with pytest.raises(InputError, match="is a ease"):
        LEARNER.moved_to(data, EASE().fit(train))


def test_what_makes_no_sense_is_refused(tastes):
    for wrong in ({"embedding_size": -1}, {"n_negatives": -1}, {"learning_rate": 0.0}, {"reg": -1.0}, {"epochs": 0}):
        with pytest.raises(ConfigError):
            FactorizationMachine(**wrong)
    with pytest.raises(InputError, match="no features"):
        FactorizationMachine(ids=False).fit(tastes)
    with pytest.raises(TooFewUnits, match="weight 0"):
        FactorizationMachine(n_negatives=0).fit(tastes)
