"""DICE: which pairs speak for which cause, and what is left when the crowd is taken out."""

import numpy as np
import pytest

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError
from dorec.recommend import BPR, DICE

N_USERS, N_ITEMS = 150, 40
HOW = {"embedding_size": 8, "epochs": 80}


@pytest.fixture(scope="module")
def world():
    """Two groups of users like half of the items each; some items of either half are shown seven times as often."""
    rng = np.random.default_rng(0)
    likes = np.where(np.arange(N_USERS)[:, None] % 2 == np.arange(N_ITEMS) % 2, 0.8, 0.15)
    exposure = np.where(np.arange(N_ITEMS) % 10 < 2, 0.9, 0.12)
    had = rng.random(likes.shape) < likes * exposure
    user, item = np.nonzero(had)
    data = Dataset.from_interactions({"u": user, "i": item}, user="u", item="i")
    return data, likes[data.users.astype(int)][:, data.items.astype(int)]


def hits(learner, world):
    """Share of the top 5 new items that the user would like if they were shown alike."""
    data, likes = world
    scores = learner.fit(data, context=RunContext(seed=1)).score(np.arange(data.n_users))
    top = np.argsort(np.where(data.matrix.toarray() > 0, np.inf, -scores), axis=1)[:, :5]
    return float(np.take_along_axis(likes, top, axis=1).mean())


def test_where_showing_will_be_even_it_finds_more_than_bpr(world):
    plain = hits(BPR(**HOW), world)
    assert hits(DICE(**HOW), world) > plain + 0.2
    assert hits(DICE(score_by="interest", **HOW), world) > plain + 0.2


def test_conformity_follows_popularity_and_interest_does_not(world):
    data, _ = world
    model = DICE(cause_weight=1.0, decay=1.0, **HOW).fit(data, context=RunContext(seed=1)).model
    count = np.log(np.bincount(data.matrix.indices, minlength=data.n_items))
    users = np.arange(data.n_users)
    lean = {
        name: np.corrcoef(getattr(model, name).scores(users).mean(axis=0), count)[0, 1]
        for name in ("interest", "conformity")
    }
    assert lean["conformity"] > 0.8
    assert lean["interest"] < lean["conformity"] - 0.3


def test_both_is_the_sum_of_both_causes(world):
    data, _ = world
    made = DICE(**HOW).fit(data)
    model, users = made.model, np.arange(4)
    parts = model.interest.scores(users) + model.conformity.scores(users)
    np.testing.assert_allclose(made.score(users), parts, rtol=1e-5, atol=1e-6)
    alone = DICE(score_by="interest", **HOW).fit(data)
    np.testing.assert_allclose(alone.score(users), model.interest.scores(users), rtol=1e-6)


def test_equal_popularity_teaches_nothing_and_is_no_error():
    data = Dataset.from_interactions({"u": [1, 2], "i": [1, 2]}, user="u", item="i")
    assert np.isfinite(DICE(embedding_size=2, epochs=2).fit(data).score(np.arange(2))).all()


def test_what_makes_no_sense_is_refused(world):
    for wrong in (
        {"score_by": "clicks"},
        {"margin": -1.0},
        {"cause_weight": np.nan},
        {"decay": 0.0},
        {"distance_weight": -1.0},
        {"epochs": 0},
    ):
        with pytest.raises(ConfigError):
            DICE(**wrong)
    data, _ = world
    arrays, _ = DICE(embedding_size=2, epochs=1).fit(data).to_arrays()
    with pytest.raises(InputError, match=r"interest\.item"):
        DICE(embedding_size=2).restore(arrays | {"interest.item": np.ones((3, 2))}, data)
