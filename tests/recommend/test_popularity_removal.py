"""Where exposure followed popularity, taking popularity off finds what users like when all items are offered alike."""

import numpy as np
import pytest
from scipy import sparse

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError
from dorec.recommend import BPR, MACR, PopularityDeconfounded
from dorec.recommend.popularity_removal import ScaledFactors, relative_popularity

N_USERS, N_ITEMS = 150, 40


@pytest.fixture(scope="module")
def world():
    """Two groups of users like half of the items each; some items of either half are shown ten times as often."""
    rng = np.random.default_rng(0)
    likes = np.where(np.arange(N_USERS)[:, None] % 2 == np.arange(N_ITEMS) % 2, 0.8, 0.15)
    exposure = np.where(np.arange(N_ITEMS) % 10 < 2, 0.9, 0.12)
    had = rng.random(likes.shape) < likes * exposure
    had[:, 0] |= ~had.any(axis=1)
    user, item = np.nonzero(had)
    data = Dataset.from_interactions({"u": user, "i": item}, user="u", item="i")
    return data, likes[:, data.items.astype(int)], had[:, data.items.astype(int)]


def fit(learner, data):
    return learner.fit(data, context=RunContext(seed=1)).score(np.arange(data.n_users))


def hits(scores, likes, had):
    """Share of the top 5 new items that the user would like."""
    top = np.argsort(np.where(had, np.inf, -scores), axis=1)[:, :5]
    return float(np.take_along_axis(likes, top, axis=1).mean())


def shared(scores):
    """How alike the scores are for everyone: spread of the items' means over the spread of all scores."""
    return float(scores.mean(axis=0).std() / scores.std())


HOW = {"embedding_size": 8, "epochs": 80}


def test_deconfounded_matches_hang_less_on_popularity_and_find_more(world):
    data, likes, had = world
    plain = fit(PopularityDeconfounded(power=0.0, **HOW), data)
    freed = fit(PopularityDeconfounded(power=0.6, **HOW), data)
    biased = fit(BPR(**HOW), data)
    assert shared(freed) < shared(plain) - 0.1
    assert hits(freed, likes, had) > hits(plain, likes, had) + 0.03
    assert hits(freed, likes, had) > hits(biased, likes, had) + 0.1


def test_injected_popularity_comes_back(world):
    data, _, _ = world
    without, with_it = (fit(PopularityDeconfounded(inject=g, **HOW), data) for g in (0.0, 2.0))
    popular = relative_popularity(data.matrix)
    lean = [float(np.corrcoef(s.mean(axis=0), popular)[0, 1]) for s in (without, with_it)]
    assert lean[1] > lean[0]
    assert (with_it > 0).all()


def test_a_larger_reference_takes_more_popularity_off(world):
    data, likes, had = world
    popular = relative_popularity(data.matrix)
    scores = [fit(MACR(reference=c, **HOW), data) for c in (0.0, 4.0)]
    lean = [float(np.corrcoef(s.mean(axis=0), popular)[0, 1]) for s in scores]
    assert lean[1] < lean[0]
    assert hits(scores[1], likes, had) > likes.mean() + 0.1


def test_scores_are_as_written():
    from dorec.recommend.pairwise import BiasedFactors

    history = sparse.csr_matrix(np.ones((1, 2)))
    one = np.array([[1.0], [-1.0]], dtype=np.float32)
    factors = BiasedFactors(history, one[:1], one, np.zeros(2, dtype=np.float32))
    scale = np.array([1.0, 0.5], dtype=np.float32)
    plain = ScaledFactors(factors, scale, 2.0, False).scores(np.array([0]))
    assert plain.tolist() == [[-1.0, -1.5]]
    positive = ScaledFactors(factors, scale, 0.0, True).scores(np.array([0]))
    np.testing.assert_allclose(positive, [[2.0, 0.5 * np.exp(-1.0)]])


def test_what_makes_no_sense_is_refused(world):
    data, _, _ = world
    for make in (
        lambda: PopularityDeconfounded(power=-1.0),
        lambda: PopularityDeconfounded(inject=9.0),
        lambda: MACR(item_weight=-1.0),
        lambda: MACR(reference=np.inf),
        lambda: MACR(n_negatives=0),
        lambda: MACR(epochs=0),
    ):
        with pytest.raises(ConfigError):
            make()
    arrays, _ = MACR(embedding_size=2, epochs=1).fit(data).to_arrays()
    with pytest.raises(InputError, match="scale"):
        MACR(embedding_size=2).restore(arrays | {"scale": np.ones(3)}, data)
