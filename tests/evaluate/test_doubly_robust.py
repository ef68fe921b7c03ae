import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression

from dorec.domain.errors import ConfigError, TooFewUnits
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, DirectMethod, DoublyRobust
from dorec.evaluate.doubly_robust import doubly_robust_moments
from dorec.simulate import LoggedBandit

WORLD = LoggedBandit(n=1_500, seed=3)


def test_published_numbers():
    weights, reward = np.array([0, 1 / 0.5, 0]), np.array([4.0, 5.0, 7.0])
    value, influence = doubly_robust_moments(weights, reward, np.array([1.0, 4.0, 5.0]), np.array([2.0, 4.0, 6.0]))
    assert value == pytest.approx(4.0, abs=1e-12)
    assert influence.mean() == pytest.approx(0.0, abs=1e-12)


def test_a_reward_model_narrows_the_interval():
    world = LoggedBandit(n=4_000, seed=3, base=1.0)
    log, target = world.feedback(), world.target()
    assert DoublyRobust().evaluate(log, target).std_error < 0.7 * IPS().evaluate(log, target).std_error


def test_it_stays_unbiased_under_a_useless_reward_model():
    class Nonsense(LinearRegression):
        def predict(self, X):
            return np.full(len(X), 3.0)

    log, target = WORLD.feedback(), WORLD.target()
    made = DoublyRobust(reward_model=Nonsense()).evaluate(log, target)
    assert abs(made.value - WORLD.true_value()) < 4 * made.std_error
    assert DirectMethod(reward_model=Nonsense()).evaluate(log, target).value == 3.0


def test_no_row_is_predicted_by_itself():
    """Rewards are pure noise and the model remembers everything: without cross-fitting the residuals would vanish."""
    rng = np.random.default_rng(0)
    n = 300
    log = LoggedFeedback(
        context=rng.normal(size=(n, 200)),
        action=rng.integers(2, size=n),
        reward=rng.normal(size=n),
        propensity=np.full(n, 0.5),
        n_actions=2,
    )
    made = DoublyRobust(reward_model=LinearRegression()).evaluate(log, np.full((n, 2), 0.5))
    assert made.std_error > 0.9 * log.reward.std() / np.sqrt(n)


def test_folds_keep_clusters_together():
    """Each user has an outcome of its own and a marker column: only a row of the same user could give it away."""
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(60), 10)
    log = LoggedFeedback(
        context=np.eye(60)[user],
        action=rng.integers(2, size=600),
        reward=rng.normal(size=60)[user] * 10,
        propensity=np.full(600, 0.5),
        n_actions=2,
        cluster=user,
    )
    policy = np.full((600, 2), 0.5)
    made = DoublyRobust(reg=0.1).evaluate(log, policy)
    by_user = np.bincount(user, weights=log.reward) / 10
    assert made.std_error > 0.9 * by_user.std(ddof=1) / np.sqrt(60)


@pytest.mark.parametrize("model", [LinearRegression(), HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=7)])
def test_any_scikit_learn_model_serves(model):
    made = DoublyRobust(reward_model=model).evaluate(WORLD.feedback(), WORLD.target())
    assert abs(made.value - WORLD.true_value()) < 4 * made.std_error


def test_impossible_folds_are_refused():
    with pytest.raises(ConfigError, match="n_folds"):
        DoublyRobust(n_folds=1)
    log = LoggedFeedback(
        action=np.zeros(10, int), reward=np.ones(10), propensity=np.ones(10), n_actions=1, cluster=np.arange(10) % 2
    )
    with pytest.raises(TooFewUnits, match="3 folds"):
        DoublyRobust().evaluate(log, np.ones((10, 1)))
