"""Structural models over many fits: unbiased answers, and checks that raise the alarm as rarely as they say."""

import numpy as np
import pytest

from dorec.domain.graph import CausalGraph
from dorec.simulate import StructuralModel

TRIANGLE = CausalGraph.from_edges(["z", "x", "y"], directed=[("z", "x"), ("z", "y"), ("x", "y")])


def world(n, seed):
    """The voucher x adds 2 to y; with z it hangs together by log odds."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    x = np.where(rng.random(n) < 1 / (1 + np.exp(-z)), "on", "off")
    return {"z": z, "x": x, "y": 2.0 * (x == "on") + z + rng.normal(size=n)}


@pytest.mark.truth
def test_effects_are_unbiased_and_checks_keep_their_level():
    found, failed = [], []
    for seed in range(100):
        model = StructuralModel(mechanisms={"x": "logistic", "y": "linear"}).fit(TRIANGLE, world(2_000, seed))
        found.append(model.ate("x", "y", arms=("off", "on")).value)
        failed.append([not verdict for verdict in model.check(world(300, seed + 1_000), max_rows=300)])
    assert abs(np.mean(found) - 2) < 4 * np.std(found) / 10
    assert np.std(found) < 1.1 * np.sqrt(1 / (2_000 * 0.206))  # 0.206: what x varies given z, E[p(1 - p)]
    assert (np.mean(failed, axis=0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)).all()
