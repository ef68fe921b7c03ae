import numpy as np
import pytest

from dorec.discover import FCI, PC, implied_independences, markov_check
from dorec.discover.pattern import as_graph, pattern_of_dag
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, NotFinite
from dorec.domain.graph import CausalGraph
from dorec.identify import is_d_separated


def sample(graph, n, rng):
    table = {}
    for node in graph.topological_order():
        table[node] = rng.normal(size=n) + sum(rng.uniform(0.6, 1.2) * table[p] for p in sorted(graph.parents(node)))
    return {node: table[node] for node in graph.nodes}


def random_admg(d, rng):
    names = [f"v{i}" for i in range(d)]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    kind = rng.choice(3, len(pairs), p=(0.4, 0.35, 0.25))
    return CausalGraph.from_edges(
        names,
        directed=[p for p, k in zip(pairs, kind, strict=True) if k == 1],
        bidirected=[p for p, k in zip(pairs, kind, strict=True) if k == 2],
    )


@pytest.mark.parametrize("seed", range(60))
def test_every_implied_independence_is_a_separation_and_none_is_missed(seed):
    graph = random_admg(6, np.random.default_rng(seed))
    implied = implied_independences(graph)
    for one in implied:
        assert is_d_separated(graph, one.a, one.b, one.given)
    pairs = {frozenset((one.a, one.b)) for one in implied}
    for i, a in enumerate(graph.nodes):
        for b in graph.nodes[i + 1 :]:
            between = graph.ancestors([a, b]) - {a, b}  # separates if anything does
            assert (frozenset((a, b)) in pairs) == (
                frozenset((a, b)) not in graph.skeleton and is_d_separated(graph, a, b, between)
            )


@pytest.mark.parametrize("seed", range(20))
def test_a_class_implies_what_its_members_imply(truth, seed):
    dag = truth.random_dag(7, np.random.default_rng(seed), 2.5)
    place = {n: i for i, n in enumerate(dag.nodes)}
    matrix = np.zeros((7, 7), dtype=bool)
    for a, b in dag.directed:
        matrix[place[a], place[b]] = True
    free = ~np.eye(7, dtype=bool)
    pattern = as_graph(pattern_of_dag(matrix, free), dag.nodes, np.ones((7, 7)), np.zeros((7, 7), dtype=bool), "")
    for one in implied_independences(pattern):
        assert is_d_separated(dag, one.a, one.b, one.given)


def test_the_right_graph_fails_no_more_often_than_the_level():
    rng, failed = np.random.default_rng(0), 0
    graph = CausalGraph.from_edges("abcde", directed=[("a", "b"), ("b", "c"), ("a", "d"), ("c", "e"), ("d", "e")])
    for _ in range(200):
        failed += markov_check(graph, sample(graph, 300, rng), level=0.1)[0].status == "failed"
    assert 2 <= failed <= 31  # 20 expected at most; three standard deviations above


def test_a_missing_edge_is_named():
    rng = np.random.default_rng(1)
    graph = CausalGraph.from_edges("abcd", directed=[("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")])
    table = sample(graph, 2000, rng)
    wrong = CausalGraph.from_edges("abcd", directed=[("a", "b"), ("b", "c"), ("c", "d")])
    overall, *each = markov_check(wrong, table)
    assert overall.status == "failed"
    # a -> d opens b <- a -> d as well
    assert [v.check for v in each] == ["d ⟂ a | c", "d ⟂ b | c"]
    assert overall.evidence == {"implied": 3, "rejected": 2}


def test_a_hidden_common_cause_explains_what_a_dag_does_not():
    rng = np.random.default_rng(2)
    u, z = rng.normal(size=(2, 3000))
    t = z + u + rng.normal(size=3000)
    table = {"z": z, "t": t, "y": u + t + rng.normal(size=3000)}
    chain = CausalGraph.from_edges("zty", directed=[("z", "t"), ("t", "y")])
    assert markov_check(chain, table)[0].status == "failed"
    bow = CausalGraph.from_edges("zty", directed=[("z", "t"), ("t", "y")], bidirected=[("t", "y")])
    assert markov_check(bow, table)[0].code == "nothing_implied"


def test_learned_graphs_of_both_kinds_can_be_checked():
    rng = np.random.default_rng(3)
    graph = CausalGraph.from_edges("abcd", directed=[("a", "c"), ("b", "c"), ("c", "d")])
    table, fresh = sample(graph, 2000, rng), sample(graph, 2000, rng)
    for learned in (PC(alpha=0.01).discover(table), FCI(alpha=0.01).discover(table)):
        found = markov_check(learned, table)
        assert found[0].status == "passed"
        assert found[0].evidence["implied"] == 3
    assert markov_check(graph, fresh, test="fisher_z")  # other coefficients, same graph


@pytest.mark.parametrize("test", ["fisher_z", "chi_square", "g_square", "degenerate_gaussian"])
def test_every_test_answers_every_question(test):
    """Whichever of two names comes first, and with and without a set."""
    rng = np.random.default_rng(4)
    n = 3000
    a, c = rng.integers(0, 3, (2, n))
    b = np.where(rng.random(n) < 0.5, a, rng.integers(0, 3, n))
    table = {"a": a, "b": b, "c": c, "d": np.where(rng.random(n) < 0.5, b, c)}
    right = CausalGraph.from_edges("abcd", directed=[("a", "b"), ("b", "d"), ("c", "d")])
    found = markov_check(right, table, test=test)
    assert [v.status for v in found] == ["passed"]
    assert found[0].evidence["implied"] == 3
    empty = markov_check(CausalGraph.from_edges("abcd"), table, test=test)
    assert {v.check for v in empty[1:]} == {"b ⟂ a", "d ⟂ a", "d ⟂ b", "d ⟂ c"}
    turned = {k: table[k] for k in "dcba"}
    assert [v.p_value for v in markov_check(right, turned, test=test)] == pytest.approx([v.p_value for v in found])


def test_edges_that_are_no_class_are_read_along_the_causal_order():
    # a - d opens a cycle in one direction, and a collider in the other
    shared = CausalGraph.from_edges("abcd", directed=[("a", "b"), ("b", "c"), ("c", "d")], undirected=[("a", "d")])
    assert [str(i) for i in implied_independences(shared)] == ["c ⟂ a | b", "d ⟂ b | a, c"]


def test_what_can_not_be_checked_is_refused():
    table = {"a": [0.0, 1.0] * 10, "b": [0.0, 0.5, 1.0, 1.5] * 5}
    with pytest.raises(InputError, match="u of the graph are no columns"):
        markov_check(CausalGraph.from_edges("abu", directed=[("u", "a"), ("u", "b")]), table)
    with pytest.raises(NotFinite):
        markov_check(CausalGraph.from_edges("ab"), table | {"a": [np.nan] * 20})
    with pytest.raises(ConfigError, match="level"):
        markov_check(CausalGraph.from_edges("ab"), table, level=1.0)
    with pytest.raises(ColumnNotFound):
        CausalGraph.from_edges("ab", directed=[("a", "x")])
