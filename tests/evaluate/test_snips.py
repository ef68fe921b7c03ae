import numpy as np
import pytest

from dorec.domain.errors import NoSupport
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, SNIPS
from dorec.simulate import LoggedBandit


def test_published_numbers():
    log = LoggedFeedback(
        action=np.zeros(3, int), reward=np.array([4.0, 5.0, 7.0]), propensity=np.array([0.2, 0.5, 0.4]), n_actions=2
    )
    policy = np.array([[0.4, 0.6], [0.3, 0.7], [0.7, 0.3]])
    assert SNIPS(max_unsupported=1.0).evaluate(log, policy).value == pytest.approx(5.344827586206897, abs=1e-12)


def test_a_constant_reward_is_given_back_without_an_interval():
    world = LoggedBandit(n=800, seed=3)
    log, target = world.feedback(), world.target()
    constant = LoggedFeedback(
        context=log.context, action=log.action, reward=np.full(log.n, 7.0), propensity=log.propensity, n_actions=5
    )
    assert SNIPS().evaluate(constant, target).value == pytest.approx(7.0)
    assert "had the same reward" in SNIPS().evaluate(constant, target).no_interval
    assert IPS().evaluate(constant, target).std_error > 0.1


def test_the_standard_error_is_that_of_a_bootstrap():
    world = LoggedBandit(n=2_000, seed=3)
    log, target = world.feedback(), world.target()
    weights = target[np.arange(log.n), log.action] / log.propensity
    rng = np.random.default_rng(0)
    drawn = rng.integers(log.n, size=(800, log.n))
    boot = (weights * log.reward)[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
    assert SNIPS().evaluate(log, target).std_error == pytest.approx(boot.std(), rel=0.1)


def test_a_policy_that_never_does_what_was_logged_is_refused():
    log = LoggedFeedback(action=np.zeros(50, int), reward=np.ones(50), propensity=np.full(50, 0.5), n_actions=2)
    with pytest.raises(NoSupport, match="none of the 50"):
        SNIPS(max_unsupported=1.0).evaluate(log, np.tile([0.0, 1.0], (50, 1)))
