from itertools import combinations

import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, InputError, NotIdentifiable
from dorec.domain.estimand import Estimand
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import (
    adjustment_sets,
    check_controls,
    find_instruments,
    front_door_set,
    identify,
    identify_mediation,
    is_valid_adjustment,
    optimal_adjustment_set,
    possible_effects,
    why_not_valid,
)
from dorec.identify.by_design import adjusted
from dorec.identify.structural import random_model


def error(graph, query, names, seed):
    """How far Σ_z P(y|x,z) P(z) is from the truth in a random model."""
    model = random_model(graph, np.random.default_rng(seed))
    estimand = Estimand(query=query, strategy="back-door", expression=adjusted(query, sorted(names)))
    involved = (*query.outcomes, *query.treatments, *query.conditions, *sorted(names))
    truth = model.effect(query.outcomes, query.treatments, query.conditions)
    return np.abs(estimand.evaluate(model.joint(involved)) - truth).max()


def test_every_dag_of_four_nodes_against_brute_force(graphs):
    query = CausalQuery("a", "b")
    for i, graph in enumerate(graphs.every_dag("abcd")):
        for z in graphs.subsets("cd"):
            assert is_valid_adjustment(graph, query, z) == (error(graph, query, z, i) < 1e-9), (graph.directed, z)


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs_with_hidden_causes_and_joint_treatments_against_brute_force(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(6, rng)
    a, b, *others = rng.permutation(graph.nodes).tolist()
    for query, rest in ((CausalQuery(a, b), others), (CausalQuery([a, others[0]], b), others[1:])):
        valid = [frozenset(z) for z in graphs.subsets(rest) if error(graph, query, z, seed) < 1e-9]
        assert [frozenset(z) for z in graphs.subsets(rest) if is_valid_adjustment(graph, query, z)] == valid
        assert {frozenset(z) for z in adjustment_sets(graph, query, minimal=False)} == set(valid)
        minimal = {z for z in valid if not any(other < z for other in valid)}
        assert {frozenset(z) for z in adjustment_sets(graph, query)} == minimal
        assert all(why_not_valid(graph, query, z) for z in graphs.subsets(rest) if frozenset(z) not in valid)


@pytest.mark.parametrize("seed", range(25))
def test_what_is_valid_with_conditions_is_right(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(6, rng)
    a, b, c, *others = rng.permutation(graph.nodes).tolist()
    query = CausalQuery(a, b, c)
    found = adjustment_sets(graph, query, minimal=False)
    assert all(is_valid_adjustment(graph, query, z) and error(graph, query, z, seed) < 1e-9 for z in found)
    assert {frozenset(z) for z in found} == {
        frozenset(z) for z in graphs.subsets(others) if is_valid_adjustment(graph, query, z)
    }


@pytest.mark.parametrize("seed", range(15))
def test_what_is_not_measured_is_not_adjusted_for(graphs, seed):
    graph = graphs.random_admg(7, np.random.default_rng(seed), p=0.3, q=0.1)
    query = CausalQuery("v0", "v1")
    shown = {frozenset(z) for z in adjustment_sets(graph, query, minimal=False, unobserved=["v2", "v3"])}
    assert shown == {
        frozenset(z) for z in adjustment_sets(graph, query, 1000, minimal=False) if not {"v2", "v3"} & set(z)
    }


def test_the_limit_holds():
    nodes = [f"z{i}" for i in range(12)]
    edges = [e for z in nodes for e in ((z, "t"), (z + "b", "y"), (z, z + "b"))]
    graph = CausalGraph.from_edges([*nodes, *(z + "b" for z in nodes), "t", "y"], directed=[*edges, ("t", "y")])
    assert len(adjustment_sets(graph, CausalQuery("t", "y"), limit=7)) == 7
    assert adjustment_sets(graph, CausalQuery("t", "y"), limit=1) == [tuple(sorted(z + "b" for z in nodes))]


def test_the_optimal_set_has_the_smallest_variance():
    # t <- a -> b -> y <- p: b and p beat every other set in a linear model
    rng = np.random.default_rng(0)
    edges = [("a", "t"), ("a", "b"), ("b", "y"), ("p", "y"), ("t", "y"), ("i", "t")]
    graph = CausalGraph.from_edges("abptyi", directed=edges)
    query = CausalQuery("t", "y")
    best = optimal_adjustment_set(graph, query)
    assert best == ("b", "p")
    spread = {}
    sets = adjustment_sets(graph, query, minimal=False)
    draws = {z: [] for z in sets}
    for _ in range(400):
        a, p, i = rng.normal(size=(3, 200))
        b = a + rng.normal(size=200)
        t = a + i + rng.normal(size=200)
        values = {"a": a, "b": b, "p": p, "i": i, "t": t, "y": t + b + p + rng.normal(size=200)}
        for z in sets:
            x = np.column_stack([values[name] for name in ("t", *z)])
            draws[z].append(np.linalg.lstsq(x, values["y"], rcond=None)[0][0])
    spread = {z: np.std(d) for z, d in draws.items()}
    assert len(sets) > 8
    assert min(spread, key=spread.get) == best


def test_no_optimal_set_where_none_is_defined():
    query = CausalQuery("t", "y")
    assert optimal_adjustment_set(CausalGraph.from_edges("ty", directed=[("y", "t")]), query) is None
    hidden = CausalGraph.from_edges("ty", directed=[("t", "y")], bidirected=[("t", "y")])
    assert optimal_adjustment_set(hidden, query) is None


@pytest.mark.parametrize(
    ("controls", "reason"),
    [
        (["m"], "m is on the causal path from t to y; t <- z -> y stays open"),
        (["z", "d"], "d is an effect of m, which is on a causal path"),
        (["z", "t"], "t is part of the query"),
        (["z"], ""),
    ],
)
def test_why_a_set_is_not_valid(controls, reason):
    edges = [("z", "t"), ("z", "y"), ("t", "m"), ("m", "y"), ("m", "d")]
    graph = CausalGraph.from_edges("ztmyd", directed=edges)
    assert why_not_valid(graph, CausalQuery("t", "y"), controls) == reason


def test_dense_graphs_do_not_take_long(graphs):
    rng = np.random.default_rng(0)
    graph = graphs.random_admg(40, rng, p=0.1, q=0.03)
    for a, b in list(combinations(graph.nodes, 2))[:50]:
        assert all(
            is_valid_adjustment(graph, CausalQuery(a, b), z) for z in adjustment_sets(graph, CausalQuery(a, b), 5)
        )


@pytest.mark.parametrize(
    "ask",
    [
        lambda g, q: identify(g, q),
        lambda g, q: adjustment_sets(g, q),
        lambda g, q: is_valid_adjustment(g, q, []),
        lambda g, q: why_not_valid(g, q, []),
        lambda g, q: optimal_adjustment_set(g, q),
        lambda g, q: check_controls(g, q, []),
        lambda g, q: find_instruments(g, q),
        lambda g, q: front_door_set(g, q),
        lambda g, q: possible_effects(g, q),
        lambda g, q: identify_mediation(g, CausalQuery(q.treatments, q.outcomes, mediators="z")),
    ],
)
@pytest.mark.parametrize("undirected", [[], [("z", "w")]])
def test_unknown_nodes_are_named_by_everything_that_reads_a_graph(ask, undirected):
    graph = CausalGraph.from_edges("wzty", directed=[("z", "t"), ("t", "y")], undirected=undirected)
    for query in (CausalQuery("tt", "y"), CausalQuery("t", "yy")):
        with pytest.raises((ColumnNotFound, NotIdentifiable), match=r"is not in the nodes of the graph|direction of"):
            ask(graph, query)


def test_treatment_and_outcome_are_two_nodes():
    with pytest.raises(InputError, match="t stand in more than one role"):
        CausalQuery("t", "t")


@pytest.mark.parametrize("last", ["directed", "undirected"])  # y -> z - t: z would be a new collider of t -> z
def test_an_outcome_from_before_the_treatment_has_no_effect(last):
    known = [("y", "z"), ("z", "t")] if last == "directed" else [("y", "z")]
    graph = CausalGraph.from_edges("yzt", directed=known, undirected=[("z", "t")] if last == "undirected" else [])
    estimand = identify(graph, CausalQuery("t", "y"))
    assert str(estimand.expression) == "P(y)"
    assert any("the effect is zero" in words for words in estimand.assumptions)
