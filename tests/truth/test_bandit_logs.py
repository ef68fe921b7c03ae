"""Logs of bandits that learn while they act: the values that they give of other policies, and their intervals."""

import numpy as np
import pytest

from dorec.domain.run import RunContext
from dorec.evaluate import IPS, SNIPS, DoublyRobust
from dorec.intervene import LinearThompson, LinUCB, LogisticThompson, RewardModel, play
from dorec.simulate import LoggedBandit

pytestmark = pytest.mark.truth
SHAPE = LoggedBandit(n=10, n_actions=5, seed=1)
WORLD = RewardModel(draw_contexts=lambda m, rng: rng.normal(size=(m, 3)), mean_reward=SHAPE.expected_reward)
LOGS, ROWS = 200, 2_000


@pytest.mark.parametrize(
    "bandit", [LinUCB(epsilon=0.2), LinearThompson(epsilon=0.2), LogisticThompson(epsilon=0.2)], ids=str
)
def test_values_from_adaptive_logs_are_unbiased_and_their_intervals_hold(bandit):
    """With a fifth of the decisions uniform; with a twentieth, plain intervals hold in .89 to .95 of such logs."""
    x = np.random.default_rng(99).normal(size=(1_000_000, 3))
    means = SHAPE.expected_reward(x)
    truths = {"uniform": means.mean(), "target": (SHAPE.target(x) * means).sum(axis=1).mean()}
    errors, held, weights = {}, {}, []
    for seed in range(LOGS):
        log = play(bandit.start(5, 3), WORLD, ROWS, batch=20, context=RunContext(seed=seed)).feedback
        weights.append((0.2 / log.propensity).mean())
        for policy, p in (("uniform", np.full((ROWS, 5), 0.2)), ("target", SHAPE.target(log.context))):
            for estimator in (IPS(), SNIPS(), DoublyRobust()):
                value = estimator.evaluate(log, p)
                low, high = value.interval()
                key = (policy, type(estimator).__name__)
                errors.setdefault(key, []).append(value.value - truths[policy])
                held.setdefault(key, []).append(low <= truths[policy] <= high)
    assert abs(np.mean(weights) - 1) < 3.5 * np.std(weights) / np.sqrt(LOGS)
    for key, found in errors.items():
        assert abs(np.mean(found)) < 3.5 * np.std(found) / np.sqrt(LOGS), key
        assert 0.9 <= np.mean(held[key]) <= 0.99, (key, np.mean(held[key]))
    assert np.mean([np.mean(found) for found in held.values()]) > 0.925
