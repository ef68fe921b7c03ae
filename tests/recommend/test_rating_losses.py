"""Losses under missing-not-at-random ratings: unbiased where they say so, and each with its own weights."""

import numpy as np
import pytest

from dorec.domain.errors import ConfigError
from dorec.recommend.rating_losses import LOSSES, Setting, best_clip, check_loss, fit_under, inverse_weights, tilted
from dorec.recommend.rating_model import Entries, RatingFactors

N, M = 120, 60


@pytest.fixture(scope="module")
def world():
    """Ratings of taste, observed the likelier the better, with the true propensities."""
    rng = np.random.default_rng(0)
    truth = 3.0 + rng.normal(size=(N, 1)) * rng.normal(size=(1, M)) + 0.5 * rng.normal(size=(1, M))
    p = np.clip(1.0 / (1.0 + np.exp(2.0 - 1.6 * (truth - 3.0))), 0.02, 1.0)
    seen = rng.random((N, M)) < p
    user, item = np.nonzero(seen)
    value = truth[seen] + 0.3 * rng.normal(size=len(user))
    return truth, Entries(user, item, value, (N, M)), p[seen]


def fit(world, loss):
    _, entries, p = world
    weight, _ = inverse_weights(entries, p, None)
    return fit_under(entries, weight, Setting(loss, 1.0, 15, 4), np.random.default_rng(1), list)


def test_every_debiased_loss_is_nearer_to_the_truth_than_the_naive_one(world):
    error = {loss: float(((fit(world, loss)[0].table(np.arange(N)) - world[0]) ** 2).mean()) for loss in LOSSES}
    for loss in LOSSES[1:]:
        assert error[loss] < 0.9 * error["naive"], error


def test_the_level_of_the_naive_loss_is_too_high(world):
    truth, entries, _ = world
    assert entries.value.mean() > truth.mean() + 0.5
    naive, robust = fit(world, "naive")[0].mean(), fit(world, "dr")[0].mean()
    assert abs(robust - truth.mean()) < abs(naive - truth.mean())


def test_tilted_weights_balance_the_imputed_errors(world):
    _, entries, p = world
    rng = np.random.default_rng(3)
    model, imputed = (RatingFactors.start((N, M), 4, rng) for _ in range(2))
    weight = tilted(1.0 / p, model, imputed, entries)
    error = (model.at(entries.user, entries.item) - imputed.at(entries.user, entries.item)) ** 2
    everywhere = model.mean_squared_difference(imputed)
    assert np.average(error, weights=weight) == pytest.approx(everywhere, rel=1e-6)
    assert not np.isclose(np.average(error, weights=1.0 / p), everywhere, rtol=1e-3)


def test_weights_without_tails_are_not_cut_and_a_wild_one_is():
    rng = np.random.default_rng(0)
    error = rng.uniform(0.5, 1.5, 2_000)
    weight = rng.uniform(1.0, 1.5, 2_000)
    assert best_clip(weight, error) >= np.quantile(weight, 0.98)
    weight[0] = 1e6
    assert best_clip(weight, error) < 1e6


def test_a_fixed_cut_is_kept(world):
    _, entries, p = world
    weight, cut = inverse_weights(entries, p, 7.0)
    assert weight.max() == cut == 7.0


def test_certain_pairs_leave_mrdr_with_equal_weights():
    pairs = Entries(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0]), (2, 2))
    made, imputed = fit_under(pairs, np.ones(3), Setting("mrdr", 0.1, 5, 1), np.random.default_rng(0), list)
    assert np.isfinite(made.table(np.arange(2))).all()
    assert imputed is not None


def test_there_is_no_such_loss():
    with pytest.raises(ConfigError, match="stable_dr"):
        check_loss("stabledr")
