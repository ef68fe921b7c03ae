import numpy as np
import pytest

from dorec.domain.counterfactual import Counterfactual
from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.regime import OBSERVED, Regime
from dorec.identify.worlds import random_functional_model

GRAPH = CausalGraph.from_edges("zxy", directed=[("z", "x"), ("x", "y"), ("z", "y")], bidirected=[("z", "y")])


def test_worlds_are_consistent():
    """A unit's outcome under what it got is its outcome."""
    model = random_functional_model(GRAPH, np.random.default_rng(0))
    x, y = model.level("x", {}), model.level("y", {})
    for level in (0, 1):
        assert (model.level("y", {"x": level})[x == level] == y[x == level]).all()
        assert (model.level("x", {"y": level}) == x).all()
    nested = {"x": Counterfactual("x", do={"z": 0})}
    assert (
        model.level("y", nested) == np.where(model.level("x", {"z": 0}), *(model.level("y", {"x": k}) for k in (1, 0)))
    ).all()


def test_its_joints_are_those_of_its_worlds():
    model = random_functional_model(GRAPH, np.random.default_rng(1))
    observed, trial = model.joint_in(OBSERVED, "zxy"), model.joint_in(Regime(do="x"), "xy")
    assert (observed.table > 0).all()
    assert np.isclose(observed.marginal(("y",))[1], model.probability([Counterfactual("y", 1)]))
    assert np.isclose(2 * trial.table[1, 1], model.probability([Counterfactual("y", 1, do={"x": 1})]))
    assert np.isnan(model.probability([], [Counterfactual("x", 0), Counterfactual("x", 1)]))


def test_too_much_noise_is_refused():
    nodes = [f"v{i}" for i in range(11)]
    with pytest.raises(InputError, match="too many states"):
        random_functional_model(CausalGraph.from_edges(nodes), np.random.default_rng(0))
