import numpy as np
import pytest

from dorec.domain.errors import NotIdentifiable
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.query import CausalQuery
from dorec.identify import (
    adjustment_sets,
    check_controls,
    is_d_separated,
    is_valid_adjustment,
    optimal_adjustment_set,
    why_not_valid,
)
from dorec.identify.amenability import ClassReading, is_visible, possible_descendants
from dorec.identify.orientations import oriented

QUERIES = [CausalQuery("a", "b"), CausalQuery("b", "a"), CausalQuery(["a", "c"], "b"), CausalQuery("a", "b", "c")]


def with_knowledge(cpdag, dags, rng, summary):
    """The class, and a part of it in which one edge's direction is known."""
    yield cpdag, dags
    if cpdag.undirected:
        edge = cpdag.undirected[rng.integers(len(cpdag.undirected))]
        edge = edge if rng.random() < 0.5 else edge[::-1]
        left = [dag for dag in dags if edge in dag.directed]
        yield summary(left), left


def test_a_set_is_valid_in_a_class_of_four_nodes_exactly_if_it_is_in_each_dag(graphs):
    rng = np.random.default_rng(0)
    for cpdag, dags in graphs.classes_of_dags("abcd")[::2]:
        for graph, part in with_knowledge(cpdag, dags, rng, graphs.summary):
            for query in QUERIES:
                rest = set("abcd") - {*query.treatments, *query.outcomes, *query.conditions}
                for z in graphs.subsets(sorted(rest)):
                    in_each = all(is_valid_adjustment(dag, query, z) for dag in part)
                    assert is_valid_adjustment(graph, query, z) == in_each, (graph.edges, query, z)
                    assert bool(why_not_valid(graph, query, z)) != in_each


def test_sets_of_an_amenable_class_are_those_of_each_dag(graphs):
    query = CausalQuery("a", "b")
    refused = 0
    for cpdag, dags in graphs.classes_of_dags("abcd"):
        try:
            found = adjustment_sets(cpdag, query, minimal=False)
        except NotIdentifiable:
            refused += 1
            continue
        assert all(adjustment_sets(dag, query, minimal=False) == found for dag in dags)
        assert {optimal_adjustment_set(dag, query) for dag in dags} == {optimal_adjustment_set(cpdag, query)}
    assert 0 < refused < 185


def test_what_may_come_after(graphs):
    for cpdag, dags in graphs.classes_of_dags("abcd"):
        for node in "ad":
            assert possible_descendants(cpdag, node) == frozenset().union(*(d.descendants(node) for d in dags))


def test_shielded_paths_are_not_causal_once_knowledge_rules_them_out():
    # a - c, a - b, b - c with c -> a known: b may cause c, and only then a
    triangle = CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c"), ("a", "c")])
    known = oriented(triangle, [("c", "a")])
    assert possible_descendants(known, "a") == {"a", "b"}


def test_a_refusal_names_the_edge_and_what_would_settle_it():
    graph = CausalGraph.from_edges("xvy", directed=[("v", "y"), ("x", "y")], undirected=[("x", "v")])
    query = CausalQuery("x", "y")
    with pytest.raises(NotIdentifiable, match="the direction of x --- v is not known, and x --- v --> y may") as found:
        adjustment_sets(graph, query)
    assert found.value.evidence["edge"] == "x --- v"
    assert "experiment on x" in found.value.remedy
    assert "x - v -> y may be causal" in why_not_valid(graph, query, ["v"])
    with pytest.raises(NotIdentifiable):
        check_controls(graph, query, ["v"])
    with pytest.raises(NotIdentifiable):
        optimal_adjustment_set(graph, query)


