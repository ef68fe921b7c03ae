"""Facts from other people's published tests: graph, query, answer."""

import json

import numpy as np
import pytest

from dorec.domain.errors import CyclicGraph, NotIdentifiable
from dorec.domain.estimand import Estimand
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import (
    adjustment_sets,
    find_instruments,
    front_door_set,
    identify,
    is_d_separated,
    is_front_door_set,
    is_valid_adjustment,
    latent_projection,
    optimal_adjustment_set,
    verify,
)
from dorec.identify.structural import random_model


@pytest.fixture(scope="session")
def cases(shared):
    path = shared / "cases" / "identification.json"
    if not path.exists():
        pytest.skip("the file of identification cases is not here")
    return [c for c in json.loads(path.read_text())["cases"] if not c.get("selection_nodes")]


def graph_of(case):
    return CausalGraph.from_edges(case["nodes"], directed=case["directed"], bidirected=case["bidirected"])


def of_task(cases, *tasks):
    found = [c for c in cases if c["task"] in tasks]
    assert found
    return found


def test_separation(cases):
    for case in of_task(cases, "d_separation"):
        found = is_d_separated(graph_of(case), case["treatments"], case["outcomes"], case["conditions"])
        assert found == case["expected"]["separated"], case["id"]


def test_effects_that_can_be_told_and_those_that_cannot(cases):
    n_refused = 0
    for case in of_task(cases, "id", "idc", "frontdoor", "instrument"):
        query = CausalQuery(case["treatments"], case["outcomes"], case["conditions"])
        if case["helper_check"] == "cyclic":
            with pytest.raises(CyclicGraph):
                graph_of(case)
            continue
        graph = graph_of(case)
        if not case["identifiable"]:
            with pytest.raises(NotIdentifiable, match="Remedy: "):
                identify(graph, query, unobserved=case["latents"])
            n_refused += 1
            continue
        estimand = identify(graph, query, unobserved=case["latents"])
        assert verify(graph, estimand), (case["id"], str(estimand))
        assert not set(case["latents"]) & estimand.expression.variables
    assert n_refused >= 8


def test_front_doors(cases):
    for case in of_task(cases, "frontdoor"):
        graph, hidden = graph_of(case), case["latents"]
        query = CausalQuery(case["treatments"], case["outcomes"])
        valid, invalid = case["expected"]["valid_frontdoor_sets"], case["expected"]["invalid_frontdoor_sets"]
        for mediators in valid:
            assert is_front_door_set(graph, query, mediators, hidden), case["id"]
            assert identify(graph, query, hidden).strategy == "front-door"
        for mediators in invalid:
            assert not is_front_door_set(graph, query, mediators, hidden), case["id"]
        found = front_door_set(graph, query, hidden)
        assert found is None if not valid else list(found) in valid, case["id"]


def test_instruments(cases):
    for case in of_task(cases, "instrument"):
        expected = case["expected"]
        wanted = {(i["instrument"], tuple(i["given"])) for i in expected.get("instruments", ())}
        wanted |= {(name, tuple(given)) for name, given in expected.get("ancestral_instrument_given", {}).items()}
        query = CausalQuery(case["treatments"], case["outcomes"])
        found = find_instruments(graph_of(case), query, unobserved=case["latents"])
        assert {(one.name, one.given) for one in found} == wanted, case["id"]


def test_adjustment_sets(cases):
    n_minimal = n_wrong = 0
    for case in of_task(cases, "adjustment_set"):
        if case.get("graph_type") == "MAG":
            continue
        graph, expected = graph_of(case), case["expected"]
        query = CausalQuery(case["treatments"], case["outcomes"])
        hidden = case["latents"]
        wanted = next((expected[k] for k in ("minimal_adjustment_sets", "minimal") if k in expected), None)
        wanted = case.get("helper_all_minimal_sets", wanted)
        if wanted is not None:
            found = adjustment_sets(graph, query, unobserved=hidden)
            assert {frozenset(z) for z in found} == {frozenset(z) for z in wanted}, case["id"]
            n_minimal += 1
        for z in (*(expected.get("maximal_adjustment_sets") or ()), *(expected.get("all_backdoor_sets") or ())):
            assert is_valid_adjustment(graph, query, z, hidden), (case["id"], z)
        for z in (*expected.get("biased_sets", ()), *expected.get("invalid_sets", ())):
            assert not is_valid_adjustment(graph, query, z, hidden), (case["id"], z)
            n_wrong += 1
        if expected.get("empty_set_valid") is not None:
            assert is_valid_adjustment(graph, query, [], hidden) == expected["empty_set_valid"], case["id"]
    assert n_minimal >= 8
    assert n_wrong >= 15


def test_optimal_sets(cases):
    for case in of_task(cases, "optimal_adjustment"):
        if case["expected"]["must_include"]:
            continue  # of policies that depend on a covariate, see test_efficient_sets.py
        query = CausalQuery(case["treatments"], case["outcomes"])
        found = optimal_adjustment_set(graph_of(case), query, unobserved=case["latents"])
        assert sorted(found) == sorted(case["expected"]["efficient"]), case["id"]


@pytest.mark.parametrize("seed", range(3))
def test_a_projection_implies_the_same_for_what_is_measured(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(7, rng)
    projected = latent_projection(graph, ["v2", "v4"])
    left = projected.nodes
    for x, y in [(a, b) for a in left for b in left if a < b]:
        for z in graphs.subsets(set(left) - {x, y}):
            assert is_d_separated(graph, x, y, z) == is_d_separated(projected, x, y, z)
    query = CausalQuery("v0", "v1")
    try:
        estimand: Estimand = identify(graph, query, unobserved=["v2", "v4"])
    except NotIdentifiable:
        return
    model = random_model(graph, rng)
    names = sorted(estimand.expression.variables | {"v0", "v1"})
    assert np.allclose(estimand.evaluate(model.joint(names)), model.effect(["v1"], ["v0"]))
