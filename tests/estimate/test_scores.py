"""Scores against closed forms."""

import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.estimate.scores import ArmMeans, augmented_outcomes, mean_of, median_of_splits, tilt, weighted_means

RNG = np.random.default_rng(0)
N = 200
E1 = RNG.uniform(0.1, 0.9, size=N)
E = np.stack([1 - E1, E1], axis=1)
T = (RNG.random(N) < E1).astype(np.int64)
MU = RNG.normal(size=(N, 2))
Y = MU[np.arange(N), T] + RNG.normal(size=N)
ONE = np.ones(N)


@pytest.mark.parametrize("population", ["overlap", "treated", "control"])
@pytest.mark.parametrize("k", [2, 4])
def test_slopes_are_the_derivatives(population: str, k: int) -> None:
    e = RNG.dirichlet(np.ones(k), size=5)
    h, slope = tilt(e, population)
    for a in range(k):
        step = np.zeros(k)
        step[a] = 1e-6
        up, down = tilt(e + step, population)[0], tilt(e - step, population)[0]
        numeric = (up - down) / 2e-6
        if population == "treated":  # written through e_0 alone
            numeric = numeric if a == 0 else np.zeros(5)
        np.testing.assert_allclose(slope[:, a], numeric, rtol=1e-4, atol=1e-8)
    assert (h > 0).all()


def test_the_effect_on_the_treated_is_its_known_score() -> None:
    means = weighted_means(Y, T, MU, E, population="treated", known=False, weight=ONE)
    expected = (T * (Y - MU[:, 0]) - (1 - T) * E1 / (1 - E1) * (Y - MU[:, 0])).mean() / T.mean()
    assert means.value[1] - means.value[0] == pytest.approx(expected)
    np.testing.assert_allclose(means.influence.mean(axis=0), 0.0, atol=1e-12)


def test_overlap_weights_without_an_outcome_model_are_li_morgan_zaslavsky() -> None:
    # with constant predictions only the weighted residuals are left, and the known-propensity score is e(1 - e)
    flat = np.zeros((N, 2))
    means = weighted_means(Y, T, flat, E, population="overlap", known=True, weight=ONE)
    h = E1 * (1 - E1)
    expected = [((1 - T) * E1 * Y).sum() / h.sum(), (T * (1 - E1) * Y).sum() / h.sum()]
    assert means.value == pytest.approx(expected)


def test_augmented_outcomes_are_exact_where_the_model_is() -> None:
    exact = MU[np.arange(N), T]
    np.testing.assert_allclose(augmented_outcomes(exact, T, MU, E, ONE), MU)
    means = mean_of(MU, ONE)
    np.testing.assert_allclose(means.value, MU.mean(axis=0))


def test_doubly_robust_when_either_nuisance_is_right() -> None:
    rng = np.random.default_rng(1)
    n = 200_000
    x = rng.normal(size=n)
    e1 = 1 / (1 + np.exp(-x))
    t = (rng.random(n) < e1).astype(np.int64)
    y = x + 2.0 * t + rng.normal(size=n)
    right_mu, wrong_mu = np.stack([x, x + 2], axis=1), np.zeros((n, 2))
    right_e, wrong_e = np.stack([1 - e1, e1], axis=1), np.full((n, 2), 0.5)
    for mu, e in ((right_mu, wrong_e), (wrong_mu, right_e)):
        value = mean_of(augmented_outcomes(y, t, mu, e, np.ones(n)), np.ones(n)).value
        assert value[1] - value[0] == pytest.approx(2.0, abs=0.04)
    value = mean_of(augmented_outcomes(y, t, wrong_mu, wrong_e, np.ones(n)), np.ones(n)).value
    assert value[1] - value[0] > 2.5


def test_unknown_population() -> None:
    with pytest.raises(InputError, match="'overlap'"):
        tilt(E, "everyone")


def test_the_median_of_splits_is_wider_than_any_split_where_they_disagree():
    rng = np.random.default_rng(0)
    influence = rng.normal(size=(400, 2))
    influence -= influence.mean(axis=0)
    parts = [ArmMeans(np.array([0.0, value]), influence) for value in (1.0, 1.2, 5.0)]
    found = median_of_splits(parts)
    alone = np.var(influence[:, 1] - influence[:, 0]) / 400
    assert found.value[1] - found.value[0] == pytest.approx(1.2)
    effect = found.influence[:, 1] - found.influence[:, 0]
    assert (effect**2).sum() / 400**2 == pytest.approx(alone + 0.2**2)  # the median of squared distances


def test_one_split_is_itself():
    part = ArmMeans(np.array([1.0, 2.0]), np.ones((3, 2)))
    assert median_of_splits([part]) is part


def test_clusters_count_as_one_unit_in_the_spread_of_splits():
    influence = np.repeat(np.array([[1.0, 2.0], [-1.0, -2.0]]), 50, axis=0)
    parts = [ArmMeans(np.array([0.0, v]), influence) for v in (0.0, 0.4, 0.8)]
    groups = np.repeat([0, 1], 50)
    wide, narrow = median_of_splits(parts, groups), median_of_splits(parts)
    for found, variance in ((wide, 2 * 50**2 / 100**2), (narrow, 100 / 100**2)):
        effect = found.influence[:, 1] - found.influence[:, 0]
        base = np.bincount(groups, weights=effect) if found is wide else effect
        assert (base**2).sum() / 100**2 == pytest.approx(variance + 0.16)
