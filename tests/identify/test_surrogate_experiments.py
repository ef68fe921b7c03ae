from itertools import combinations

import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, InputError, NotIdentifiable
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.regime import Regime
from dorec.identify import every_subset, identify, identify_from_experiments, verify

BOW = CausalGraph.from_edges("xy", directed=[("x", "y")], bidirected=[("x", "y")])


def test_without_experiments_it_is_the_complete_algorithm(graphs):
    n_yes = n_no = 0
    for seed in range(60):
        graph = graphs.random_admg(5, np.random.default_rng(seed), q=0.3)
        for query in (CausalQuery("v0", "v1"), CausalQuery("v2", ["v3", "v4"]), CausalQuery("v0", "v1", "v2")):
            try:
                identify(graph, query)
                known = True
            except NotIdentifiable:
                known = False
            try:
                found = verify(graph, identify_from_experiments(graph, query, []))
                assert found, (seed, query, found)
            except NotIdentifiable:
                assert not known, (seed, query)
                n_no += 1
                continue
            assert known, (seed, query)
            n_yes += 1
    assert min(n_yes, n_no) > 10


@pytest.mark.parametrize("seed", range(25))
def test_what_experiments_identify_equals_brute_force(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(6, rng, p=0.45, q=0.35)
    experiments = [list(z) for k in (1, 2) for z in combinations(graph.nodes[:4], k) if rng.random() < 0.4]
    for x in graph.nodes[:4]:
        for conditions in ((), ("v5",)):
            try:
                estimand = identify_from_experiments(graph, CausalQuery(x, "v4", conditions), experiments)
            except NotIdentifiable:
                continue
            assert verify(graph, estimand, n_models=2), (str(estimand), graph)


def test_an_experiment_on_the_treatment_answers_at_once():
    estimand = identify_from_experiments(BOW, CausalQuery("x", "y"), ["x"])
    assert str(estimand.expression) == "P(y | do(x))"
    assert estimand.needs["randomised"] == ("x",)
    assert verify(BOW, estimand)
    with pytest.raises(InputError, match="needs the joint of the regime"):
        estimand.evaluate({"variables": ["x", "y"], "table": [[0.25, 0.25], [0.25, 0.25]]})


def test_nothing_to_go_by_is_refused_with_what_each_source_lacks():
    with pytest.raises(NotIdentifiable, match="none has how y answers") as refused:
        identify_from_experiments(BOW, CausalQuery("x", "y"), ["y"])
    assert refused.value.evidence["part"] == ["y"]
    assert refused.value.evidence["sources"] == [
        "observed: hidden common causes tie {y} into {x, y}",
        "do(y): y was set",
    ]
    with pytest.raises(ColumnNotFound):
        identify_from_experiments(BOW, CausalQuery("x", "y"), ["w"])


def test_z_identification_of_the_paper():
    """Figure 1 of Bareinboim, Pearl (2012): z as a surrogate for x."""
    edges = [("z", "x"), ("x", "y"), ("z", "y")]
    graph = CausalGraph.from_edges("zxy", directed=edges, bidirected=[("z", "x"), ("z", "y")])
    with pytest.raises(NotIdentifiable):
        identify(graph.subgraph("zxy"), CausalQuery("x", "y"))
    with pytest.raises(NotIdentifiable):
        identify_from_experiments(graph, CausalQuery("x", "y"), every_subset("z"))  # P(z) and y given z stay tied
    without = CausalGraph.from_edges("zxy", directed=edges[:2], bidirected=[("z", "x"), ("z", "y")])
    assert verify(without, identify_from_experiments(without, CausalQuery("x", "y"), ["z"]))


def test_two_experiments_make_up_one_that_nobody_ran():
    """Lee, Correa, Bareinboim (2019): neither alone suffices."""
    graph = CausalGraph.from_edges(
        ["x1", "w", "y", "x2"],
        directed=[("x1", "w"), ("w", "y"), ("x2", "y")],
        bidirected=[("x1", "w"), ("x2", "y"), ("x1", "x2")],
    )
    query = CausalQuery(["x1", "x2"], "y")
    assert verify(graph, identify_from_experiments(graph, query, ["x1", "x2"]))
    for one in ("x1", "x2"):
        with pytest.raises(NotIdentifiable):
            identify_from_experiments(graph, query, [one])


def test_another_population_lends_what_is_the_same_there():
    graph = CausalGraph.from_edges("xzy", directed=[("x", "z"), ("z", "y")], bidirected=[("x", "z")])
    query = CausalQuery("x", "y")
    shop = Regime(do="x", domain="shop", differs="y")
    estimand = identify_from_experiments(graph, query, [shop])
    assert verify(graph, estimand)
    assert {str(r) for r in estimand.regimes} == {"observed", "do(x), in shop"}
    assert any("shop differs from the population in the mechanism of y alone" in a for a in estimand.assumptions)
    with pytest.raises(NotIdentifiable, match="z differs there"):
        identify_from_experiments(graph, query, [Regime(do="x", domain="shop", differs=["z"])])
    with pytest.raises(InputError, match="name `domain`"):
        Regime(differs="z")


def test_a_source_without_causes_of_what_it_measured_is_refused():
    graph = CausalGraph.from_edges("xzy", directed=[("x", "z"), ("z", "y")], bidirected=[("x", "y"), ("x", "z")])
    with pytest.raises(InputError, match="without z"):
        identify_from_experiments(graph, CausalQuery("x", "y"), [Regime(do="x", measured=["y"])])
    part = Regime(do="x", measured=["x", "z"])
    with pytest.raises(NotIdentifiable, match="y was not measured there"):
        identify_from_experiments(graph, CausalQuery("x", "y"), [part], observed=False)
    assert verify(graph, identify_from_experiments(graph, CausalQuery("x", "z"), [part]))


def test_selected_units_lend_what_selection_does_not_touch():
    edges = [("x", "z"), ("z", "y"), ("x", "s")]
    graph = CausalGraph.from_edges("xzys", directed=edges)
    estimand = identify_from_experiments(graph, CausalQuery("x", "y"), [Regime(selected="s")], observed=False)
    assert verify(graph, estimand)
    assert "s=1" in str(estimand)
    outcome = CausalGraph.from_edges("xys", directed=[("x", "y"), ("y", "s")])
    with pytest.raises(NotIdentifiable, match="units were selected by y"):
        identify_from_experiments(outcome, CausalQuery("x", "y"), [Regime(selected="s")], observed=False)
