from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from dorec.domain.errors import ConfigError
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, MR
from dorec.evaluate.marginal_ratio import bins, mean_of_like
from dorec.simulate import LoggedBandit

K = 8
LOGGED = np.full(K, 1 / K)
TARGET = np.array([0.02, 0.02, 0.02, 0.04, 0.1, 0.1, 0.3, 0.4])
MEANS = np.linspace(0, 2, K)


def draw(seed, n=800):
    rng = np.random.default_rng(seed)
    action = rng.integers(K, size=n)
    reward = MEANS[action] + rng.normal(size=n)
    return LoggedFeedback(action=action, reward=reward, propensity=np.full(n, 1 / K), n_actions=K)


@pytest.mark.parametrize("estimator", [MR(), MR(n_bins=5)])
def test_intervals_cover_and_are_never_narrower_than_those_of_plain_weights(estimator):
    truth, covered = TARGET @ MEANS, 0
    for r in range(80):
        log = draw(r)
        policy = np.tile(TARGET, (log.n, 1))
        made, plain = estimator.evaluate(log, policy), IPS().evaluate(log, policy)
        lower, upper = made.interval()
        covered += lower <= truth <= upper
        assert made.std_error >= plain.std_error * (1 - 1e-9)
    assert 0.88 <= covered / 80 <= 1.0


def test_weights_are_those_that_the_densities_of_rewards_give():
    log = draw(0, n=40_000)
    weights = TARGET[log.action] / LOGGED[log.action]
    learned = mean_of_like(weights, bins(log.reward, 40), np.arange(log.n) % 3)
    density = np.exp(-0.5 * (log.reward[:, None] - MEANS) ** 2)
    exact = (density @ TARGET) / (density @ LOGGED)
    assert np.corrcoef(learned, exact)[0, 1] > 0.98
    assert learned.var() < 0.75 * weights.var()


def test_any_regressor_may_learn_the_weights():
    log = draw(2)
    made = MR(weight_model=LinearRegression()).evaluate(log, np.tile(TARGET, (log.n, 1)))
    assert abs(made.value - TARGET @ MEANS) < 3 * made.std_error


def test_clicks_give_nearly_the_value_of_plain_weights():
    world = LoggedBandit(n=2_000, seed=3)
    made, plain = (e.evaluate(world.feedback(), world.target()) for e in (MR(), IPS()))
    assert made.value == pytest.approx(plain.value, abs=0.05 * plain.std_error)


def test_clusters_are_kept_together_and_settings_checked():
    log = replace(draw(1), cluster=np.arange(800) // 4)
    assert MR().evaluate(log, np.tile(TARGET, (800, 1))).cluster is log.cluster
    with pytest.raises(ConfigError, match="n_bins"):
        MR(n_bins=0)
