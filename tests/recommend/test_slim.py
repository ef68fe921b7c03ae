import numpy as np
import pytest

from dorec.domain.errors import ConfigError, TooLarge
from dorec.recommend import SLIM
from dorec.recommend.slim import _mirrored


def test_weights_are_at_least_zero_few_and_never_an_items_own(tastes):
    weights = SLIM(l1=1.0, reg=5.0).fit(tastes).model.weights
    assert weights.data.min() > 0
    assert weights.diagonal().max() == 0
    sparser = SLIM(l1=4.0, reg=5.0).fit(tastes).model.weights
    assert 0 < sparser.nnz < weights.nnz < 40 * 39


def test_taste_is_found(tastes):
    lists = SLIM(l1=0.5, reg=10.0).fit(tastes).recommend(np.arange(60), k=5)
    assert ((lists.items % 2) == (np.arange(60)[:, None] % 2)).mean() > 0.9


def test_the_mirror_fills_the_lower_triangle():
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(1100, 3)) @ rng.normal(size=(3, 1100))
    whole = whole + whole.T
    np.testing.assert_array_equal(_mirrored(np.triu(whole)), whole)


def test_large_catalogues_are_refused_with_what_to_use(tastes):
    with pytest.raises(TooLarge, match="SparseEASE"):
        SLIM(max_items=39).fit(tastes)


@pytest.mark.parametrize("settings", [{"l1": -1.0}, {"reg": np.inf}, {"k": 0}, {"weighting": "count"}])
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        SLIM(**settings)
