import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.evaluate import popularity_policy, softmax_policy, uniform_policy
from dorec.simulate import LoggedBandit

LOG = LoggedBandit(n=200, seed=3).feedback()


@pytest.mark.parametrize(
    "policy",
    [
        uniform_policy(LOG),
        popularity_policy(LOG, epsilon=0.1),
        softmax_policy(np.random.default_rng(0).normal(size=(200, 5))),
    ],
    ids=["uniform", "popularity", "softmax"],
)
def test_they_are_distributions(policy):
    assert LOG.check_policy(policy).shape == (200, 5)


def test_popularity_follows_successes():
    successes = np.bincount(LOG.action, weights=LOG.reward, minlength=5)
    assert popularity_policy(LOG, smoothing=0.0)[3] == pytest.approx(successes / successes.sum())
    assert popularity_policy(LOG, counts=[0, 0, 8, 0, 0], smoothing=0.0, epsilon=0.5)[0].tolist() == pytest.approx(
        [0.1, 0.1, 0.6, 0.1, 0.1]
    )


def test_softmax_is_greedy_when_cold_and_survives_large_scores():
    scores = np.array([[1e4, 1e4 + 1, -np.inf]])
    assert softmax_policy(scores, temperature=1e-3)[0].tolist() == [0.0, 1.0, 0.0]
    assert softmax_policy(scores)[0, 1] == pytest.approx(1 / (1 + np.exp(-1)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: popularity_policy(LOG, counts=[1, 2]),
        lambda: popularity_policy(LOG, counts=[0, 0, 0, 0, -1]),
        lambda: popularity_policy(LOG, epsilon=2.0),
        lambda: softmax_policy(np.zeros(3)),
        lambda: softmax_policy(np.full((2, 2), np.nan)),
        lambda: softmax_policy(np.zeros((2, 2)), temperature=0.0),
    ],
)
def test_what_is_no_policy_is_refused(make):
    with pytest.raises(InputError):
        make()
