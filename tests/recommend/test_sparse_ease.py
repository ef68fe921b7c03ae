import numpy as np
import pytest

from dorec import Dataset
from dorec.domain.errors import ConfigError
from dorec.recommend import EASE, SparseEASE


def test_with_all_items_it_is_ease(tastes):
    rng = np.random.default_rng(0)
    rows = {"u": np.repeat(np.arange(80), 10), "i": rng.integers(0, 15, 800)}  # every pair of items occurs
    data = Dataset.from_interactions(rows, user="u", item="i")
    ours = SparseEASE(reg=20.0, k=14, neighbours=14).fit(data).score(np.arange(80))
    np.testing.assert_allclose(ours, EASE(reg=20.0).fit(data).score(np.arange(80)), atol=1e-5)


def test_few_neighbours_find_the_taste(tastes):
    lists = SparseEASE(reg=10.0, k=5, neighbours=20).fit(tastes).recommend(np.arange(60), k=5)
    assert ((lists.items % 2) == (np.arange(60)[:, None] % 2)).mean() > 0.9


@pytest.mark.parametrize("settings", [{"reg": 0.0}, {"k": 0}, {"neighbours": 0}, {"neighbours": 3, "k": 4}])
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        SparseEASE(**settings)
