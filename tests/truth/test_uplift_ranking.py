"""UpliftRanker in shops whose true effects are known."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow.compute as pc
import pytest
from sklearn.linear_model import LinearRegression

from dorec import Dataset, Estimate, RunContext
from dorec.recommend import ALS, EASE, ExposureLog, UpliftRanker
from dorec.simulate import ShopWorld

K = 5


def effects_of(world):
    """True effects (places, n_users, n_items)."""
    user, item = (a.ravel() for a in np.indices((world.n_users, world.n_items)))
    shape = (world.n_users, world.n_items)
    return np.stack([world.true_effect(user, item, position=k).reshape(shape) for k in range(world.slate_size)])


def table(scorer, world):
    """Scores (n_users, n_items) in the order of the world; what never occurred comes last."""
    scores = np.full((world.n_users, world.n_items), -np.inf)
    items = np.array(world.items().column("item_id").to_pylist())
    at = scorer.dataset.index_of(np.array(world.users().column("user_id").to_pylist()))
    scores[:, np.searchsorted(items, scorer.dataset.items)] = scorer.score(at)
    return scores


@pytest.mark.truth
def test_its_true_value_beats_the_best_click_ranker_over_twenty_shops():
    gains = []
    for seed in range(20):
        world = ShopWorld(n_users=600, n_items=100, seed=seed)
        effects, context = effects_of(world), RunContext(seed=seed)
        log = ExposureLog.from_events(world.event_table(), context=context)
        viewer, viewed, _ = log.events["view"]
        rows = {"u": log.responses.users[viewer], "i": log.responses.items[viewed]}
        clicks = Dataset.from_interactions(rows, user="u", item="i")
        scorers = [m.fit(clicks, context=context) for m in (ALS(embedding_size=16), ALS(), EASE())]
        values = []
        for scorer in [*scorers, UpliftRanker().fit(log, context=context)]:
            top = np.argsort(-table(scorer, world), axis=1, kind="stable")[:, :K]
            values.append(np.mean([effects[k][np.arange(world.n_users), top[:, k]] for k in range(K)]))
        gains.append(values[-1] - max(values[:-1]))
    lower, _ = Estimate.of_mean(np.array(gains)).interval()
    assert lower > 0


@pytest.mark.truth
def test_intervals_of_groups_hold_the_true_effects():
    world = ShopWorld(n_users=150, n_items=20, seed=3)
    start = pc.min(world.event_table().column("timestamp")).as_py().replace(hour=0, minute=0, second=0)
    effects = effects_of(world).mean(axis=0)
    group = np.arange(world.n_items) % 2
    ranker = UpliftRanker(of=("popularity",), settings={}, n_folds=2, regressor=LinearRegression())
    held = []
    for replica in range(100):
        events = replace(world, replica=replica).event_table()
        before = events.filter(pc.less(events.column("timestamp"), start + timedelta(days=world.n_days // 2)))
        log = ExposureLog.from_events(before, context=RunContext(seed=replica))
        made = ranker.fit(log, context=RunContext(seed=replica)).segment_effects(items=group)
        at = np.searchsorted(np.array(world.users().column("user_id").to_pylist()), log.responses.users)
        sessions = np.bincount(at[log.session_user], minlength=world.n_users)
        truth = [np.average(effects[:, group == g].mean(axis=1), weights=sessions) for g in (0, 1)]
        lower, upper = made.interval()
        held.append((lower <= truth) & (truth <= upper))
    # the truth is that of the users who came, so intervals that take them as drawn may be a little wide
    assert np.mean(held) > 0.91


@pytest.mark.truth
def test_joint_intervals_of_two_way_groups_hold_all_true_effects_at_once():
    world = ShopWorld(n_users=300, n_items=20, seed=7)
    start = pc.min(world.event_table().column("timestamp")).as_py().replace(hour=0, minute=0, second=0)
    effects = effects_of(world).mean(axis=0)
    users, devices = (np.array(world.users().column(n).to_pylist()) for n in ("user_id", "device"))
    ids, kinds = (np.array(world.items().column(n).to_pylist()) for n in ("item_id", "category"))
    ranker = UpliftRanker(of=("popularity",), settings={}, n_folds=2, regressor=LinearRegression())
    alone, together = [], []
    for replica in range(200):
        events = replace(world, replica=replica).event_table()
        before = events.filter(pc.less(events.column("timestamp"), start + timedelta(days=world.n_days // 2)))
        log = ExposureLog.from_events(before, context=RunContext(seed=replica))
        log = log.with_users(world.users(), user="user_id").with_items(world.items(), item="item_id")
        made = ranker.fit(log, context=RunContext(seed=replica)).segment_effects(users="device", items="category")
        at = np.searchsorted(users, log.responses.users)
        sessions = np.bincount(at[log.session_user], minlength=world.n_users)
        occurs = np.isin(ids, log.responses.items)
        truth = np.empty(len(made.name))
        for g, name in enumerate(made.name):
            device, kind = name.split(" / ")
            who, what = devices == device, (kinds == kind) & occurs
            truth[g] = np.average(effects[np.ix_(who, what)].mean(axis=1), weights=sessions[who])
        lower, upper = made.interval()
        alone += ((lower <= truth) & (truth <= upper)).tolist()
        lower, upper = made.interval(joint=True)
        together.append(((lower <= truth) & (truth <= upper)).all())
    # a little wide: Student's t of the poorest group stands in for all
    assert np.mean(alone) > 0.94
    assert np.mean(together) > 0.93
