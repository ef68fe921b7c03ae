"""Intervals of deep learners against the worlds of `check_causal_estimator`, with small networks.

Networks are slow, so there are 60 samples of each world where other estimators have 400: a gross fault shows.
"""

from typing import Any

import pytest

pytest.importorskip("torch")

from dorec.domain.run import RunContext
from dorec.estimate import DragonNet, TARNet
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
