"""Identification against brute force over all graphs of four nodes, and classes of graphs against their members."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from dorec.domain.errors import NotIdentifiable
from dorec.domain.query import CausalQuery
from dorec.identify import identify, is_valid_adjustment, verify

QUERY = CausalQuery("a", "b")


def beside(name):
    """A module of the fast lane's tests of this room."""
    path = Path(__file__).resolve().parents[1] / "identify" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"identify_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def graphs():
    return beside("conftest")


@pytest.mark.truth
def test_every_graph_of_four_nodes_against_c_factors(graphs):
    oracle = beside("test_exhaustive").by_c_factors
    n = identified = 0
    for graph in graphs.every_admg("abcd"):
        n += 1
        try:
            estimand = identify(graph, QUERY)
        except NotIdentifiable:
            assert not oracle(graph, QUERY), graph.edges
            continue
        identified += 1
        assert oracle(graph, QUERY), graph.edges
        if n % 20 == 0:
            assert verify(graph, estimand), graph.edges
    assert n == 543 * 64
    assert 0 < identified < n


@pytest.mark.truth
def test_adjustment_in_every_pag_of_four_nodes(graphs):
    beside("test_amenability").assert_pags_are_right(graphs, "abcd", graphs.every_admg("abcd"), 185)


@pytest.mark.truth
def test_adjustment_in_classes_of_five_nodes(graphs):
    rng = np.random.default_rng(0)
    classes = graphs.classes_of_dags("abcde")
    assert len(classes) == 8782
    for i in rng.choice(len(classes), 1000, replace=False):
        cpdag, dags = classes[i]
        for query in (QUERY, CausalQuery(["a", "c"], "b")):
            rest = [n for n in "abcde" if n not in (*query.treatments, *query.outcomes)]
            for z in graphs.subsets(rest):
                in_each = all(is_valid_adjustment(dag, query, z) for dag in dags)
                assert is_valid_adjustment(cpdag, query, z) == in_each, (cpdag.edges, query, z)
