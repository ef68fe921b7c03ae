import contextlib
import time
from itertools import combinations, permutations, product

import numpy as np
import pytest

from dorec.domain.errors import BadControl, CyclicGraph, InputError, NotIdentifiable
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import identify, identify_from_covariates, identify_randomised, verify
from dorec.identify.structural import DiscreteModel, random_model


def determined(graph, query, seed, hidden_levels=4, step=1e-20):
    """Whether the effect is, near a random model, a function of the observed distribution: an oracle of its own.

    It is if, among directions in which the model may move, none moves the effect and leaves the distribution of what
    is observed. Derivatives come from complex steps, hidden causes have more levels than what they cause.
    """
    rng = np.random.default_rng(seed)
    model = random_model(graph, rng)
    shape = {}
    for node, causes in model.parents.items():
        levels = [hidden_levels if "<->" in c else 2 for c in causes]
        shape[node] = (*levels, hidden_levels if "<->" in node else 2)
    start = {node: rng.normal(size=s) for node, s in shape.items()}
    observed, effect = [], []
    for node, s in shape.items():
        for cell in np.ndindex(*s[:-1], s[-1] - 1):
            weights = {n: w.astype(complex) for n, w in start.items()}
            weights[node][cell] += 1j * step
            tables = {}
            for n, w in weights.items():
                e = np.exp(w)
                tables[n] = ((*model.parents[n], n), e / e.sum(axis=-1, keepdims=True))
            moved = DiscreteModel(tables, model.parents)
            observed.append(moved.marginal(graph.nodes).imag.ravel() / step)
            effect.append(moved.effect(query.outcomes, query.treatments, query.conditions).imag.ravel() / step)
    jacobian, target = np.array(observed), np.array(effect)  # (directions, values)
    solution = np.linalg.lstsq(jacobian, target, rcond=1e-9)[0]
    return np.abs(jacobian @ solution - target).max() < 1e-7 * max(1.0, np.abs(target).max())


def is_identifiable(graph, query):
    try:
        estimand = identify(graph, query)
    except NotIdentifiable:
        return False
    assert verify(graph, estimand, n_models=2), (graph, str(estimand))
    return True


def every_admg(nodes):
    """Every graph on nodes in causal order."""
    pairs = list(combinations(nodes, 2))
    for arrows in product((False, True), repeat=len(pairs)):
        for arcs in product((False, True), repeat=len(pairs)):
            yield CausalGraph.from_edges(
                nodes,
                directed=[p for p, keep in zip(pairs, arrows, strict=True) if keep],
                bidirected=[p for p, keep in zip(pairs, arcs, strict=True) if keep],
            )


def test_every_graph_of_three_nodes_against_derivatives():
    n_yes = n_no = 0
    for i, graph in enumerate(every_admg("abc")):
        for x, y in (("a", "b"), ("a", "c"), ("b", "c")):
            query = CausalQuery(x, y)
            found = is_identifiable(graph, query)
            assert found == determined(graph, query, i), (graph, query)
            n_yes, n_no = n_yes + found, n_no + (not found)
    assert min(n_yes, n_no) > 20


