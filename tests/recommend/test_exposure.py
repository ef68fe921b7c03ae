"""Propensities against the chances that made the data."""

import numpy as np
import pytest
from scipy import sparse

from dorec import Dataset, RunContext
from dorec.domain.errors import BadPropensity, ConfigError, InputError, TooFewUnits
from dorec.recommend import LoggedExposure, NaiveBayesExposure, PoissonExposure, PopularityExposure
from dorec.recommend.exposure import as_propensities


def data_of(seen, ratings=None):
    user, item = np.nonzero(seen)
    value = np.ones(len(user)) if ratings is None else ratings[seen]
    return Dataset.from_interactions({"u": user, "i": item, "w": value}, user="u", item="i", weight="w")


def every(data):
    return tuple(a.ravel() for a in np.meshgrid(np.arange(data.n_users), np.arange(data.n_items), indexing="ij"))


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    group = np.arange(200) % 2
    rates = np.where((group[:, None] == np.arange(40) % 2), 0.5, 0.05) * rng.uniform(0.5, 1.5, 40)
    p = -np.expm1(-rates)
    return p, data_of(rng.random((200, 40)) < p)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_popularity_expects_as_many_pairs_as_there_are(drawn, power):
    _, data = drawn
    p = PopularityExposure(power).fit(data).of(*every(data))
    assert p.sum() == pytest.approx(data.n_interactions, rel=0.01)
    counts = np.bincount(data.item_index, minlength=data.n_items)
    np.testing.assert_allclose(p.reshape(200, 40)[0] / p[0], (counts / counts[0]) ** power, rtol=1e-9)


def test_poisson_factors_find_who_sees_what(drawn):
    truth, data = drawn
    p = PoissonExposure(embedding_size=2).fit(data, context=RunContext(seed=1)).of(*every(data)).reshape(200, 40)
    by_item = PopularityExposure(1.0).fit(data).of(*every(data)).reshape(200, 40)
    assert ((p - truth) ** 2).mean() < 0.3 * ((by_item - truth) ** 2).mean()
    assert p.mean() == pytest.approx(truth.mean(), rel=0.1)


def test_naive_bayes_finds_the_chance_of_each_rating():
    rng = np.random.default_rng(2)
    ratings = rng.integers(1, 6, (300, 100)).astype(float)
    chance = np.array([0, 0.02, 0.04, 0.08, 0.2, 0.4])[ratings.astype(int)]
    own = data_of(rng.random(ratings.shape) < chance, ratings)
    few = data_of(rng.random(ratings.shape) < 0.05, ratings)
    odds = NaiveBayesExposure().fit(own, few)
    np.testing.assert_allclose(odds.chance, [0.02, 0.04, 0.08, 0.2, 0.4], rtol=0.2)
    assert odds.of(np.array([0]), np.array([0]), np.array([5.0]))[0] == odds.chance[-1]
    with pytest.raises(InputError, match="hand in ratings"):
        odds.of(np.array([0]), np.array([0]))
    with pytest.raises(InputError, match="not among"):
        odds.of(np.array([0]), np.array([0]), np.array([9.0]))


def test_a_rating_without_random_pairs_is_refused():
    own, few = data_of(np.eye(3) > 0, 5 * np.eye(3)), data_of(np.eye(3) > 0, np.eye(3))
    with pytest.raises(TooFewUnits, match="rating 5"):
        NaiveBayesExposure(smoothing=0.0).fit(own, few)


def test_logged_tables_of_all_kinds_agree():
    table = np.array([[0.5, 0.2], [0.1, 0.4]])
    at = np.array([0, 1, 1]), np.array([1, 0, 1])
    assert as_propensities(table).of(*at).tolist() == [0.2, 0.1, 0.4]
    assert as_propensities(sparse.csr_matrix(table)).of(*at).tolist() == [0.2, 0.1, 0.4]
    known = LoggedExposure(table)
    assert as_propensities(known) is known


@pytest.mark.parametrize("bad", [0.0, -0.1, 1.5, np.nan])
def test_impossible_propensities_are_refused_by_pair(bad):
    with pytest.raises(BadPropensity, match="user 1 and item 0"):
        LoggedExposure(np.array([[0.5], [bad]])).of(np.array([0, 1]), np.array([0, 0]))


def test_settings_out_of_bounds_are_refused():
    for make in (lambda: PopularityExposure(-1.0), lambda: PoissonExposure(0), lambda: PoissonExposure(shape=0.5)):
        with pytest.raises(ConfigError):
            make()
