import numpy as np
import pytest

from dorec.domain.errors import InputError, NotIdentifiable
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.regime import OBSERVED, Regime
from dorec.identify import identify_from_selected, verify

QUERY = CausalQuery("t", "y")


def graph_with(nodes, *directed, bidirected=()):
    return CausalGraph.from_edges(nodes, directed=directed, bidirected=bidirected)


def test_selection_by_the_treatment_alone_does_no_harm():
    graph = graph_with("tys", ("t", "y"), ("t", "s"))
    estimand = identify_from_selected(graph, QUERY, "s")
    assert str(estimand.expression) == "P(y | t, s=1)"
    assert estimand.regimes == (Regime(selected="s"),)
    assert verify(graph, estimand)


def test_a_covariate_behind_selection_has_to_be_known_of_everyone():
    graph = graph_with("ztys", ("z", "t"), ("z", "y"), ("t", "y"), ("z", "s"))
    estimand = identify_from_selected(graph, QUERY, "s", external="z")
    assert str(estimand.expression) == "Σ_{z} P(y | t, z, s=1) P(z)"
    assert (set(estimand.regimes), estimand.adjustment_set) == ({OBSERVED, Regime(selected="s")}, ("z",))
    assert verify(graph, estimand)
    with pytest.raises(NotIdentifiable, match="y <- z -> s") as refused:
        identify_from_selected(graph, QUERY, "s")
    assert refused.value.evidence["census"] == ["z"]
    assert refused.value.remedy.startswith("learn the distribution of z for everyone")


def test_selection_by_the_outcome_is_not_recovered():
    graph = graph_with("tys", ("t", "y"), ("y", "s"))
    with pytest.raises(NotIdentifiable, match="y -> s") as refused:
        identify_from_selected(graph, QUERY, "s")
    assert refused.value.remedy == "take units without regard to s"


def test_a_covariate_known_among_the_selected_only_may_suffice():
    """z confounds, w selects: only w has to be known of everyone (Correa, Tian, Bareinboim 2018)."""
    graph = graph_with(["w", "z", "t", "y", "s"], ("z", "t"), ("z", "y"), ("t", "y"), ("w", "s"), ("w", "y"))
    estimand = identify_from_selected(graph, QUERY, "s", external="w")
    assert verify(graph, estimand)
    assert set(estimand.regimes) == {OBSERVED, Regime(selected="s")}


def test_the_example_of_the_r_package_causaleffect():
    edges = [("w1", "t"), ("w2", "t"), ("t", "y"), ("w2", "s")]
    graph = graph_with(["w1", "w2", "t", "y", "s"], *edges, bidirected=[("w1", "w2"), ("w1", "y")])
    estimand = identify_from_selected(graph, QUERY, "s")
    assert str(estimand.expression) == "Σ_{w1, w2} P(y | t, w1, w2, s=1) P(w1, w2 | s=1)"
    assert verify(graph, estimand)


def test_given_the_causes_of_selection_the_front_door_still_opens():
    edges = [("z", "t"), ("t", "m"), ("m", "y"), ("z", "s"), ("z", "y")]
    graph = graph_with(["z", "t", "m", "y", "s"], *edges, bidirected=[("t", "y"), ("z", "y")])
    estimand = identify_from_selected(graph, QUERY, "s", external="z")
    assert verify(graph, estimand)
    assert (estimand.adjustment_set, set(estimand.regimes)) == ((), {OBSERVED, Regime(selected="s")})


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_recovered_equals_brute_force(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(5, rng, p=0.45, q=0.2)
    for causes in (["v0"], ["v1", "v2"]):
        nodes, edges = (*graph.nodes, "s"), [*graph.directed, *((c, "s") for c in causes)]
        whole = CausalGraph.from_edges(nodes, directed=edges, bidirected=graph.bidirected)
        for x, y in (("v0", "v3"), ("v1", "v4"), ("v3", "v4")):
            known = [n for n in graph.nodes if n != y and rng.random() < 0.5]
            try:
                estimand = identify_from_selected(whole, CausalQuery(x, y), "s", known)
            except NotIdentifiable:
                continue
            assert verify(whole, estimand, n_models=2), (whole, known, str(estimand))
            used = estimand.expression.variables
            observed = [r for r in estimand.regimes if r == OBSERVED]
            assert not observed or used & set(known)


def test_bad_input():
    graph = graph_with("tys", ("t", "y"), ("t", "s"))
    with pytest.raises(InputError, match="Name the nodes"):
        identify_from_selected(graph, QUERY, ())
    with pytest.raises(InputError, match="has conditions"):
        identify_from_selected(graph_with("ztys", ("t", "y")), CausalQuery("t", "y", "z"), "s")


def test_effects_of_the_selecting_node_are_not_taken_for_everyone_s():
    # among buyers, ratings answer to having bought
    shop = CausalGraph.from_edges(
        ("ad", "bought", "rating"), directed=[("ad", "bought"), ("bought", "rating"), ("ad", "rating")]
    )
    with pytest.raises(NotIdentifiable):
        identify_from_selected(shop, CausalQuery("ad", "rating"), "bought")
    fork = CausalGraph.from_edges("abc", directed=[("a", "c"), ("b", "c")])
    with pytest.raises(NotIdentifiable):
        identify_from_selected(fork, CausalQuery("a", "c"), "b")
