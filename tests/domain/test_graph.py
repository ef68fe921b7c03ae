import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, CyclicGraph, InputError
from dorec.domain.graph import CausalGraph, Edge


@pytest.fixture
def graph():
    return CausalGraph.from_edges(
        ["z", "x", "m", "y"],
        directed=[("z", "x"), ("x", "m"), ("m", "y"), ("z", "y")],
        bidirected=[("y", "x")],
    )


def test_edges_are_sorted_pairs(graph):
    assert graph.directed == (("m", "y"), ("x", "m"), ("z", "x"), ("z", "y"))
    assert graph.bidirected == (("x", "y"),)
    assert graph.undirected == ()
    assert (graph.is_dag, graph.is_admg) == (False, True)


def test_the_same_edges_in_another_order_are_the_same_graph():
    pairs = [("a", "b"), ("b", "c")]
    one = CausalGraph.from_edges("abc", directed=pairs, undirected=[("a", "c")])
    two = CausalGraph.from_edges("abc", directed=pairs[::-1], undirected=[("c", "a")])
    assert one == two
    assert CausalGraph(("a", "b"), (Edge("b", "a", "arrow", "tail"),)).directed == (("a", "b"),)


def test_family(graph):
    assert graph.parents("y") == {"m", "z"}
    assert graph.children("z") == {"x", "y"}
    assert graph.spouses("x") == {"y"}
    assert graph.neighbours("x") == {"z", "m", "y"}
    assert graph.ancestors(["m"]) == {"m", "x", "z"}
    assert graph.descendants(["x"]) == {"x", "m", "y"}
    assert graph.topological_order() == ("z", "x", "m", "y")
    assert [str(e) for e in graph.incident("x")] == ["x --> m", "x <-> y", "x <-- z"]


@pytest.mark.parametrize("seed", range(20))
def test_causal_order_and_reach_against_matrix_powers(seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(8)
    adjacency = np.zeros((8, 8), dtype=int)
    for i in range(8):
        for j in range(i + 1, 8):
            adjacency[order[i], order[j]] = rng.random() < 0.3
    nodes = [f"n{i}" for i in range(8)]
    graph = CausalGraph.from_edges(nodes, directed=[(nodes[i], nodes[j]) for i, j in np.argwhere(adjacency)])
    reach = np.linalg.matrix_power(np.eye(8, dtype=int) + adjacency, 8) > 0
    for i, node in enumerate(nodes):
        assert graph.descendants([node]) == {nodes[j] for j in np.flatnonzero(reach[i])}
        assert graph.ancestors([node]) == {nodes[j] for j in np.flatnonzero(reach[:, i])}
    place = {node: i for i, node in enumerate(graph.topological_order())}
    assert all(place[a] < place[b] for a, b in graph.directed)


def test_surgery(graph):
    assert graph.without_edges_into(["x"]).directed == (("m", "y"), ("x", "m"), ("z", "y"))
    assert graph.without_edges_into(["x"]).bidirected == ()
    cut = graph.without_edges_out_of(["z"])
    assert (cut.directed, cut.bidirected) == ((("m", "y"), ("x", "m")), (("x", "y"),))
    assert graph.subgraph(["y", "z"]).directed == (("z", "y"),)
    assert graph.subgraph(["y", "z"]).nodes == ("z", "y")


def test_a_directed_edge_comes_before_its_hidden_twin():
    graph = CausalGraph.from_edges("ab", directed=[("a", "b")], bidirected=[("a", "b")])
    assert str(graph.edge("b", "a")) == "b <-- a"
    assert CausalGraph.from_edges("ab").edge("a", "b") is None


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c"), ("c", "a")]), CyclicGraph, "a -> b"),
        (lambda: CausalGraph.from_edges("a", directed=[("a", "a")]), CyclicGraph, "a -> a is a cycle"),
        (lambda: CausalGraph.from_edges(["view"], directed=[("vew", "view")]), ColumnNotFound, "Did you mean 'view'"),
        (lambda: CausalGraph.from_edges("aa"), InputError, "a are named more than once"),
    ],
)
def test_what_is_no_causal_graph_is_refused(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_what_hangs_below_a_cycle_is_not_blamed():
    with pytest.raises(CyclicGraph) as refused:
        CausalGraph.from_edges("abcd", directed=[("a", "b"), ("b", "a"), ("b", "c"), ("c", "d")])
    assert refused.value.evidence["cycle"] == ["a", "b", "a"]


def test_plain_data_comes_back(graph):
    assert CausalGraph.from_dict(graph.to_dict()) == graph
