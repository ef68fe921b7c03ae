"""BPR and WARP: factors from pairs."""

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, NotFinite
from dorec.numeric.pairwise_factors import bpr_epoch
from dorec.recommend import BPR, WARP

LEARNERS = [
    BPR(embedding_size=8, learning_rate=0.05, reg=0.01, epochs=40),
    WARP(embedding_size=8, learning_rate=0.05, reg=0.01),
]
each = pytest.mark.parametrize("learner", LEARNERS, ids=lambda x: type(x).__name__)


@each
def test_taste_is_found(tastes, learner):
    lists = learner.fit(tastes).recommend(np.arange(60), k=5)
    assert ((lists.items % 2) == (np.arange(60)[:, None] % 2)).mean() > 0.8


@each
def test_the_rest_is_a_part_of_its_own_and_no_reason(tastes, learner):
    scorer = learner.fit(tastes)
    why = scorer.explain(3, 5)
    assert "your history as a whole" in why.parts
    assert sum(why.parts.values()) == pytest.approx(scorer.score(np.array([3]))[0, 5])
    assert None not in why.details["items"]
    assert len(why.details["items"]) == len(why.parts) - 1


def test_one_step_is_the_gradient_of_the_log_sigmoid():
    rng = np.random.default_rng(0)
    users, items, bias = rng.normal(size=(1, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)
    before = [a.copy() for a in (users, items, bias)]
    pairs = (np.array([0]), np.array([0]), np.array([0]))
    bpr_epoch(pairs, (np.array([0, 1]), np.array([0])), (users, items, bias), np.array([0.1, 0.02]), rng)
    x, (a, b), (p, q) = before[0][0], before[1], before[2]

    def loss(x, a, b, p, q):
        decay = sum(float(np.sum(v**2)) for v in (x, a, b, p, q))
        return np.log1p(np.exp(-(x @ (a - b) + p - q))) + 0.01 * decay

    for i in range(3):
        e = np.eye(3)[i] * 1e-6
        assert users[0, i] == pytest.approx(x[i] - 0.1 * (loss(x + e, a, b, p, q) - loss(x - e, a, b, p, q)) / 2e-6)
        assert items[1, i] == pytest.approx(b[i] - 0.1 * (loss(x, a, b + e, p, q) - loss(x, a, b - e, p, q)) / 2e-6)
    assert bias[0] == pytest.approx(p - 0.1 * (loss(x, a, b, p + 1e-6, q) - loss(x, a, b, p - 1e-6, q)) / 2e-6)


@each
def test_a_rate_that_overflows_is_refused(tastes, learner):
    with pytest.raises(NotFinite, match="lower learning_rate"):
        type(learner)(embedding_size=4, learning_rate=1e200, epochs=5).fit(tastes)


@pytest.mark.parametrize(
    "settings", [{"embedding_size": 0}, {"learning_rate": 0.0}, {"reg": -1.0}, {"epochs": 0}, {"max_trials": 0}]
)
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        (WARP if "max_trials" in settings else BPR)(**settings)
