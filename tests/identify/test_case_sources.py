"""Facts from other people's published tests: experiments, other populations, selected units, several worlds at once."""

import json

import numpy as np
import pytest

from dorec.domain.counterfactual import Counterfactual
from dorec.domain.errors import NotIdentifiable
from dorec.domain.expression import Joint
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.regime import Regime
from dorec.identify import (
    adjustment_sets,
    identify,
    identify_counterfactual,
    identify_from_experiments,
    identify_from_selected,
    verify,
)
from dorec.identify.structural import DiscreteModel


@pytest.fixture(scope="session")
def cases(shared):
    path = shared / "cases" / "identification.json"
    if not path.exists():
        pytest.skip("the file of identification cases is not here")
    return {c["id"]: c for c in json.loads(path.read_text())["cases"]}


def graph_of(case):
    return CausalGraph.from_edges(case["nodes"], directed=case["directed"], bidirected=case["bidirected"])


def query_of(case):
    return CausalQuery(case["treatments"], case["outcomes"], case["conditions"])


@pytest.mark.parametrize("name", ["c060", "c063", "c064", "c110"])
def test_experiments(cases, name):
    case = cases[name]
    listed = [
        Regime(do=e["do"], measured=e["vertices"]) if isinstance(e, dict) else Regime(do=e) for e in case["experiments"]
    ]
    graph, query = graph_of(case), query_of(case)
    if not case["identifiable"]:
        with pytest.raises(NotIdentifiable):
            identify_from_experiments(graph, query, listed)
        return
    estimand = identify_from_experiments(graph, query, listed, observed=case["task"] != "aid")
    assert verify(graph, estimand), str(estimand)


@pytest.mark.parametrize("name", ["c202", "c205"])
def test_surrogate_outcomes_in_other_populations(cases, name):
    """A trial that reports one outcome: of what comes after its treatment, that outcome alone is the same here."""
    case = cases[name]
    graph, sources = graph_of(case), []
    for trial in case["surrogates"]:
        others = graph.descendants(trial["do"]) - {*trial["do"], *trial["outcomes"]}
        sources.append(Regime(do=trial["do"], domain=trial["domain"], differs=others))
    query = query_of(case)
    if case["identifiable"]:
        estimand = identify_from_experiments(graph, query, sources)
        assert verify(graph, estimand), str(estimand)
    else:
        with pytest.raises(NotIdentifiable):
            identify_from_experiments(graph, query, sources)


def test_a_surrogate_outcome(cases):
    case = cases["c094"]
    graph = graph_of(case)
    trial = Regime(do="X", measured=["W", "X", "Z"])
    estimand = identify_from_experiments(graph, query_of(case), [trial])
    assert verify(graph, estimand)


def test_transport(cases):
    """A trial in a population where V comes about in another way: V and what is tied to it is taken from here."""
    case = cases["c092"]
    whole = graph_of(case)
    graph = whole.subgraph(frozenset(whole.nodes) - {"S"})
    trial = Regime(do="X", domain="source", differs=whole.children("S"))
    estimand = identify_from_experiments(graph, query_of(case), [trial])
    assert verify(graph, estimand)
    assert {r.domain for r in estimand.regimes} == {"", "source"}
    for observed, sources in ((True, []), (False, [trial])):
        with pytest.raises(NotIdentifiable):
            identify_from_experiments(graph, query_of(case), sources, observed=observed)


def test_transport_and_selection_at_once(cases):
    case = cases["c099"]
    whole = graph_of(case)
    graph = whole.subgraph(frozenset(whole.nodes) - {"t"})
    sources = [Regime(selected="s"), Regime(do="x", domain="t", differs=whole.children("t"))]
    estimand = identify_from_experiments(graph, query_of(case), sources, observed=False)
    assert verify(graph, estimand)
    assert {bool(r.selected) for r in estimand.regimes} == {True, False}
    for alone in sources:
        with pytest.raises(NotIdentifiable):
            identify_from_experiments(graph, query_of(case), [alone], observed=False)


def test_recovery_from_selected_units(cases):
    case = cases["c093"]
    graph = graph_of(case)
    assert verify(graph, identify_from_selected(graph, query_of(case), "S"))


@pytest.mark.parametrize("name", ["c190", "c193", "c196", "c199"])
def test_counterfactuals(cases, name):
    case = cases[name]
    graph = graph_of(case)
    events, given = (
        [Counterfactual(e["var"], e["value"], do=e["do"]) for e in case[key]] for key in ("event", "condition_event")
    )
    estimand = identify_counterfactual(graph, events, given)
    assert verify(graph, estimand), str(estimand)
    if case["estimand"] in ("0", "1"):
        assert str(estimand.expression) == case["estimand"]
    if name == "c199":
        assert str(estimand.interventional) == "P(Y=0 | do(X=0), do(Z=0))"


@pytest.mark.parametrize("name", ["c165", "c168"])
def test_numbers(cases, name):
    case = cases[name]
    graph = graph_of(case)
    tables, parents = {}, {}
    for key, rows in case["cpds"].items():
        node, _, causes = key.partition("|")
        parents[node] = tuple(c for c in causes.split(",") if c)
        by_level = np.asarray(rows, dtype=float).reshape(2, *(2 for _ in parents[node]))
        tables[node] = ((*parents[node], node), np.moveaxis(by_level, 0, -1))
    joint = DiscreteModel(tables, parents).joint(graph.nodes)
    for question in case["queries"]:
        do, known = question.get("do", {}), question.get("evidence", {})
        if do:
            found = identify(graph, CausalQuery(list(do), question["var"], list(known))).evaluate(joint)
        else:
            found = conditional(joint, question["var"], list(known))
        assert np.allclose(found[(slice(None), *do.values(), *known.values())], question["p"]), question


def conditional(joint: Joint, name, given):
    table = joint.marginal((name, *given))
    return table / table.sum(axis=0, keepdims=True)


def test_adjustment_with_nodes_of_selection(cases):
    after = cases["c177"]  # the outcome selects: no set over the selected gives the effect for everyone
    with pytest.raises(NotIdentifiable):
        identify_from_selected(graph_of(after), query_of(after), after["selection_nodes"])
    for name in ("c180", "c183"):
        case = cases[name]
        graph, wanted = graph_of(case), case["expected"]["minimal_adjustment_sets"]
        assert [list(z) for z in adjustment_sets(graph, query_of(case))] == wanted
    before = cases["c180"]
    estimand = identify_from_selected(graph_of(before), query_of(before), before["selection_nodes"], ["Z"])
    assert verify(graph_of(before), estimand)


def test_a_wrong_estimand_of_a_peer_is_not_ours(cases):
    """Where a published estimand is known to be wrong, ours is right."""
    known = [c for c in cases.values() if c.get("known_wrong_estimands")]
    assert known
    for case in known:
        estimand = identify(graph_of(case), query_of(case))
        assert str(estimand.expression).replace(" ", "") not in {
            w.replace(" ", "") for w in case["known_wrong_estimands"]
        }
        assert verify(graph_of(case), estimand)
