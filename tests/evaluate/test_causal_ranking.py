"""Causal metrics against sums over true effects, and estimates that average to them."""

import numpy as np
import pytest

from dorec import Dataset
from dorec.domain.errors import BadPropensity, ConfigError, InputError, NoSupport, TooFewUnits
from dorec.evaluate import causal_ranking
from dorec.recommend import Popularity

N_USERS, N_ITEMS, K = 300, 8, 3


@pytest.fixture(scope="module")
def scorer():
    """Everyone's list is items 7, 6, 5, ..."""
    rows = [(u, i) for i in range(N_ITEMS) for u in range(10 * i + 1)]
    user, item = np.array(rows).T
    every = np.arange(N_USERS)
    data = Dataset.from_interactions(
        {"u": np.concatenate([user, every]), "i": np.concatenate([item, np.full(N_USERS, 7)])}, user="u", item="i"
    )
    return Popularity().fit(data)


def world(seed, base=0.2):
    """Probability of the outcome shown and not, (u, m), and of being shown."""
    rng = np.random.default_rng(seed)
    off = np.full((N_USERS, N_ITEMS), base) * rng.uniform(0.5, 1.5, (N_USERS, 1))
    on = off + np.linspace(0.0, 0.5, N_ITEMS) * rng.uniform(0.5, 1.0, (N_USERS, 1))
    return off, on, rng.uniform(0.1, 0.8, (N_USERS, N_ITEMS))


def log(seed, trials=1, **world_settings):
    off, on, p = world(seed, **world_settings)
    rng = np.random.default_rng(seed + 1_000)
    rows = []
    for _ in range(trials):
        shown = rng.random(p.shape) < p
        outcome = rng.random(p.shape) < np.where(shown, on, off)
        rows.append((shown, outcome))
    user, item = (np.tile(a.ravel(), trials) for a in np.indices(p.shape))
    return {
        "user_id": user,
        "item_id": item,
        "shown": np.concatenate([s.ravel() for s, _ in rows]).astype(int),
        "outcome": np.concatenate([y.ravel() for _, y in rows]).astype(float),
        "propensity": np.tile(p.ravel(), trials),
        "predicted_shown": np.tile(on.ravel(), trials) * 0.9,
        "predicted_unshown": np.tile(off.ravel(), trials) * 1.1,
    }


def truth(seed):
    off, on, _ = world(seed)
    effect = (on - off)[:, ::-1]  # in the order of the lists
    top = effect[:, :K]
    lift = np.cumsum(top, axis=1) - np.arange(1, K + 1) * effect.mean(axis=1, keepdims=True)
    return {
        "causal_precision": top.mean(),
        "cdcg": (top / np.log2(np.arange(K) + 2.0)).sum(axis=1).mean(),
        "qini": lift.mean(),
    }


@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_estimates_are_near_the_truth_and_as_far_as_they_say(scorer, method):
    wanted = truth(0)
    found = causal_ranking(scorer, log(0), k=K, method=method)
    for name, true in wanted.items():
        assert abs(found[name].value - true) < 3.5 * found[name].std_error
        assert found[name].std_error < 0.4 * max(true, 0.2)


def test_predictions_narrow_the_interval(scorer):
    plain, robust = (causal_ranking(scorer, log(1), k=K, method=m) for m in ("ips", "dr"))
    assert (robust.std_error < plain.std_error).all()


def test_by_hand(scorer):
    """Two users, one trial of each pair."""
    rows = {
        "user_id": np.repeat([0, 1], N_ITEMS),
        "item_id": np.tile(np.arange(N_ITEMS), 2),
        "shown": np.tile([0, 0, 0, 0, 0, 0, 1, 1], 2),
        "outcome": np.array([0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1.0]),
        "propensity": np.full(2 * N_ITEMS, 0.5),
    }
    found = causal_ranking(scorer, rows, k=2)
    # user 0: item 7 shown without a result, item 6 shown with one; user 1: item 7 with one
    assert found["causal_precision"].value == pytest.approx((2.0 / 2 + 2.0 / 2) / 2)
    assert found["cdcg"].value == pytest.approx((2.0 / np.log2(3) + 2.0) / 2)
    by_chance = np.array([(2.0 - 2.0) / N_ITEMS, (2.0 - 2.0) / N_ITEMS])
    assert found["qini"].value == pytest.approx(((0.0 + 2.0) / 2 + (2.0 + 2.0) / 2) / 2 - 1.5 * by_chance.mean())


def test_more_trials_of_a_pair_are_averaged(scorer):
    once, often = causal_ranking(scorer, log(2), k=K), causal_ranking(scorer, log(2, trials=6), k=K)
    assert (often.std_error < 0.6 * once.std_error).all()
    assert abs(often["cdcg"].value - truth(2)["cdcg"]) < 4 * often["cdcg"].std_error


def test_two_methods_on_one_log_are_paired(scorer):
    gap = causal_ranking(scorer, log(3), k=K) - causal_ranking(scorer, log(3), k=2, metrics=("causal_precision",) * 3)
    assert gap.n == N_USERS


def test_what_makes_no_sense_is_refused(scorer):
    rows = log(4)
    with pytest.raises(BadPropensity):
        causal_ranking(scorer, rows | {"propensity": np.ones(len(rows["shown"]))})
    with pytest.raises(InputError, match="0 or 1"):
        causal_ranking(scorer, rows | {"shown": rows["propensity"]})
    with pytest.raises(InputError, match="infinite"):
        causal_ranking(scorer, rows | {"outcome": np.full(len(rows["shown"]), np.inf)})
    with pytest.raises(ConfigError, match="cdcg"):
        causal_ranking(scorer, rows, metrics=("cdg",))
    with pytest.raises(ConfigError, match="method"):
        causal_ranking(scorer, rows, method="direct")
    with pytest.raises(InputError, match="k is 0"):
        causal_ranking(scorer, rows, k=0)
    listed = rows["item_id"] != 7
    with pytest.raises(NoSupport, match="no trial"):
        causal_ranking(scorer, {name: values[listed] for name, values in rows.items()})
    one = rows["user_id"] == 0
    with pytest.raises(TooFewUnits):
        causal_ranking(scorer, {name: values[one] for name, values in rows.items()})
