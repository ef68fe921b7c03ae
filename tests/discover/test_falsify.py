import numpy as np
import pytest

from dorec.discover import falsify
from dorec.domain.errors import ConfigError
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext

EDGES = [("a", "b"), ("b", "c"), ("d", "c"), ("c", "e"), ("e", "f")]


def world(n=600, seed=0):
    rng = np.random.default_rng(seed)
    graph, table = CausalGraph.from_edges("abcdef", directed=EDGES), {}
    for node in graph.topological_order():
        table[node] = rng.normal(size=n) + sum(table[p] for p in sorted(graph.parents(node)))
    return table


def test_the_true_graph_beats_shuffled_ones():
    verdict = falsify(CausalGraph.from_edges("abcdef", directed=EDGES), world())
    assert verdict.status == "passed"
    assert verdict.p_value < 0.02


def test_a_shuffled_graph_does_not_beat_others_more_often_than_chance():
    rng, passed = np.random.default_rng(0), 0
    table = world()
    for seed in range(60):
        name = dict(zip("abcdef", rng.permutation(list("abcdef")).tolist(), strict=True))
        graph = CausalGraph.from_edges("abcdef", directed=[(name[a], name[b]) for a, b in EDGES])
        passed += falsify(graph, table, n_permutations=60, context=RunContext(seed=seed)).status == "passed"
    assert passed <= 9  # 3 expected; more than three standard deviations above


def test_a_graph_that_says_nothing_gets_a_warning():
    complete = [(a, b) for a in "abcdef" for b in "abcdef" if a < b]
    assert falsify(CausalGraph.from_edges("abcdef", directed=complete), world()).code == "graph_not_informative"
    assert falsify(CausalGraph.from_edges("abcdef"), world()).code == "graph_not_informative"


def test_a_right_small_graph_is_never_said_to_be_no_better_than_chance():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        a = rng.normal(size=2000)
        b = a + rng.normal(size=2000)
        c = b + rng.normal(size=2000)
        table = {"a": a, "b": b, "c": c, "d": c + rng.normal(size=2000)}
        chain = CausalGraph.from_edges("abcd", directed=[("a", "b"), ("b", "c"), ("c", "d")])
        assert falsify(chain, table).status in {"warning", "passed"}


def test_order_of_columns_and_seed():
    graph, table = CausalGraph.from_edges("abcdef", directed=EDGES), world()
    turned = dict(reversed(list(table.items())))
    assert falsify(graph, table) == falsify(graph, turned) == falsify(graph, table)


def test_too_few_permutations():
    with pytest.raises(ConfigError, match="n_permutations is 3"):
        falsify(CausalGraph.from_edges("abcdef", directed=EDGES), world(), n_permutations=3)
