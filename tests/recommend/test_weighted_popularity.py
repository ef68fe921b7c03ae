"""Popularity with a half-life and by segment."""

import numpy as np
import pytest

from dorec import Dataset
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError
from dorec.recommend import Popularity, WeightedPopularity, from_arrays

DAY = 86_400.0


@pytest.fixture(scope="module")
def data():
    rows = {
        "u": ["a", "a", "b", "c", "c", "d"],
        "i": ["tea", "tea", "tea", "oil", "tea", "oil"],
        "t": [0.0, 10 * DAY, 20 * DAY, 20 * DAY, 0.0, 10 * DAY],
    }
    data = Dataset.from_interactions(rows, user="u", item="i", time="t")
    return data.with_users({"u": ["a", "b", "c", "d"], "town": ["x", "x", "y", None]}, user="u")


def test_the_latest_choice_of_a_user_fades(data):
    scores = WeightedPopularity(half_life=10.0, prior=0.0).fit(data).score(np.array([0]))[0]
    np.testing.assert_allclose(scores, [1 + 0.5, 0.5 + 1 + 0.25])  # oil, tea


def test_without_options_the_order_is_that_of_popularity(tastes):
    ours, plain = WeightedPopularity().fit(tastes), Popularity().fit(tastes)
    assert ours.recommend(tastes.users).items.tolist() == plain.recommend(tastes.users).items.tolist()


def test_segments_count_for_themselves_and_borrow_from_everyone(data):
    scorer = WeightedPopularity(segment="town", prior=5.0).fit(data)
    found = scorer.score(np.arange(4))
    everyone = np.array([2.0, 3.0])
    np.testing.assert_allclose(found[0], np.array([0.0, 2.0]) + everyone)
    np.testing.assert_allclose(found[2], np.array([1.0, 1.0]) + everyone)
    np.testing.assert_allclose(found[3], everyone)  # no town
    back = from_arrays(*scorer.to_arrays(), data)
    assert back.recommend(data.users).items.tolist() == scorer.recommend(data.users).items.tolist()


def test_what_can_not_be_asked_is_refused(data, tastes):
    with pytest.raises(InputError, match="needs times"):
        WeightedPopularity(half_life=3.0).fit(tastes)
    with pytest.raises(ColumnNotFound, match="'town'"):
        WeightedPopularity(segment="twon").fit(data)
    with pytest.raises(ConfigError, match="half_life"):
        WeightedPopularity(half_life=0.0)
    with pytest.raises(ConfigError, match="prior"):
        WeightedPopularity(prior=-1.0)
