from dorec.domain.counterfactual import Counterfactual
from dorec.domain.graph import CausalGraph
from dorec.identify.counterfactual_graph import counterfactual_graph

GRAPH = CausalGraph.from_edges(
    ["x", "w", "y", "d", "z"], directed=[("x", "w"), ("w", "y"), ("d", "z"), ("z", "y")], bidirected=[("x", "y")]
)


def c(variable, value, **do):
    return Counterfactual(variable, value, do=do)


def test_the_published_graph():
    """Figure 4 of Shpitser, Pearl (2007): z under do(d=0) is z, for d is 0."""
    found = counterfactual_graph(GRAPH, [c("y", 1, x=1), c("x", 0), c("z", 0, d=0), c("d", 0)])
    assert sorted(map(str, found.nodes)) == ["d", "w_{x=1}", "x", "y_{x=1}", "z"]
    y = next(node for node in found.nodes if node.variable == "y")
    assert dict(found.parents(y))["z"] == 0
    assert str(dict(found.parents(y))["w"]) == "w_{x=1}"


def test_what_is_not_a_cause_makes_no_world():
    found = counterfactual_graph(GRAPH, [c("w", 1, z=0, x=1)])
    assert [str(node) for node in found.nodes] == ["w_{x=1}"]


def test_worlds_that_clash_are_none():
    assert counterfactual_graph(GRAPH, [c("x", 1), c("x", 0)]) is None
    assert counterfactual_graph(GRAPH, [c("z", 0, d=0), c("z", 1), c("d", 0)]) is None
    assert counterfactual_graph(GRAPH, [c("x", 1, x=0)]) is None
    assert counterfactual_graph(GRAPH, [c("z", 0, d=0), c("z", 1), c("d", 1)]) is not None
