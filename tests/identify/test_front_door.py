import numpy as np
import pytest

from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import front_door_set, identify, is_front_door_set, verify
from dorec.identify.front_door import identify_by_front_door, through_mediators
from dorec.identify.structural import random_model

XMY = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y")], bidirected=[("x", "y")])
QUERY = CausalQuery("x", "y")


def test_it_is_a_strategy_with_its_mediators():
    estimand = identify(XMY, QUERY)
    assert (estimand.strategy, estimand.mediators) == ("front-door", ("m",))
    assert "passes through m" in estimand.assumptions[1]
    assert verify(XMY, estimand)


def test_adjustment_comes_first():
    graph = CausalGraph.from_edges("xmyz", directed=[("x", "m"), ("m", "y"), ("z", "x"), ("z", "y")])
    assert identify(graph, QUERY).strategy == "back-door"
    assert identify(graph, QUERY, unobserved="z").strategy == "front-door"


@pytest.mark.parametrize(
    ("directed", "bidirected", "hidden"),
    [
        ([("x", "m"), ("m", "y"), ("x", "y")], [("x", "y")], ()),  # a direct effect
        ([("x", "m"), ("m", "y")], [("x", "y"), ("x", "m")], ()),  # first stage confounded
        ([("x", "m"), ("m", "y")], [("x", "y"), ("m", "y")], ()),  # second stage confounded
        ([("x", "m"), ("m", "y")], [("x", "y")], "m"),  # not measured
    ],
)
def test_what_is_no_front_door(directed, bidirected, hidden):
    graph = CausalGraph.from_edges("xmy", directed=directed, bidirected=bidirected)
    assert front_door_set(graph, QUERY, hidden) is None
    assert not is_front_door_set(graph, QUERY, "m", hidden)


@pytest.mark.parametrize("seed", range(40))
def test_a_set_is_found_where_there_is_one_and_is_right(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(5, rng, p=0.4, q=0.2)
    graph = CausalGraph.from_edges(graph.nodes, directed=graph.directed, bidirected={*graph.bidirected, ("v0", "v1")})
    query = CausalQuery("v0", "v1")
    valid = [set(m) for m in graphs.subsets(set(graph.nodes) - {"v0", "v1"}) if is_front_door_set(graph, query, m)]
    found = front_door_set(graph, query)
    if "v1" not in graph.descendants(["v0"]):
        assert found is None
        return
    assert (found is None) == (not valid)
    for mediators in valid:
        model = random_model(graph, rng)
        names = (*sorted(mediators), "v0", "v1")
        expression = through_mediators(query, tuple(sorted(mediators)))
        variables, values = expression.values(model.joint(names))
        truth = model.effect(["v1"], ["v0"])
        order = [variables.index(v) for v in ("v1", "v0")]
        assert np.allclose(np.transpose(values, order), truth)
    if found is not None:
        assert set(found) in valid
        assert not [m for m in valid if m < set(found) and len(m) == len(found) - 1]
        assert verify(graph, identify_by_front_door(graph, query))