def test_an_arrow_that_may_hide_a_common_cause_is_refused_in_a_pag():
    into = Edge("i", "x", "circle", "arrow")
    effect = Edge("x", "y", "tail", "arrow")
    other = Edge("y", "w", "circle", "circle")
    seen = CausalGraph(tuple("ixyw"), (into, effect, other))
    assert is_visible(seen, "x", "y")
    query = CausalQuery("x", "y")
    assert is_valid_adjustment(seen, query, [])
    unseen = CausalGraph(tuple("ixyw"), (effect, other))
    assert not is_valid_adjustment(unseen, query, [])
    with pytest.raises(NotIdentifiable, match="x --> y may hide a common cause"):
        adjustment_sets(unseen, query)


def test_an_arrow_of_a_mag_is_one_only_on_request():
    arrow = CausalGraph.from_edges("xy", directed=[("x", "y")])
    query = CausalQuery("x", "y")
    assert is_valid_adjustment(arrow, query, [])
    assert not is_valid_adjustment(arrow, query, [], kind="mag")
    with pytest.raises(NotIdentifiable, match="may hide"):
        adjustment_sets(arrow, query, kind="mag")


def test_an_edge_is_visible_through_a_chain_of_colliders():
    pairs = [("c", "d", "circle", "arrow"), ("d", "a", "arrow", "arrow"), ("d", "b", "tail", "arrow")]
    graph = CausalGraph(tuple("abcd"), (*(Edge(*p) for p in pairs), Edge("a", "b", "tail", "arrow")))
    assert is_visible(graph, "a", "b")
    joined = CausalGraph(graph.nodes, (*graph.edges, Edge("c", "b", "circle", "arrow")))
    assert not is_visible(joined, "a", "b")


def mark_by_mark(members):
    """The marks that ancestral graphs share, circles where they differ."""
    edges = []
    for pair in sorted(map(sorted, members[0].skeleton)):
        found = [m.edge(*pair) for m in members]
        marks = [{getattr(e, side) for e in found} for side in ("mark_a", "mark_b")]
        edges.append(Edge(*pair, *(next(iter(m)) if len(m) == 1 else "circle" for m in marks)))
    return CausalGraph(members[0].nodes, tuple(edges))


def ancestral(graph, is_separated, subsets):
    """The MAG with an ADMG's separations and ancestors."""
    edges = []
    for i, a in enumerate(graph.nodes):
        for b in graph.nodes[i + 1 :]:
            rest = [n for n in graph.nodes if n not in (a, b)]
            if not any(is_separated(graph, a, b, z) for z in subsets(rest)):
                marks = ["tail" if one in graph.ancestors(other) else "arrow" for one, other in ((a, b), (b, a))]
                edges.append(Edge(a, b, *marks))
    return CausalGraph(graph.nodes, tuple(edges))


def test_a_set_is_valid_in_a_pag_of_three_nodes_exactly_if_it_is_in_each_admg(graphs):
    assert_pags_are_right(graphs, "abc", graphs.every_admg("abc"), 11)


def assert_pags_are_right(graphs, nodes, admgs, at_least):
    groups = {}
    for graph in admgs:
        apart = frozenset(
            (a, b, z)
            for i, a in enumerate(nodes)
            for b in nodes[i + 1 :]
            for z in graphs.subsets([n for n in nodes if n not in (a, b)])
            if is_d_separated(graph, a, b, z)
        )
        groups.setdefault(apart, []).append(graph)
    assert len(groups) >= at_least
    for group in groups.values():
        pag = mark_by_mark([ancestral(g, is_d_separated, graphs.subsets) for g in group])
        for query in (CausalQuery("a", "b"), CausalQuery("b", "a"), CausalQuery(["a", "c"], "b")):
            rest = sorted(set(nodes) - {*query.treatments, *query.outcomes})
            for z in graphs.subsets(rest):
                in_each = all(is_valid_adjustment(g, query, z) for g in group)
                assert is_valid_adjustment(pag, query, z, kind="mag" if pag.is_admg else None) == in_each, (
                    [str(e) for e in pag.edges],
                    query,
                    z,
                )
            assert ClassReading.of(pag, frozenset(query.treatments), frozenset(query.outcomes), "pag").member.is_admg
