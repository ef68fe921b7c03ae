import gzip
from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from dorec.domain.errors import CyclicGraph, InputError
from dorec.domain.graph import CausalGraph, Edge

MARKS = ("tail", "arrow", "circle")


def random_mixed_graph(seed):
    """A graph with every kind of end mark, names that need quotes, and several edges between a pair."""
    rng = np.random.default_rng(seed)
    nodes = ["a", "b b", 'c"q"', "d-e", "ä\\n", "6"]
    edges = [
        Edge(a, b, *rng.choice(MARKS, 2).tolist(), float(rng.random()), "PC")
        for a, b in combinations(nodes, 2)
        if rng.random() < 0.5
    ]
    edges = [e for e in edges if (e.mark_a, e.mark_b) != ("arrow", "tail")]
    return CausalGraph(tuple(nodes), (*edges, Edge("a", "6", "tail", "arrow"), Edge("a", "6", "arrow", "arrow")))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("form", ["json", "networkx", "gml", "dot"])
def test_what_is_written_is_read_back(form, seed):
    graph = random_mixed_graph(seed)
    back = getattr(CausalGraph, f"from_{form}")(getattr(graph, f"to_{form}")())
    assert back == graph
    if form != "dot":  # which has no place for them
        assert [(e.confidence, e.provenance) for e in back.edges] == [(e.confidence, e.provenance) for e in graph.edges]


@pytest.mark.parametrize(
    ("text", "directed", "bidirected", "undirected"),
    [
        ("digraph{U->t;U->y;t->y;}", [("U", "t"), ("U", "y"), ("t", "y")], [], []),
        ("digraph g { a -> b -> c [color=red]\n b -> d }", [("a", "b"), ("b", "c"), ("b", "d")], [], []),
        ("dag { x <-> y; y <- z }", [("z", "y")], [("x", "y")], []),
        ("graph { a -- b }", [], [], [("a", "b")]),
        ('strict digraph "my graph" { rankdir=LR; node [shape=box]; "a b" -> c; d [latent] }', [("a b", "c")], [], []),
        ("digraph { a -> b [dir=both] /* why */ ; c -> d [dir=none] // so\n }", [], [("a", "b")], [("c", "d")]),
        ("digraph { a -> b [dir=back] }", [("b", "a")], [], []),
    ],
)
def test_dot_as_others_write_it(text, directed, bidirected, undirected):
    graph = CausalGraph.from_dot(text)
    assert [list(graph.directed), list(graph.bidirected), list(graph.undirected)] == [directed, bidirected, undirected]


def test_nodes_keep_the_order_in_which_they_are_named():
    assert CausalGraph.from_dot("digraph { z; a -> z; m }").nodes == ("z", "a", "m")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a -> b",
        "digraph { a -> }",
        "digraph { a -> ; b }",
        "digraph { a -> {b c} }",
        "digraph { a -> b",
        "digraph { < }",
    ],
)
def test_what_is_no_dot_is_refused(text):
    with pytest.raises(InputError):
        CausalGraph.from_dot(text)


@pytest.mark.parametrize("text", ["{", "[]", '{"nodes": []}', '{"nodes": ["a"], "edges": [{"a": "a"}]}'])
def test_what_is_no_json_graph_is_refused(text):
    with pytest.raises(InputError):
        CausalGraph.from_json(text)


def test_a_mark_that_is_none_is_refused():
    text = '{"nodes": ["a", "b"], "edges": [{"a": "a", "b": "b", "mark_a": "tail", "mark_b": "barb"}]}'
    with pytest.raises(InputError, match="end mark 'barb'"):
        CausalGraph.from_json(text)


def test_a_cycle_is_refused_in_every_form():
    for make in (
        lambda: CausalGraph.from_dot("digraph { a -> b -> a }"),
        lambda: CausalGraph.from_networkx(nx.DiGraph([("a", "b"), ("b", "a")])),
    ):
        with pytest.raises(CyclicGraph, match="a -> b -> a"):
            make()


def test_gml_as_others_write_it():
    text = 'graph[directed 1 node[ id "X" label "X"] node[ id "Y" label "Y"] edge[source "X" target "Y"]]'
    assert CausalGraph.from_gml(text).directed == (("X", "Y"),)
    with pytest.raises(InputError, match="no GML"):
        CausalGraph.from_gml("graph [ node [ ]")


def test_bif_networks(shared):
    sizes = {"asia": (8, 8), "alarm": (37, 46), "child": (20, 25), "sachs": (11, 17), "cancer": (5, 4)}
    for name, (n_nodes, n_edges) in sizes.items():
        text = gzip.decompress((shared / "data" / "bnlearn_bif" / f"{name}.bif.gz").read_bytes()).decode()
        graph = CausalGraph.from_bif(text)
        assert (len(graph.nodes), len(graph.directed)) == (n_nodes, n_edges)
    assert ("smoke", "lung") in CausalGraph.from_bif(
        gzip.decompress((shared / "data" / "bnlearn_bif" / "asia.bif.gz").read_bytes()).decode()
    ).directed


def test_bif_without_variables_is_refused():
    with pytest.raises(InputError, match="declares no variable"):
        CausalGraph.from_bif("network unknown { }")
