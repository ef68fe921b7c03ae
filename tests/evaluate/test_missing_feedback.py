"""Metrics from feedback that is missing not at random, against the same metrics with nothing missing."""

import numpy as np
import pytest

from dorec import Dataset
from dorec.domain.errors import BadPropensity, ConfigError, InputError, TooFewUnits
from dorec.evaluate import ranking_from_observed
from dorec.recommend import Popularity

N_USERS, N_ITEMS, K = 400, 10, 3


@pytest.fixture(scope="module")
def scorer():
    """Everyone's list is items 9, 8, 7, ...; nobody but the makers of that order has a history."""
    rows = [(1_000 + u, i) for i in range(N_ITEMS) for u in range(i + 1)]
    rows += [(u, 9) for u in range(N_USERS)]
    user, item = np.array(rows).T
    return Popularity().fit(Dataset.from_interactions({"u": user, "i": item}, user="u", item="i"))


def world(seed):
    rng = np.random.default_rng(seed)
    relevant = rng.random((N_USERS, N_ITEMS)) < np.linspace(0.1, 0.6, N_ITEMS)
    p = np.where(relevant, 0.5, 0.15) * np.linspace(0.4, 1.0, N_ITEMS)
    return relevant, p


def observed(seed):
    relevant, p = world(seed)
    seen = np.random.default_rng(seed + 500).random(p.shape) < p
    user, item = np.nonzero(seen)
    return {"user_id": user, "item_id": item, "relevance": relevant[seen].astype(float), "propensity": p[seen]}


def truth(seed):
    relevant, _ = world(seed)
    top = relevant[:, ::-1][:, :K]
    dcg = (top / np.log2(np.arange(K) + 2.0)).sum()
    return {"dcg": dcg / N_USERS, "ndcg": dcg / relevant.sum(), "recall": top.sum() / relevant.sum()}


def judge(scorer, seed, method):
    guess = np.tile(np.linspace(0.1, 0.6, N_ITEMS), (scorer.dataset.n_users, 1))
    return ranking_from_observed(
        scorer,
        observed(seed),
        k=K,
        method=method,
        imputed=guess,
        users=np.arange(N_USERS),
        exclude_seen=False,
    )


@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_estimates_are_near_what_nothing_missing_gives(scorer, method):
    found = judge(scorer, 0, method)
    for name, true in truth(0).items():
        assert abs(found[name].value - true) < 3.5 * found[name].std_error
        assert found[name].std_error < 0.15 * true


def test_the_observed_pairs_alone_would_flatter_the_popular(scorer):
    rows = observed(1)
    naive = ranking_from_observed(
        scorer, rows | {"propensity": np.ones(len(rows["item_id"]))}, k=K, users=np.arange(N_USERS), exclude_seen=False
    )
    gap = naive["recall"].value - truth(1)["recall"]
    assert gap > 4 * judge(scorer, 1, "ips")["recall"].std_error


def test_all_observed_is_the_plain_metric(scorer):
    relevant, _ = world(2)
    user, item = (a.ravel() for a in np.indices(relevant.shape))
    rows = {"user_id": user, "item_id": item, "relevance": relevant.ravel() * 1.0, "propensity": np.ones(len(user))}
    for method in ("ips", "snips"):
        found = ranking_from_observed(scorer, rows, k=K, method=method, users=np.arange(N_USERS), exclude_seen=False)
        for name, true in truth(2).items():
            assert found[name].value == pytest.approx(true)


def test_seen_pairs_are_out_of_the_race(scorer):
    found = ranking_from_observed(scorer, observed(3), k=K, users=np.arange(N_USERS))
    relevant, _ = world(3)
    top = relevant[:, 8::-1][:, :K]  # item 9 is in everyone's history
    assert found["recall"].value == pytest.approx(top.sum() / relevant[:, :9].sum(), abs=4 * found["recall"].std_error)


def test_what_makes_no_sense_is_refused(scorer):
    rows = observed(4)
    with pytest.raises(ConfigError, match="imputed"):
        ranking_from_observed(scorer, rows, method="dr")
    with pytest.raises(ConfigError, match="recall"):
        ranking_from_observed(scorer, rows, metrics=("recal",))
    with pytest.raises(BadPropensity):
        ranking_from_observed(scorer, rows | {"propensity": np.zeros(len(rows["item_id"]))}, exclude_seen=False)
    with pytest.raises(InputError, match="negative"):
        ranking_from_observed(scorer, rows | {"relevance": -np.ones(len(rows["item_id"]))}, exclude_seen=False)
    with pytest.raises(TooFewUnits):
        ranking_from_observed(scorer, rows | {"relevance": np.zeros(len(rows["item_id"]))}, exclude_seen=False)
    with pytest.raises(TooFewUnits):
        ranking_from_observed(scorer, rows, users=[3])
