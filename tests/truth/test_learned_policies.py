"""Promises of learned policies against the truth, and what safe improvement lets through."""

from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import DoublyRobust
from dorec.intervene import DRPolicy, PolicyTree, TemperedSoftmax, cross_fitted_value, safe_improvement
from dorec.simulate import ShopWorld
from dorec.simulate.logged_bandit import LoggedBandit


class Remembers:
    """A learner that keeps the policies it made."""

    def __init__(self, learner):
        self.learner, self.made = learner, []

    def fit(self, feedback, **settings):
        self.made.append(self.learner.fit(feedback, **settings))
        return self.made[-1]


def idle_log(seed, n=400, k=4):
    rng = np.random.default_rng(seed)
    a = rng.integers(k, size=n)
    parts = {"context": rng.normal(size=(n, 3)), "action": a, "reward": rng.normal(size=n)}
    return LoggedFeedback(**parts, propensity=np.full(n, 1 / k), n_actions=k)


@pytest.mark.truth
@pytest.mark.parametrize("forward", [False, True])
def test_the_promised_value_covers_the_true_value_of_the_policies(forward):
    x = np.random.default_rng(99).normal(size=(20_000, 3))
    covered, z = [], []
    for r in range(200):
        world = LoggedBandit(n=1_500, n_actions=4, seed=3, replica=r)
        learner = Remembers(TemperedSoftmax())
        made = cross_fitted_value(learner, world.feedback(), DoublyRobust(), forward=forward)
        q = world.expected_reward(x)
        truth = np.mean([(policy.propensities(x) * q).sum(axis=1).mean() for policy in learner.made])
        lower, upper = made.interval()
        covered.append(lower <= truth <= upper)
        z.append((made.value - truth) / made.std_error)
    assert 0.905 <= np.mean(covered) <= 0.995
    assert abs(np.mean(z)) < 0.25


@pytest.mark.truth
def test_in_a_shop_too():
    covered = []
    for seed in range(40):
        world = ShopWorld(n_users=2_000, n_items=6, seed=seed, epsilon=0.5, n_days=14)
        everything = world.feedback("view", position=0)
        rows = np.random.default_rng(seed).permutation(everything.n)[:1_500]  # of 1,000 rows, 32 of 40 promises held
        # decisions drawn at random are independent draws from the shop
        log = replace(everything.take(rows), cluster=None)
        learner = Remembers(TemperedSoftmax())
        made = cross_fitted_value(learner, log, DoublyRobust())
        truths = [world.true_value(p.propensities(everything.context), "view", position=0) for p in learner.made]
        lower, upper = made.interval()
        covered.append(lower <= np.mean(truths) <= upper)
    assert np.mean(covered) >= 0.85


@pytest.mark.truth
def test_forward_folds_hold_where_nothing_is_to_be_gained():
    z = []
    for seed in range(200):
        made = cross_fitted_value(DRPolicy(), idle_log(seed), DoublyRobust(), forward=True)
        z.append(made.value / made.std_error)
    assert np.mean(np.abs(z) < 1.96) >= 0.905
    assert np.mean(np.array(z) > 1.96) <= 0.06


@pytest.mark.truth
def test_no_claim_of_a_gain_where_there_is_none():
    learners = {"dr": DRPolicy(), "tree": PolicyTree(max_values=16)}
    shipped = [bool(safe_improvement(idle_log(s), learners, DoublyRobust()).ships) for s in range(300)]
    assert np.mean(shipped) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 300)


@pytest.mark.truth
def test_nothing_beats_the_best_policy():
    worse = 0
    for r in range(150):
        world = LoggedBandit(n=1_000, n_actions=4, seed=3, replica=r)
        log = world.feedback()
        best = np.eye(4)[world.expected_reward(log.context).argmax(axis=1)]
        worse += bool(safe_improvement(log, {"dr": DRPolicy()}, DoublyRobust(), incumbent=best).ships)
    assert worse <= 7
