"""Intervals of causal metrics, and of metrics under missing feedback, hold their level."""

import numpy as np
import pytest

from dorec import Dataset
from dorec.evaluate import causal_ranking, ranking_from_observed
from dorec.recommend import Popularity

N_USERS, N_ITEMS, K, REPS = 300, 8, 3, 400
BOUNDS = (0.92, 0.98)


@pytest.fixture(scope="module")
def scorer():
    """Everyone's list is items 7, 6, 5, ..."""
    rows = np.array([(10_000 + u, i) for i in range(N_ITEMS) for u in range(i + 1)] + [(u, 7) for u in range(N_USERS)])
    return Popularity().fit(Dataset.from_interactions({"u": rows[:, 0], "i": rows[:, 1]}, user="u", item="i"))


def covered(estimates, truth):
    return np.array(
        [[low <= true <= high for low, high, true in zip(*e.interval(), truth, strict=True)] for e in estimates]
    )


@pytest.mark.truth
@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_effects_gathered_by_lists_are_covered(scorer, method):
    lift = np.linspace(0.0, 0.5, N_ITEMS)
    user, item = (a.ravel() for a in np.indices((N_USERS, N_ITEMS)))
    made = []
    for rep in range(REPS):
        rng = np.random.default_rng(rep)
        off = 0.2 * rng.uniform(0.5, 1.5, (N_USERS, 1)) * np.ones(N_ITEMS)
        on = off + lift * rng.uniform(0.5, 1.0, (N_USERS, 1))
        p = rng.uniform(0.1, 0.8, off.shape)
        shown = rng.random(p.shape) < p
        outcome = rng.random(p.shape) < np.where(shown, on, off)
        log = {
            "user_id": user,
            "item_id": item,
            "shown": shown.ravel().astype(int),
            "outcome": outcome.ravel().astype(float),
            "propensity": p.ravel(),
            "predicted_shown": 0.8 * on.ravel(),
            "predicted_unshown": 1.2 * off.ravel(),
        }
        made.append(causal_ranking(scorer, log, k=K, method=method))
    effect = 0.75 * lift[::-1]
    top = effect[:K]
    qini = (np.cumsum(top) - np.arange(1, K + 1) * effect.mean()).mean()
    truth = [top.mean(), (top / np.log2(np.arange(K) + 2.0)).sum(), qini]
    share = covered(made, truth).mean(axis=0)
    assert ((share >= BOUNDS[0]) & (share <= BOUNDS[1])).all(), share


@pytest.mark.truth
@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_metrics_under_missing_feedback_are_covered(scorer, method):
    chance = np.linspace(0.1, 0.6, N_ITEMS)
    guess = np.tile(0.8 * chance, (scorer.dataset.n_users, 1))
    made = []
    for rep in range(REPS):
        rng = np.random.default_rng(rep)
        relevant = rng.random((N_USERS, N_ITEMS)) < chance
        p = np.where(relevant, 0.5, 0.15) * np.linspace(0.4, 1.0, N_ITEMS)
        seen = rng.random(p.shape) < p
        user, item = np.nonzero(seen)
        rows = {"user_id": user, "item_id": item, "relevance": relevant[seen] * 1.0, "propensity": p[seen]}
        made.append(
            ranking_from_observed(
                scorer, rows, k=K, method=method, imputed=guess, users=np.arange(N_USERS), exclude_seen=False
            )
        )
    top = chance[::-1][:K]
    dcg = (top / np.log2(np.arange(K) + 2.0)).sum()
    share = covered(made, [dcg / chance.sum(), top.sum() / chance.sum(), dcg]).mean(axis=0)
    assert ((share >= BOUNDS[0]) & (share <= BOUNDS[1])).all(), share
