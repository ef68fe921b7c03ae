"""Intervals of deep learners against the worlds of `check_causal_estimator`, with small networks.

Networks are slow, so there are 60 samples of each world where other estimators have 400: a gross fault shows.
"""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate import DragonNet, Histories, SequenceEffect, TARNet
from dorec.refute import check_causal_estimator
from dorec.refute.worlds import WORLDS

SMALL: dict[str, Any] = {"n_folds": 4, "hidden": (32,), "head": (16,), "epochs": 60, "patience": 8}
LEARNERS = {
    "TARNet": TARNet(**SMALL, learning_rate=0.01),
    "DragonNet": DragonNet(**SMALL, learning_rate=0.01),
}
REPETITIONS = 60


@pytest.mark.truth
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", LEARNERS)
def test_interval_holds(name: str, world: str) -> None:
    found = check_causal_estimator(
        LEARNERS[name], n=1_000, repetitions=REPETITIONS, worlds=[world], context=RunContext(threads=1)
    )
    for verdict in found[:3]:
        print(f"{name}, {world}: {verdict.check}: {verdict.statistic}, {verdict.evidence}")
    assert [str(v) for v in found if not v] == []


def shop(n: int, seed: int) -> tuple[Study, Histories, float]:
    """Whoever's last event is a cart buys more, is treated more often and gains more by it; counts don't tell."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 6, size=n)
    events = {
        i: [("view", "cart", "search")[k] for k in rng.integers(0, 3, size=size)] for i, size in enumerate(lengths)
    }
    hot = np.array([events[i][-1] == "cart" for i in range(n)]).astype(float)
    t = (rng.random(n) < np.where(hot == 1, 0.7, 0.3)).astype(int)
    table = {"user": np.arange(n), "t": t, "y": 2 * hot + t * (1 + hot) + rng.normal(size=n)}
    return Study.from_table(table, outcome="y", treatment="t", unit="user"), Histories.from_sequences(events), 4 / 3


@pytest.mark.truth
def test_the_sequence_model_is_near_the_truth() -> None:
    inside, values, errors = 0, [], []
    for seed in range(REPETITIONS):
        study, histories, truth = shop(800, seed)
        learner = SequenceEffect(
            histories=histories, length=5, embedding_size=8, n_folds=3, epochs=30, learning_rate=0.02, patience=6
        )
        ate = learner.fit(study, context=RunContext(threads=1)).fitted.average.ate()  # before its interval is withheld
        lower, upper = ate.interval()
        inside += bool(lower <= truth <= upper)
        values.append(ate.value)
        errors.append(ate.std_error)
    covered, ratio = inside / REPETITIONS, np.mean(errors) / np.std(values, ddof=1)
    print(f"SequenceEffect: coverage {covered:.3f}, mean(se)/sd {ratio:.3f}, bias {np.mean(values) - 4 / 3:+.4f}")
    assert abs(np.mean(values) - 4 / 3) < 0.15
