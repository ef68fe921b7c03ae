import numpy as np
import pytest
from sklearn.linear_model import Ridge

from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate.reward_model import folds_of, reward_moments
from dorec.numeric.action_ridge import ridge_by_action


def make(n=240, k=3, d=2, seed=0, **fields):
    rng = np.random.default_rng(seed)
    x, action = rng.normal(size=(n, d)), rng.integers(k, size=n)
    reward = x @ np.arange(1.0, d + 1) + action + rng.normal(size=n)
    return LoggedFeedback(context=x, action=action, reward=reward, propensity=np.full(n, 1 / k), n_actions=k, **fields)


def test_the_ridge_is_a_pooled_fit_plus_a_ridge_of_each_action_on_what_is_left():
    log, reg = make(), 5.0
    x = np.concatenate([np.ones((log.n, 1)), log.context], axis=1)
    fold = np.arange(log.n) % 3
    made = ridge_by_action(x, log.action, log.reward, fold, (3, 3), reg)
    for f in range(3):
        train = fold != f
        pooled = Ridge(alpha=reg, fit_intercept=False).fit(x[train], log.reward[train]).coef_
        for a in range(3):
            own = train & (log.action == a)
            left = Ridge(alpha=reg, fit_intercept=False).fit(x[own], log.reward[own] - x[own] @ pooled).coef_
            assert made[f, a] == pytest.approx(pooled + left, abs=1e-6)


def test_an_action_without_rows_is_the_average_action():
    log = make(k=2)
    x = np.ones((log.n, 1))
    made = ridge_by_action(x, log.action, log.reward, np.arange(log.n) % 2, (2, 4), 1.0)
    assert made[:, 2] == pytest.approx(made[:, 3])
    assert ((made[:, 2] - made[:, 0]) * (made[:, 2] - made[:, 1]) < 0).all()


def test_folds_are_even_and_follow_the_cluster():
    log = make(cluster=np.repeat([f"u{i}" for i in range(24)], 10))
    fold = folds_of(log, 3)
    assert np.bincount(fold).tolist() == [80, 80, 80]
    assert all(len(set(fold[log.cluster == c])) == 1 for c in set(log.cluster))
    order = np.random.default_rng(0).permutation(log.n)
    mixed = make(cluster=log.cluster)
    moved = LoggedFeedback(
        action=mixed.action[order],
        reward=mixed.reward[order],
        propensity=mixed.propensity[order],
        n_actions=3,
        cluster=mixed.cluster[order],
    )
    assert (folds_of(moved, 3) == fold[order]).all()


def test_blocks_give_what_one_table_gives(monkeypatch):
    log = make()
    policy = np.random.default_rng(1).dirichlet(np.ones(3), size=log.n)
    whole = reward_moments(log, policy, None, 3, 1.0)
    monkeypatch.setattr("dorec.evaluate.reward_model.BLOCK", 7)
    parts = reward_moments(log, policy, None, 3, 1.0)
    assert np.allclose(whole[0], parts[0])
    assert np.allclose(whole[1], parts[1])
