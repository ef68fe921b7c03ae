from itertools import pairwise

import numpy as np
import pytest

from dorec import RunContext
from dorec.domain.errors import ConfigError, NotFinite
from dorec.recommend import ALS


def loss(scorer, alpha):
    p = (scorer.dataset.matrix.toarray() > 0).astype(float)
    x, y = scorer.model.user_factors.astype(float), scorer.model.item_factors.astype(float)
    c = 1.0 + alpha * p
    return float((c * (p - x @ y.T) ** 2).sum() + scorer.model.reg * ((x**2).sum() + (y**2).sum()))


def test_more_epochs_never_raise_the_loss(tastes):
    losses = [loss(ALS(embedding_size=4, reg=1.0, epochs=e).fit(tastes), 1.0) for e in (1, 2, 4, 8, 16)]
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(losses))


def test_converged_factors_are_stationary(tastes):
    scorer = ALS(embedding_size=3, reg=2.0, alpha=4.0, epochs=200).fit(tastes)
    p = (tastes.matrix.toarray() > 0).astype(float)
    x, y = scorer.model.user_factors.astype(float), scorer.model.item_factors.astype(float)
    residual = (1.0 + 4.0 * p) * (p - x @ y.T)
    np.testing.assert_allclose(residual @ y, 2.0 * x, atol=1e-3)
    np.testing.assert_allclose(residual.T @ x, 2.0 * y, atol=2e-2)


def test_two_tastes_are_found(tastes):
    lists = ALS(embedding_size=8).fit(tastes).recommend(tastes.users, k=5).items
    assert (lists % 2 == tastes.users[:, None] % 2).mean() > 0.9


@pytest.mark.filterwarnings("ignore")  # the peer warns of BLAS threads
def test_the_loss_is_as_low_as_implicits(tastes):
    als = pytest.importorskip("implicit.cpu.als")
    peer = als.AlternatingLeastSquares(factors=8, regularization=1.0, alpha=2.0, iterations=15, random_state=0)
    peer.fit(tastes.matrix, show_progress=False)
    ours = ALS(embedding_size=8, reg=1.0, alpha=1.0, epochs=15).fit(tastes)  # the peer's alpha is our 1 + alpha
    p = (tastes.matrix.toarray() > 0).astype(float)
    x, y = peer.user_factors.astype(float), peer.item_factors.astype(float)
    theirs = ((1.0 + p) * (p - x @ y.T) ** 2).sum() + (x**2).sum() + (y**2).sum()
    assert loss(ours, 1.0) <= 1.01 * theirs


@pytest.mark.parametrize("settings", [{"alpha": 1e8}, {"reg": 1e-12, "embedding_size": 128}])
def test_extreme_settings_give_finite_scores(tastes, settings):
    assert np.isfinite(ALS(**settings).fit(tastes).score(np.arange(tastes.n_users))).all()


@pytest.mark.parametrize("settings", [{"alpha": 1e30}, {"alpha": 1e300}, {"reg": 1e-30}])
def test_what_overflows_is_refused_and_never_scored(tastes, settings):
    with pytest.raises(NotFinite, match="raise reg, lower alpha"):
        ALS(**settings).fit(tastes)


def test_seed_decides_and_threads_do_not(tastes):
    fits = [
        ALS(embedding_size=4).fit(tastes, context=RunContext(seed=s, threads=t)) for s, t in ((1, 1), (1, 3), (2, 1))
    ]
    bits = [f.model.user_factors.tobytes() for f in fits]
    assert bits[0] == bits[1]
    assert bits[0] != bits[2]


@pytest.mark.parametrize(
    "settings", [{"embedding_size": 0}, {"epochs": 1.5}, {"reg": 0.0}, {"alpha": -1.0}, {"weighting": ""}]
)
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        ALS(**settings)
