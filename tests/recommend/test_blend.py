import numpy as np
import pytest

from dorec import Dataset
from dorec.domain.errors import ConfigError
from dorec.evaluate import ranking
from dorec.recommend import EASE, Blend, Popularity
from dorec.recommend.blend import _least_loss, held_out_pairs

SMALL = {"ease": {"reg": 10.0}}


def test_a_model_that_knows_nothing_gets_no_weight(tastes):
    rng = np.random.default_rng(0)
    good = rng.normal(-1.0, 1.0, (300, 20))  # rivals are mostly behind
    noise = rng.normal(size=(300, 20))
    weights = _least_loss(np.stack([good, noise])).weights
    assert weights[0] > 0.9
    assert weights.sum() == pytest.approx(1.0)


def test_the_slope_of_the_loss_is_its_difference_quotient(monkeypatch):
    margin = np.random.default_rng(1).normal(size=(3, 40, 6))
    seen = {}

    def caught(loss, start, **kwargs):
        at = np.array([0.3, -0.2, 0.5, 0.1])
        value, slope = loss(at)
        steps = np.eye(4) * 1e-6
        seen["difference"] = [(loss(at + e)[0] - loss(at - e)[0]) / 2e-6 for e in steps]
        seen["slope"], seen["value"] = slope, value
        return type("Found", (), {"x": at})

    monkeypatch.setattr("dorec.recommend.blend.minimize", caught)
    _least_loss(margin)
    np.testing.assert_allclose(seen["slope"], seen["difference"], atol=1e-7)


def test_held_out_pairs_leave_each_user_something_and_never_split_a_pair():
    rng = np.random.default_rng(0)
    rows = {"u": rng.integers(0, 30, 300), "i": rng.integers(0, 6, 300)}  # many repeats
    data = Dataset.from_interactions(rows, user="u", item="i")
    held = held_out_pairs(data, 0.2, seed=0)
    pair = data.user_index * data.n_items + data.item_index
    assert not set(pair[held]) & set(pair[~held])
    assert set(data.user_index[~held]) == set(range(data.n_users))
    order = rng.permutation(300)
    np.testing.assert_array_equal(held_out_pairs(data.take(order), 0.2, seed=0), held[order])


def test_a_blend_is_about_as_good_as_its_best(tastes):
    rng = np.random.default_rng(0)
    held = rng.random(tastes.n_interactions) < 0.2
    train, test = tastes.take(~held), tastes.take(held)
    found = {
        name: ranking(m.fit(train), test, k=5, metrics=("ndcg",))["ndcg"].value
        for name, m in {
            "ease": EASE(reg=10.0),
            "popular": Popularity(),
            "blend": Blend(of=("ease", "popularity"), settings=SMALL),
        }.items()
    }
    assert found["blend"] > found["popular"], found
    assert found["blend"] > found["ease"] - 0.03


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"of": ()}, "of is"),
        ({"of": ("blend",)}, "of is"),
        ({"of": ("eese",)}, "ease"),
        ({"of": ("ease",), "settings": {"als": {}}}, "settings"),
        ({"of": ("ease",), "settings": {"ease": {"regg": 1.0}}}, "reg"),
        ({"held_out": 1.0}, "held_out"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        Blend(**settings)
