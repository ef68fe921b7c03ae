"""Off-policy intervals hold their level, and are as wide as the spread of their estimates."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_limits

from dorec.evaluate import IPS, SNIPS, DoublyRobust
from dorec.simulate import LoggedBandit, ShopWorld

ESTIMATORS = {
    "ips": IPS(),
    "snips": SNIPS(),
    "dr": DoublyRobust(),
}
WORLDS = {
    "plain": LoggedBandit(n=1_000, seed=3),
    "rare": LoggedBandit(n=2_000, seed=3, base=-3.5),
    "clustered": LoggedBandit(n=2_000, seed=3, rows_per_user=8),
    "many actions": LoggedBandit(n=2_000, seed=4, n_actions=20),
}


def judge(world, estimator, n_replicas):
    truth = world.true_value(2_000_000)
    rows = []
    for r in range(n_replicas):
        draw = replace(world, replica=r)
        made = estimator.evaluate(draw.feedback(), draw.target())
        lower, upper = made.interval()
        rows.append((lower <= truth <= upper, made.value - truth, made.std_error))
    covered, error, se = np.array(rows).T
    return covered.mean(), error, se.mean() / error.std(ddof=1)


def hold(world, estimator, n):
    """Coverage, honest errors and no bias, each within three standard errors of n replicas and a little slack."""
    coverage, error, ratio = judge(world, estimator, n)
    assert coverage == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / n) + 0.005)
    assert ratio == pytest.approx(1.0, abs=3 / np.sqrt(2 * n) + 0.02)
    assert abs(error.mean()) < 3 * error.std() / np.sqrt(n) + 0.05 * error.std()


@pytest.mark.truth
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_intervals_cover(world, estimator):
    hold(world, estimator, 2_000)


@pytest.mark.truth
@pytest.mark.parametrize("name", ["plain", "clustered"])
def test_intervals_cover_with_a_linear_reward_model(name):
    hold(WORLDS[name], DoublyRobust(reward_model=LinearRegression()), 300)


@pytest.mark.truth
def test_a_boosted_reward_model_covers_too():
    boosted = DoublyRobust(reward_model=HistGradientBoostingRegressor(max_iter=10, max_leaf_nodes=7), n_folds=2)
    with threadpool_limits(1):  # fits this small lose more to threads than they gain
        hold(LoggedBandit(n=1_000, seed=3), boosted, 60)


@pytest.mark.truth
def test_the_shops_log_gives_back_the_value_of_other_policies():
    world = ShopWorld(n_users=600, n_items=60, seed=5)
    popular = np.bincount(world.feedback().action, minlength=60) / world.feedback().n
    for estimator in (IPS(), SNIPS(), DoublyRobust()):
        z = []
        for r in range(100):
            draw = replace(world, replica=r)
            log = draw.feedback("view", position=0)
            made = estimator.evaluate(log, np.tile(popular, (log.n, 1)))
            z.append((made.value - draw.true_value(popular, "view", position=0)) / made.std_error)
        # the truth is that of the logged contexts, so intervals that take users as drawn are a little wide
        assert abs(np.mean(z)) < 0.4
        assert 0.7 < np.std(z) < 1.1


@pytest.mark.truth
def test_false_alarms_of_the_weight_check_are_rare():
    failed = 0
    for r in range(1_000):
        draw = LoggedBandit(n=1_000, seed=3, replica=r)
        made = IPS().evaluate(draw.feedback(), draw.target())
        failed += any(v.code == "mean_weight" and v.status == "failed" for v in made.verdicts)
    assert failed <= 12
