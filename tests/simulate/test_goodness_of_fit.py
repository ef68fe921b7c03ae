import numpy as np
import pytest

from dorec.domain.errors import TooFewUnits
from dorec.domain.graph import CausalGraph
from dorec.simulate import StructuralModel

TRIANGLE = CausalGraph.from_edges(["z", "x", "y"], directed=[("z", "x"), ("z", "y"), ("x", "y")])


def world(n, seed, bent=0.0, spread=0.0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    x = np.where(rng.random(n) < 1 / (1 + np.exp(-z)), "on", "off")
    y = 2.0 * (x == "on") + z + bent * z**2 + np.exp(spread * z) * rng.normal(size=n)
    return {"z": z, "x": x, "y": y}


def by_check(verdicts):
    return {verdict.check: verdict for verdict in verdicts}


def test_a_model_of_the_right_kind_passes():
    failed = 0
    for seed in range(6):
        model = StructuralModel(n_trees=20).fit(TRIANGLE, world(2_000, seed))
        verdicts = model.check(world(500, seed + 100), max_rows=300)
        assert len(verdicts) == 4
        failed += sum(not verdict for verdict in verdicts)
    assert failed <= 2  # of 24, at 0.05 or less


def test_a_line_through_a_curve_fails_and_trees_mend_it():
    data, held = world(4_000, 0, bent=1.5), world(500, 1, bent=1.5)
    line = by_check(StructuralModel(n_trees=10, mechanisms={"y": "linear"}).fit(TRIANGLE, data).check(held))
    assert line["residuals against causes"].status == "failed"
    assert "the noise of y" in line["residuals against causes"].meaning
    assert line["simulated against held-out pairs"].status == "failed"
    trees = by_check(StructuralModel(n_trees=50).fit(TRIANGLE, data).check(held))
    assert all(trees.values())


def test_noise_whose_spread_has_a_cause_is_no_noise():
    data, held = world(4_000, 2, spread=1.0), world(500, 3, spread=1.0)
    found = by_check(StructuralModel(n_trees=20).fit(TRIANGLE, data).check(held))
    assert found["residuals against causes"].status == "failed"


def test_a_missing_edge_shows_in_the_pair():
    graph = CausalGraph.from_edges(["z", "x", "y"], directed=[("z", "x"), ("x", "y")])
    found = by_check(StructuralModel(n_trees=20).fit(graph, world(4_000, 4)).check(world(500, 5)))
    pairs = found["simulated against held-out pairs"]
    assert pairs.status == "failed"
    assert pairs.meaning.startswith("simulated rows differ from held-out ones in pairs: y, z")
    assert found["simulated against held-out columns"].status == "passed"


def test_other_rows_are_told_by_their_columns():
    held = world(400, 6)
    held["z"] = held["z"] + 0.5
    found = by_check(StructuralModel(n_trees=20).fit(TRIANGLE, world(3_000, 7)).check(held))
    assert "z" in found["simulated against held-out columns"].meaning
    assert not found["simulated against held-out columns"]


def test_a_few_rows_are_no_check():
    with pytest.raises(TooFewUnits, match="hold out 20"):
        StructuralModel(n_trees=5).fit(TRIANGLE, world(300, 8)).check(world(10, 9))
