from collections import Counter

import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, InputError, NotIdentifiable
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.query import CausalQuery
from dorec.identify import identify, optimal_adjustment_set, possible_adjustment_sets, possible_effects
from dorec.identify.orientations import oriented
from dorec.identify.structural import random_model


def by_brute_force(dags, sets):
    """The adjustment sets of a -> b in each DAG, None where there is no effect."""
    query = CausalQuery("a", "b")
    for dag in dags:
        if "b" not in dag.descendants("a"):
            yield dag, None
        else:
            chosen = dag.parents("a") if sets == "parents" else optimal_adjustment_set(dag, query)
            yield dag, tuple(sorted(chosen))


def table(estimand, joint):
    return tuple(np.round(estimand.evaluate(joint), 9).ravel())


@pytest.mark.parametrize("sets", ["parents", "optimal"])
def test_possible_sets_are_those_of_the_dags(graphs, sets):
    for cpdag, dags in graphs.classes_of_dags("abcd"):
        truth = list(by_brute_force(dags, sets))
        found = possible_adjustment_sets(cpdag, "a", "b", sets)
        assert set(found) == {each for _, each in truth}
        # one for each set of parents that the treatment can have
        assert len(found) == len({dag.parents("a") for dag, _ in truth})
        if sets == "parents":
            repeated = Counter(each for each in found if each is not None)
            assert max(repeated.values(), default=1) == 1


def test_knowledge_leaves_fewer_sets(graphs):
    for cpdag, dags in graphs.classes_of_dags("abcd")[::4]:
        for edge in cpdag.undirected:
            part = [dag for dag in dags if edge in dag.directed]
            found = possible_adjustment_sets(oriented(cpdag, [edge]), "a", "b")
            assert set(found) == {each for _, each in by_brute_force(part, "parents")}


@pytest.mark.parametrize("query", [CausalQuery("a", "b"), CausalQuery(["a", "c"], "b"), CausalQuery("a", ["b", "d"])])
def test_possible_effects_are_those_of_the_dags_and_each_is_named_once(graphs, query):
    rng = np.random.default_rng(0)
    for cpdag, dags in graphs.classes_of_dags("abcd")[::3]:
        joint = random_model(dags[0], rng).joint(sorted(cpdag.nodes))
        found = [table(estimand, joint) for estimand in possible_effects(cpdag, query)]
        assert len(set(found)) == len(found)
        assert set(found) == {table(identify(dag, query), joint) for dag in dags}


def test_effects_of_a_triangle():
    triangle = CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c"), ("a", "c")])
    assert possible_adjustment_sets(triangle, "a", "b") == ((), ("c",), None, None)
    assert [str(e.expression) for e in possible_effects(triangle, CausalQuery("a", "b"))] == [
        "P(b | a)",
        "Σ_{c} P(b | a, c) P(c)",
        "P(b)",
    ]


def test_where_lists_of_effects_end():
    arrows = CausalGraph(("a", "b"), (Edge("a", "b", "circle", "arrow"),))
    with pytest.raises(InputError, match="has <-> or circles"):
        possible_effects(arrows, CausalQuery("a", "b"))
    square = CausalGraph.from_edges("abcd", undirected=[("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")])
    with pytest.raises(InputError, match="stands for no DAG"):
        possible_adjustment_sets(square, "a", "b")
    with pytest.raises(InputError, match="more than one role"):
        possible_adjustment_sets(square, "a", "a")
    with pytest.raises(ColumnNotFound):
        possible_adjustment_sets(square, "a", "q")
    confounded = CausalGraph.from_edges("uty", directed=[("u", "t"), ("u", "y"), ("t", "y")])
    with pytest.raises(NotIdentifiable):
        possible_effects(confounded, CausalQuery("t", "y"), unobserved="u")
