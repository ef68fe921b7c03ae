"""Debiased ratings on Coat, where the test ratings were drawn at random, and what is refused."""

import gzip

import numpy as np
import pytest

from dorec import Dataset, RunContext
from dorec.domain.errors import BadPropensity, ConfigError, InputError
from dorec.recommend import DebiasedMF, from_arrays


def rated(table):
    user, item = np.nonzero(table)
    return Dataset.from_interactions({"u": user, "i": item, "r": table[user, item]}, user="u", item="i", weight="r")


@pytest.fixture(scope="module")
def coat(shared):
    folder = shared / "data" / "coat"
    return {name: np.loadtxt(gzip.open(folder / f"{name}.ascii.gz")) for name in ("train", "test", "propensities")}


def test_on_coat_debiasing_lowers_the_error_on_random_ratings(coat):
    test = coat["test"]
    error = {}
    for loss in ("naive", "ips", "mrdr"):
        scorer = DebiasedMF(loss=loss, epochs=8).fit(rated(coat["train"]), propensities=coat["propensities"])
        made = scorer.score(np.arange(len(test)))
        error[loss] = ((made - test)[test > 0] ** 2).mean()
    assert error["ips"] < 0.95 * error["naive"]
    assert error["mrdr"] < 0.95 * error["naive"]


def test_known_propensities_are_what_counts():
    rng = np.random.default_rng(0)
    data = rated(np.where(rng.random((40, 20)) < 0.3, rng.integers(1, 6, (40, 20)), 0))
    shape = (data.n_users, data.n_items)
    flat = DebiasedMF(loss="snips", epochs=5).fit(data, propensities=np.full(shape, 0.3))
    naive = DebiasedMF(loss="naive", epochs=5).fit(data)
    np.testing.assert_allclose(flat.score(np.arange(5)), naive.score(np.arange(5)), rtol=1e-8)
    skewed = DebiasedMF(loss="snips", epochs=5).fit(data, propensities=rng.uniform(0.05, 0.9, shape))
    assert np.abs(skewed.score(np.arange(5)) - naive.score(np.arange(5))).max() > 0.01


def test_poisson_exposure_stands_in_where_nothing_is_known():
    rng = np.random.default_rng(0)
    data = rated(np.where(rng.random((30, 12)) < 0.4, rng.integers(1, 6, (30, 12)), 0))
    scorer = DebiasedMF(loss="ips", exposure="poisson", embedding_size=2).fit(data, context=RunContext(seed=3))
    assert np.isfinite(scorer.score(np.arange(3))).all()
    arrays, metadata = scorer.to_arrays()
    back = from_arrays(arrays, metadata, data)
    np.testing.assert_array_equal(back.score(np.arange(3)), scorer.score(np.arange(3)))
    assert back.model.max_weight == scorer.model.max_weight


def test_what_makes_no_sense_is_refused():
    for wrong in (
        {"loss": "dro"},
        {"exposure": "taste"},
        {"reg": 0.0},
        {"epochs": 0},
        {"max_weight": 0.5},
        {"power": -1.0},
    ):
        with pytest.raises(ConfigError):
            DebiasedMF(**wrong)
    data = rated(np.eye(4))
    with pytest.raises(BadPropensity):
        DebiasedMF().fit(data, propensities=np.zeros(4))
    arrays, _ = DebiasedMF().fit(data).to_arrays()
    with pytest.raises(InputError, match="need"):
        DebiasedMF().restore(arrays, rated(np.eye(5)))
