import numpy as np
import pytest

from dorec.numeric.gumbel import posterior_gumbel

P = np.array([0.5, 0.3, 0.2])


def test_the_argmax_is_what_was_chosen_and_stays_when_nothing_changes():
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, 3, 10_000)
    log_p = np.log(rng.dirichlet([1.0, 1.0, 1.0], 10_000))
    noise = posterior_gumbel(log_p, chosen, rng)
    assert ((log_p + noise).argmax(axis=1) == chosen).all()


def test_choices_drawn_from_their_odds_give_plain_gumbel_noise():
    rng = np.random.default_rng(1)
    n = 200_000
    chosen = rng.choice(3, n, p=P)
    noise = posterior_gumbel(np.tile(np.log(P), (n, 1)), chosen, rng)
    quantiles = np.array([0.1, 0.5, 0.9])
    assert np.allclose(np.quantile(noise, quantiles, axis=0), -np.log(-np.log(quantiles))[:, None], atol=0.02)
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.01


def test_the_posterior_is_that_of_rejection_sampling():
    rng = np.random.default_rng(2)
    free = rng.gumbel(size=(400_000, 3))
    mine = free[(np.log(P) + free).argmax(axis=1) == 2]
    noise = posterior_gumbel(np.tile(np.log(P), (len(mine), 1)), np.full(len(mine), 2), rng)
    other = np.log([0.1, 0.6, 0.3])
    expected, found = (np.bincount((other + g).argmax(axis=1), minlength=3) / len(g) for g in (mine, noise))
    assert np.abs(expected - found).max() < 0.01


@pytest.mark.parametrize("first", [0.2, 0.7])
def test_a_level_that_gains_odds_relative_to_every_other_is_never_left(first):
    rng = np.random.default_rng(3)
    before = np.log(np.tile([first, 1 - first], (5_000, 1)))
    noise = posterior_gumbel(before, np.zeros(5_000, dtype=int), rng)
    after = np.log([first + 0.1, 0.9 - first])
    assert ((after + noise).argmax(axis=1) == 0).all()


def test_an_impossible_level_leaves_its_noise_free():
    log_p = np.tile([0.0, -np.inf], (100_000, 1))
    noise = posterior_gumbel(log_p, np.zeros(100_000, dtype=int), np.random.default_rng(4))
    assert np.isfinite(noise).all()
    assert abs(noise[:, 1].mean() - np.euler_gamma) < 0.02
