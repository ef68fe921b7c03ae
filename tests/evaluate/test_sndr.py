from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from dorec.evaluate import MRDR, SNDR, SNIPS, DoublyRobust
from dorec.evaluate.sndr import sndr_moments
from dorec.simulate import LoggedBandit

WORLD = LoggedBandit(n=1_500, seed=3)


class Nonsense(LinearRegression):
    def predict(self, X):
        return np.full(len(X), 30.0)


def test_without_predictions_it_is_snips():
    rng = np.random.default_rng(0)
    weights, reward = rng.exponential(size=40), rng.normal(size=40)
    value, influence = sndr_moments(weights, reward, np.zeros(40), np.zeros(40))
    assert value == pytest.approx(weights @ reward / weights.sum())
    assert influence == pytest.approx(weights * (reward - value) / weights.mean())


def test_a_model_that_is_off_by_a_constant_costs_nothing():
    log, target = WORLD.feedback(), WORLD.target()
    wrong = SNDR(reward_model=Nonsense()).evaluate(log, target)
    snips = SNIPS().evaluate(log, target)
    assert (wrong.value, wrong.std_error) == pytest.approx((snips.value, snips.std_error))
    assert DoublyRobust(reward_model=Nonsense()).evaluate(log, target).std_error > 10 * snips.std_error


def test_the_influence_is_the_derivative_in_each_rows_share():
    """The value as a function of how much each row counts; its derivative at equal shares is the influence."""
    rng = np.random.default_rng(1)
    parts = [rng.exponential(size=30), rng.normal(size=30), rng.normal(size=30), rng.normal(size=30)]
    weights, reward, of_policy, of_logged = parts
    _, influence = sndr_moments(*parts)

    def value(share):
        offset = (share * weights) @ (reward - of_logged) / (share @ weights)
        return share @ of_policy / share.sum() + offset

    step = 1e-6
    for i in range(30):
        share = np.ones(30)
        share[i] += step
        assert (value(share) - value(np.ones(30))) / step * 30 == pytest.approx(influence[i], abs=1e-4)


def test_the_most_robust_model_narrows_what_it_is_made_to_narrow():
    errors = {}
    for name, estimator in {"dr": DoublyRobust(reg=1.0), "mrdr": MRDR(reg=1.0)}.items():
        world = LoggedBandit(n=4_000, seed=3, base=1.0)
        errors[name] = np.mean(
            [
                estimator.evaluate(draw.feedback(), draw.target()).std_error
                for draw in (replace(world, replica=r) for r in range(4))
            ]
        )
    assert errors["mrdr"] < 1.02 * errors["dr"]


def test_weighted_rows_reach_a_scikit_learn_model():
    seen = []

    class Spy(LinearRegression):
        def fit(self, X, y, sample_weight=None):
            seen.append(sample_weight)
            return super().fit(X, y, sample_weight)

    log, target = WORLD.feedback(), WORLD.target()
    made = MRDR(reward_model=Spy(), n_folds=2).evaluate(log, target)
    assert abs(made.value - WORLD.true_value()) < 4 * made.std_error
    weights = target[np.arange(log.n), log.action] / log.propensity
    total = sum(w.sum() for w in seen)
    assert total == pytest.approx((weights**2 * (1 - log.propensity)).sum(), rel=1e-4)
