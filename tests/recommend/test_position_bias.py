"""Attention to places, against the shop's own and against simulated slates."""

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, InputError, NoSupport, TooFewUnits
from dorec.recommend import ExaminationModel, examination_by_swaps

LOOK = np.array([1.0, 0.6, 0.35])


def slates(seed, n=20_000):
    """Impressions at random places: place, click, user, item."""
    rng = np.random.default_rng(seed)
    item, place, user = rng.integers(0, 30, n), rng.integers(0, 3, n), rng.integers(0, 400, n)
    attract = np.linspace(0.05, 0.6, 30)[item] * rng.uniform(0.6, 1.4, 400)[user]
    return place, rng.random(n) < LOOK[place] * np.minimum(attract, 1.0), user, item


def test_swaps_give_attention_with_an_interval_that_holds_it():
    held = []
    for seed in range(60):
        place, clicked, user, _ = slates(seed, n=3_000)
        lower, upper = examination_by_swaps(place, clicked, user=user).interval()
        held.append((lower <= LOOK[1:]) & (LOOK[1:] <= upper))
    assert 0.88 < np.mean(held) <= 1.0


def test_the_model_finds_attention_where_good_items_stand_on_top():
    rng = np.random.default_rng(3)
    n = 60_000
    item = rng.integers(0, 30, n)
    attract = np.linspace(0.05, 0.6, 30)
    # the better the item, the likelier the top
    place = np.where(rng.random(n) < 0.2 + attract[item], 0, rng.integers(0, 3, n))
    clicked = rng.random(n) < LOOK[place] * attract[item]
    rates = np.array([clicked[place == k].mean() for k in range(3)])
    assert abs(rates[2] / rates[0] - LOOK[2]) > 0.05
    found = ExaminationModel().fit(item, place, clicked)
    np.testing.assert_allclose(found.examination, LOOK, atol=0.04)
    np.testing.assert_allclose(found.attraction, attract, atol=0.06)
    np.testing.assert_allclose(found.weights(np.array([2])), 1 / found.examination[2])


def test_likelihood_rises_with_every_round():
    place, clicked, _, item = slates(5, n=2_000)
    told = [ExaminationModel(epochs=e, prior=0.0).fit(item, place, clicked).log_likelihood for e in (1, 3, 10, 40)]
    assert told == sorted(told)


def test_what_can_not_be_told_is_refused():
    with pytest.raises(NoSupport, match="one place"):
        ExaminationModel().fit([0, 1, 0], [0, 1, 0], [1, 0, 1])
    with pytest.raises(TooFewUnits):
        examination_by_swaps([0, 0], [1, 0])
    with pytest.raises(NoSupport, match="place 0"):
        examination_by_swaps([0, 1], [0, 1])
    with pytest.raises(InputError, match="whole"):
        examination_by_swaps([0.5, 1], [0, 1])
    with pytest.raises(InputError, match="0 or 1"):
        examination_by_swaps([0, 1], [0, 2])
    with pytest.raises(InputError, match="fit"):
        examination_by_swaps([0, 1, 2], [0, 1])
    with pytest.raises(InputError, match="one each"):
        ExaminationModel().fit([0, 1, 2], [0, 1], [0, 1])
    for wrong in ({"epochs": 0}, {"prior": -1.0}):
        with pytest.raises(ConfigError):
            ExaminationModel(**wrong)
