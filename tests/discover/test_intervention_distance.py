from itertools import product

import numpy as np
import pytest

from dorec.discover import compare_graphs, sid_bounds, structural_hamming_distance, structural_intervention_distance
from dorec.domain.errors import InputError, TooLarge
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import is_valid_adjustment


def intervention_distance(truth, learned):
    """By definition, pair by pair."""
    wrong = 0
    for x in truth.nodes:
        for y in set(truth.nodes) - {x}:
            believed = learned.parents(x)
            if y in believed:
                wrong += y in truth.descendants([x])
            else:
                wrong += not is_valid_adjustment(truth, CausalQuery(x, y), believed)
    return wrong


@pytest.mark.parametrize("seed", range(40))
def test_intervention_distance_pair_by_pair(truth, seed):
    rng = np.random.default_rng(seed)
    a, b = (truth.random_dag(6, rng, degree) for degree in rng.uniform(1, 5, 2))
    assert structural_intervention_distance(a, b) == intervention_distance(a, b)
    assert structural_intervention_distance(a, a) == 0
    assert compare_graphs(b, a).sid == (structural_intervention_distance(a, b),) * 2


def test_intervention_distances_of_the_paper():
    # Peters, Bühlmann 2015, figure 1: one reversed edge costs much, one additional edge nothing
    directed = [("x1", "x2"), *((x, y) for x in ("x1", "x2") for y in ("y1", "y2", "y3"))]
    nodes = ["x1", "x2", "y1", "y2", "y3"]
    graph = CausalGraph.from_edges(nodes, directed=directed)
    added = CausalGraph.from_edges(nodes, directed=[*directed, ("y1", "y2")])
    turned = CausalGraph.from_edges(nodes, directed=[("x2", "x1"), *directed[1:]])
    assert structural_hamming_distance(graph, added) == structural_hamming_distance(graph, turned) == 1
    assert structural_intervention_distance(graph, added) == 0
    assert structural_intervention_distance(graph, turned) == 8


def test_intervention_distance_needs_dags():
    dag = CausalGraph.from_edges("ab", directed=[("a", "b")])
    open_edge = CausalGraph.from_edges("ab", undirected=[("a", "b")])
    with pytest.raises(InputError, match="`truth` is no DAG"):
        sid_bounds(open_edge, dag)
    with pytest.raises(InputError, match="take sid_bounds"):
        structural_intervention_distance(dag, open_edge)
    with pytest.raises(InputError, match="hand in a CPDAG"):
        sid_bounds(dag, CausalGraph.from_edges("ab", bidirected=[("a", "b")]))


def colliders(graph):
    return {
        (frozenset((x, z)), y)
        for y in graph.nodes
        for x, z in product(graph.parents(y), repeat=2)
        if x < z and frozenset((x, z)) not in graph.skeleton
    }


def members(dag):
    """Every DAG with the same skeleton and colliders, by trying all directions."""
    pairs = [tuple(sorted(pair)) for pair in dag.skeleton]
    for turned in product((False, True), repeat=len(pairs)):
        edges = [(b, a) if turn else (a, b) for (a, b), turn in zip(pairs, turned, strict=True)]
        try:
            other = CausalGraph.from_edges(dag.nodes, directed=edges)
        except Exception:
            continue
        if colliders(other) == colliders(dag):
            yield other


@pytest.mark.parametrize("seed", range(25))
def test_bounds_are_those_of_all_dags_of_the_class(truth, seed):
    rng = np.random.default_rng(seed)
    a, b = (truth.random_dag(5, rng, degree) for degree in rng.uniform(1, 4, 2))
    every = list(members(b))
    shared = [e for e in b.directed if all(e in m.directed for m in every)]
    rest = [tuple(sorted(e)) for e in b.directed if e not in shared]
    pattern = CausalGraph.from_edges(b.nodes, directed=shared, undirected=rest)
    distances = [structural_intervention_distance(a, m) for m in every]
    assert sid_bounds(a, pattern) == (min(distances), max(distances))
    assert compare_graphs(pattern, a).sid == sid_bounds(a, pattern)


def test_a_class_too_large_to_walk_is_refused_and_left_out_of_the_comparison():
    nodes = [f"v{i}" for i in range(8)]
    pairs = [(a, b) for a in nodes for b in nodes if a < b]
    dag, class_ = CausalGraph.from_edges(nodes, directed=pairs), CausalGraph.from_edges(nodes, undirected=pairs)
    with pytest.raises(TooLarge, match="more than 5,000 DAGs"):
        sid_bounds(dag, class_)
    assert compare_graphs(class_, dag).sid is None
