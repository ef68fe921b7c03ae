"""Popularity taken off any scorer: what is taken, in which unit, and what it brings where showing followed it."""

import numpy as np
import pytest

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError
from dorec.recommend import BPR, EASE, Deconfounded, Popularity, from_arrays
from dorec.recommend.blend import standardised

N_USERS, N_ITEMS = 150, 40


@pytest.fixture(scope="module")
def world():
    """Two groups of users like half of the items each; some items of either half are shown seven times as often."""
    rng = np.random.default_rng(0)
    likes = np.where(np.arange(N_USERS)[:, None] % 2 == np.arange(N_ITEMS) % 2, 0.8, 0.15)
    exposure = np.where(np.arange(N_ITEMS) % 10 < 2, 0.9, 0.12)
    user, item = np.nonzero(rng.random(likes.shape) < likes * exposure)
    data = Dataset.from_interactions({"u": user, "i": item}, user="u", item="i")
    return data, likes[data.users.astype(int)][:, data.items.astype(int)]


def hits(learner, world):
    """Share of the top 5 new items that the user would like if they were shown alike."""
    data, likes = world
    scores = learner.fit(data, context=RunContext(seed=1)).score(np.arange(data.n_users))
    top = np.argsort(np.where(data.matrix.toarray() > 0, np.inf, -scores), axis=1)[:, :5]
    return float(np.take_along_axis(likes, top, axis=1).mean())


@pytest.mark.parametrize(("form", "strength"), [("adjusted", 1.0), ("counterfactual", 4.0)])
@pytest.mark.parametrize("base", [EASE(reg=50.0), BPR(embedding_size=8, epochs=60)])
def test_any_base_finds_more_where_showing_will_be_even(world, base, form, strength):
    assert hits(Deconfounded(base, form=form, strength=strength), world) > hits(base, world) + 0.1


def test_what_is_taken_is_the_logarithm_or_the_chance(world):
    data, _ = world
    count = np.bincount(data.matrix.indices, minlength=data.n_items)
    base = EASE().fit(data)
    z = standardised(base.score(np.arange(5)))[0]
    for form, wanted in [
        ("adjusted", 0.5 * np.log(count / count.mean())),
        ("counterfactual", 0.5 * count / (count + count.mean())),
    ]:
        made = Deconfounded(EASE(), form=form).fit(data)
        assert made.model.scale > 0
        np.testing.assert_allclose(made.score(np.arange(5)), made.model.scale * z - wanted, rtol=1e-9, atol=1e-9)


def test_the_scale_makes_scores_log_chances():
    """Of items drawn with chances p, the log popularity is the log chance: a strength of 1 takes all of it off."""
    rng = np.random.default_rng(0)
    chance = np.exp(-0.08 * np.arange(40))
    rows = {"u": np.repeat(np.arange(400), 6), "i": rng.choice(40, 2400, p=chance / chance.sum())}
    data = Dataset.from_interactions(rows, user="u", item="i")
    scale = Deconfounded(Popularity()).fit(data).model.scale
    z = standardised(Popularity().fit(data).score(np.zeros(1, dtype=int)))[0][0]
    slope = np.polyfit(z, np.log(chance), 1)[0]
    assert scale == pytest.approx(slope, rel=0.3)


def test_no_strength_keeps_the_order_and_names_make_the_same_as_objects(world):
    data, _ = world
    plain = EASE(reg=10.0).fit(data).recommend(data.users, k=5).items.tolist()
    assert Deconfounded(EASE(reg=10.0), strength=0.0).fit(data).recommend(data.users, k=5).items.tolist() == plain
    by_name = Deconfounded("ease", settings={"reg": 10.0}).fit(data)
    by_object = Deconfounded(EASE(reg=10.0)).fit(data)
    np.testing.assert_array_equal(by_name.score(np.arange(9)), by_object.score(np.arange(9)))
    arrays, metadata = by_object.to_arrays()
    back = from_arrays(arrays, metadata, data)
    np.testing.assert_array_equal(back.score(np.arange(9)), by_object.score(np.arange(9)))


def test_what_makes_no_sense_is_refused(world):
    for wrong in ({"form": "ips"}, {"strength": -1.0}, {"held_out": 1.0}, {"base": 3}, {"base": "eese"}):
        with pytest.raises(ConfigError):
            Deconfounded(**wrong)
    with pytest.raises(ConfigError, match="by name"):
        Deconfounded(EASE(), settings={"reg": 1.0})
    data, _ = world
    arrays, _ = Deconfounded().fit(data).to_arrays()
    with pytest.raises(InputError, match="taken"):
        Deconfounded().restore(arrays | {"taken": np.ones(2)}, data)
