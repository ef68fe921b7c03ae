"""Bounds that hold at every n, and at every look."""

from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import BadPropensity, InputError, NotIndependent
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, bernstein_interval, confidence_sequence
from dorec.simulate import LoggedBandit

WORLD = LoggedBandit(n=2_000, n_actions=5, seed=3)
TRUTH = WORLD.true_value()


def test_bounds_hold_at_all_looks_at_once_where_normal_intervals_do_not():
    looks = np.arange(20, 2_001, 60)
    missed, naive = 0, 0
    for r in range(100):
        draw = replace(WORLD, replica=r)
        log, target = draw.feedback(), draw.target()
        made = confidence_sequence(log, target, looks=looks)
        missed += ((made.lower > TRUTH) | (made.upper < TRUTH)).any()
        score = log.reward * target[np.arange(log.n), log.action] / log.propensity
        mean = score.cumsum()[looks - 1] / looks
        error = np.sqrt(((score**2).cumsum()[looks - 1] / looks - mean**2) / looks)
        naive += (np.abs(mean - TRUTH) > 1.96 * error).any()
    assert missed <= 5
    assert naive > 20


def test_a_logger_that_learns_is_no_obstacle():
    """The propensity of action 1 follows what it has earned so far."""
    missed = 0
    for r in range(200):
        rng = np.random.default_rng(r)
        action, propensity, reward = np.empty(200, int), np.empty(200), np.empty(200)
        earned, p = np.array([1.0, 1.0]), 0.5
        for t, (u, v) in enumerate(rng.random((200, 2))):
            action[t] = u < p
            propensity[t] = p if action[t] else 1 - p
            reward[t] = v < (0.3, 0.6)[action[t]]
            earned[action[t]] += reward[t] / propensity[t]
            p = np.clip(earned[1] / earned.sum(), 0.1, 0.9)
        log = LoggedFeedback(action=action, reward=reward, propensity=propensity, n_actions=2)
        made = confidence_sequence(log, np.tile([0.5, 0.5], (200, 1)))
        missed += ((made.lower > 0.45) | (made.upper < 0.45)).any()
    assert missed <= 10


def test_bounds_never_widen_and_lie_between_normal_and_bernstein():
    draw = replace(WORLD, n=20_000)
    log, target = draw.feedback(), draw.target()
    made = confidence_sequence(log, target)
    assert (np.diff(made.lower) >= 0).all()
    assert (np.diff(made.upper) <= 0).all()
    plain = IPS().evaluate(log, target)
    widths = [b - a for a, b in (plain.interval(), made.interval(), bernstein_interval(plain, 0.96 / 0.02))]
    assert widths[0] < widths[1] < 3 * widths[0] < widths[2]


def test_rewards_on_another_scale_give_the_same_bounds_there():
    log, target = WORLD.feedback(), WORLD.target()
    plain = confidence_sequence(log, target)
    moved = confidence_sequence(replace(log, reward=20 * log.reward - 5), target, reward_range=(-5, 15))
    np.testing.assert_allclose(moved.lower, 20 * plain.lower - 5, rtol=1e-12)
    np.testing.assert_allclose(moved.upper, 20 * plain.upper - 5, rtol=1e-12)


def test_propensities_of_the_logged_actions_are_enough():
    log, target = WORLD.feedback(), WORLD.target()
    chosen = confidence_sequence(log, target[np.arange(log.n), log.action])
    assert chosen.interval() == confidence_sequence(log, target).interval()


def test_what_can_give_no_bounds_is_refused():
    log, target = WORLD.feedback(), WORLD.target()
    with pytest.raises(InputError, match="outside of reward_range"):
        confidence_sequence(log, target, reward_range=(0, 0.5))
    with pytest.raises(InputError, match="low < high"):
        confidence_sequence(log, target, reward_range=(1, 0))
    with pytest.raises(InputError, match="rising"):
        confidence_sequence(log, target, looks=np.array([5, 5]))
    with pytest.raises(NotIndependent):
        confidence_sequence(replace(log, cluster=np.arange(log.n) // 2), target)
    with pytest.raises(BadPropensity):
        confidence_sequence(log, 2 * target)
