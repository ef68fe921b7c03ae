from itertools import combinations, pairwise

import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, NotIdentifiable
from dorec.domain.graph import CausalGraph
from dorec.identify import is_d_separated, open_path
from dorec.identify.separation import connected, in_words


def paths(graph, x, y):
    """Every path from x to y, as lists of edges read along it."""
    stack = [(x, [])]
    while stack:
        node, path = stack.pop()
        if node == y:
            yield path
            continue
        seen = {x, *(e.b for e in path)}
        stack += [(e.b, [*path, e]) for e in graph.incident(node) if e.b not in seen]


def is_open(graph, path, given):
    for one, two in pairwise(path):
        if one.mark_b == "arrow" and two.mark_a == "arrow":
            if not graph.descendants([one.b]) & given:
                return False
        elif one.b in given:
            return False
    return True


def separated_by_paths(graph, x, y, given):
    return not any(is_open(graph, path, set(given)) for path in paths(graph, x, y))


def test_every_dag_of_four_nodes_against_every_path(graphs):
    wrong = []
    for graph in graphs.every_dag("abcd"):
        for x, y in combinations("abcd", 2):
            wrong += [
                (graph.directed, x, y, z)
                for z in graphs.subsets(set("abcd") - {x, y})
                if is_d_separated(graph, x, y, z) != separated_by_paths(graph, x, y, z)
            ]
    assert wrong == []


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_with_hidden_causes_against_every_path(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(6, rng)
    for x, y in combinations(graph.nodes, 2):
        for z in graphs.subsets(set(graph.nodes) - {x, y}):
            path = open_path(graph, x, y, z)
            assert (path is None) == separated_by_paths(graph, x, y, z)
            if path is not None:
                assert is_open(graph, path, set(z))
                assert [path[0].a, path[-1].b] == [x, y]
                assert len({x, *(e.b for e in path)}) == len(path) + 1


def test_sets_are_separated_when_every_pair_is(graphs):
    rng = np.random.default_rng(5)
    for _ in range(30):
        graph = graphs.random_admg(7, rng, p=0.25, q=0.1)
        a, b, c, d, e, *_ = rng.permutation(graph.nodes).tolist()
        pairs = [is_d_separated(graph, x, y, [e]) for x in (a, b) for y in (c, d)]
        # for Gaussian-like graphoids, {a, b} and {c, d} are separated iff each pair is
        assert is_d_separated(graph, [a, b], [c, d], [e]) == all(pairs)


def test_words_for_paths():
    graph = CausalGraph.from_edges("tuym", directed=[("u", "t"), ("u", "y"), ("t", "m")], bidirected=[("m", "y")])
    assert in_words(open_path(graph, "t", "y")) == "t <- u -> y"
    assert in_words(open_path(graph, "m", "y", "u")) == "m <-> y (hidden common cause)"
    assert open_path(graph, "t", "y", ["u"]) is None
    assert in_words(open_path(graph, "t", "y", ["u", "m"])) == "t -> m <-> y (hidden common cause)"


def test_a_class_of_graphs_separates_what_each_of_its_graphs_does(graphs):
    for cpdag, dags in graphs.classes_of_dags("abcd")[::3]:
        for dag in dags[:3]:
            for z in graphs.subsets("cd"):
                assert is_d_separated(cpdag, "a", "b", z) == is_d_separated(dag, "a", "b", z)
    chain = CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c")])
    assert in_words(open_path(chain, "a", "c")) == "a - b - c"


def test_marks_of_selected_samples_and_strangers_are_refused():
    graph = CausalGraph.from_edges("abc", undirected=[("a", "b")], bidirected=[("b", "c")])
    with pytest.raises(NotIdentifiable, match="a --- b beside edges with circles or <-> is neither"):
        is_d_separated(graph, "a", "b")
    with pytest.raises(ColumnNotFound, match="'z' is not in the nodes of the graph"):
        is_d_separated(graph, "a", "z")


@pytest.mark.parametrize("seed", range(20))
def test_one_search_finds_all_that_is_connected(graphs, seed):
    graph = graphs.random_admg(7, np.random.default_rng(seed), p=0.3, q=0.15)
    for z in graphs.subsets(["v3", "v4", "v5"]):
        left = [n for n in graph.nodes if n not in ("v0", *z)]
        assert connected(graph, "v0", z) - {"v0"} == {n for n in left if not is_d_separated(graph, "v0", n, z)}
