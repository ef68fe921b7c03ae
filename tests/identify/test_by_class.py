import numpy as np
import pytest

from dorec.domain.errors import NotIdentifiable
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.query import CausalQuery
from dorec.identify import identify, identify_from_covariates, verify
from dorec.identify.structural import random_model

QUERIES = [
    CausalQuery("a", "b"),
    CausalQuery(["a", "c"], "b"),
    CausalQuery("a", "b", "c"),
    CausalQuery("a", ["b", "d"]),
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_class_answers_exactly_if_its_dags_agree(graphs, query):
    rng = np.random.default_rng(0)
    answered = 0
    for cpdag, dags in graphs.classes_of_dags("abcd")[::2]:
        joint = random_model(dags[0], rng).joint(sorted(cpdag.nodes))
        truths = [identify(dag, query).evaluate(joint) for dag in dags]
        agree = all(np.allclose(truths[0], truth) for truth in truths)
        try:
            found = identify(cpdag, query).evaluate(joint)
        except NotIdentifiable:
            assert not agree or query.conditions, (cpdag.edges, query)
        else:
            answered += 1
            assert agree
            assert np.allclose(found, truths[0])
    assert answered > 20


def test_what_hides_in_a_class_is_refused():
    graph = CausalGraph.from_edges("uvty", directed=[("u", "t"), ("v", "t"), ("u", "y"), ("t", "y")])
    query = CausalQuery("t", "y")
    wide = CausalGraph.from_edges("uvtyw", directed=graph.directed, undirected=[("u", "w")])
    assert identify(wide, query).adjustment_set == ("u",)
    with pytest.raises(NotIdentifiable, match="as one graph of the class has it"):
        identify(wide, query, unobserved="u")


def test_a_pag_with_an_effect_without_one_and_with_doubt():
    edges = (Edge("i", "x", "circle", "arrow"), Edge("j", "x", "circle", "arrow"), Edge("x", "y", "tail", "arrow"))
    pag = CausalGraph(tuple("ijxy"), edges)
    effect = identify(pag, CausalQuery("x", "y"))
    assert (effect.strategy, effect.adjustment_set, str(effect.expression)) == ("back-door", (), "P(y | x)")
    none = identify(pag, CausalQuery("y", "x"))
    assert str(none.expression) == "P(x)"
    assert "the effect is zero" in none.assumptions[1]
    with pytest.raises(NotIdentifiable, match="the direction of i o-> x is not known") as refusal:
        identify(pag, CausalQuery("i", "y"))
    assert refusal.value.evidence == {"edge": "i o-> x", "path": ["i o-> x", "x --> y"], "kind": "pag"}


def test_the_assumption_names_the_class():
    graph = CausalGraph.from_edges("abc", directed=[("a", "c")], undirected=[("a", "b")])
    assert identify(graph, CausalQuery("a", "c")).assumptions[0].startswith("one of the graphs that the graph stands")


def test_an_estimand_of_a_class_is_verified_in_one_of_its_graphs():
    wide = CausalGraph.from_edges(
        "uvtyw", directed=[("u", "t"), ("v", "t"), ("u", "y"), ("t", "y")], undirected=[("u", "w")]
    )
    assert verify(wide, identify(wide, CausalQuery("t", "y")))
    assert verify(wide, identify_from_covariates(CausalQuery("t", "y"), [])).code == "estimand_wrong"