@pytest.mark.parametrize("seed", range(12))
def test_graphs_of_four_nodes_against_derivatives(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(4, rng, p=0.6, q=0.4)
    order = graph.topological_order()
    for query in (
        CausalQuery(order[0], order[3]),
        CausalQuery(order[1], order[3]),
        CausalQuery(order[:2], order[3]),
        CausalQuery(order[0], order[2:]),
        CausalQuery(order[0], order[3], order[1]),
        CausalQuery(order[1], order[2], order[3]),
    ):
        assert is_identifiable(graph, query) == determined(graph, query, seed), (graph, query)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_identified_equals_brute_force(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(7, rng, p=0.4, q=0.12)
    n_found = 0
    for x, y in permutations(graph.nodes, 2):
        n_found += is_identifiable(graph, CausalQuery(x, y))
    for _ in range(6):
        a, b, c, d, *_ = rng.permutation(graph.nodes).tolist()
        n_found += is_identifiable(graph, CausalQuery([a, b], c))
        n_found += is_identifiable(graph, CausalQuery(a, [c, b]))
        n_found += is_identifiable(graph, CausalQuery(a, c, [b, d]))
    assert n_found > 10


def test_an_unmeasured_confounder_is_refused_in_words():  # N28
    graph = CausalGraph.from_edges("Uty", directed=[("U", "t"), ("U", "y"), ("t", "y")])
    with pytest.raises(NotIdentifiable) as refused:
        identify(graph, CausalQuery("t", "y"), unobserved="U")
    assert refused.value.code == "not_identifiable"
    assert "t <- U -> y stays open, for U was not measured" in refused.value.reason
    assert refused.value.remedy.startswith("measure U, or randomise t, or find an instrument")
    assert refused.value.evidence["open_path"] == "t <- U -> y"
    assert refused.value.evidence["hedge"] == {"outer": ["t", "y"], "inner": ["y"]}


def test_a_hidden_common_cause_is_refused_in_words():
    graph = CausalGraph.from_edges("ty", directed=[("t", "y")], bidirected=[("t", "y")])
    with pytest.raises(NotIdentifiable, match=r"t <-> y \(hidden common cause\) stays open") as refused:
        identify(graph, CausalQuery("t", "y"))
    assert "measure what t and y have as a hidden common cause" in refused.value.remedy


def test_a_cycle_is_refused_when_the_graph_is_made():  # N29
    with pytest.raises(CyclicGraph, match="t -> y -> t is a cycle") as refused:
        CausalGraph.from_dot("digraph{t->y;y->t;}")
    assert refused.value.code == "graph_cyclic"
    assert refused.value.evidence["cycle"] == ["t", "y", "t"]


def test_adjustment_takes_the_set_of_smallest_variance():
    edges = [("a", "t"), ("a", "b"), ("b", "y"), ("p", "y"), ("t", "y")]
    graph = CausalGraph.from_edges("abpty", directed=edges)
    estimand = identify(graph, CausalQuery("t", "y"))
    assert (estimand.strategy, estimand.adjustment_set) == ("back-door", ("b", "p"))
    assert identify(graph, CausalQuery("t", "y"), unobserved=["b"]).adjustment_set == ("a",)
    assert any("b, p block every path" in words for words in estimand.assumptions)


def test_the_front_door_opens():
    graph = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y")], bidirected=[("x", "y")])
    estimand = identify(graph, CausalQuery("x", "y"))
    assert (estimand.strategy, str(estimand.expression)) == ("front-door", "Σ_{m} P(m | x) Σ_{x} P(y | x, m) P(x)")
    hidden = CausalGraph.from_edges("uxmy", directed=[("u", "x"), ("u", "y"), ("x", "m"), ("m", "y")])
    assert str(identify(hidden, CausalQuery("x", "y"), unobserved="u")) == str(estimand)


def test_what_has_no_effect_has_none():
    graph = CausalGraph.from_edges("ty", directed=[("y", "t")], bidirected=[("t", "y")])
    estimand = identify(graph, CausalQuery("t", "y"))
    assert str(estimand.expression) == "P(y)"
    assert any("no directed path leads from t to y" in words for words in estimand.assumptions)
    assert verify(graph, estimand)


def test_a_query_for_what_was_not_measured_is_refused():
    graph = CausalGraph.from_edges("ty", directed=[("t", "y")])
    with pytest.raises(NotIdentifiable, match="y was not measured"):
        identify(graph, CausalQuery("t", "y"), unobserved=["y"])
    with pytest.raises(InputError, match="'sales' is not in the nodes"):
        identify(graph, CausalQuery("t", "sales"))
    with pytest.raises(InputError, match="t stand in more than one role"):
        CausalQuery("t", "t")


def test_estimands_by_assumption_say_so():
    query = CausalQuery("email", "sales")
    estimand = identify_from_covariates(query, ["age", "city", "age"])
    assert (estimand.strategy, estimand.adjustment_set) == ("back-door", ("age", "city"))
    assert estimand.assumptions[0] == "every common cause of email and sales is among: age, city"
    drawn = identify_randomised(query, ["age"])
    assert (drawn.strategy, drawn.adjustment_set) == ("randomised", ("age",))
    assert str(identify_randomised(query).expression) == "P(sales | email)"
    for broken in (lambda: identify_from_covariates(query, ["sales"]), lambda: identify_randomised(query, "email")):
        with pytest.raises(BadControl, match="is part of the query"):
            broken()


def test_forty_nodes_take_milliseconds(graphs):
    rng = np.random.default_rng(1)
    times = []
    for _ in range(40):
        graph = graphs.random_admg(40, rng, p=0.08, q=0.03)
        x, y = rng.choice(graph.nodes, 2, replace=False).tolist()
        start = time.perf_counter()
        with contextlib.suppress(NotIdentifiable):
            identify(graph, CausalQuery(x, y))
        times.append(time.perf_counter() - start)
    assert np.median(times) < 0.05
