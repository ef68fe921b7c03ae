import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph, Edge
from dorec.identify.orientations import kind_of, member, members, oriented, unshielded_colliders


def test_the_members_of_every_class_of_four_nodes(graphs):
    for cpdag, dags in graphs.classes_of_dags("abcd"):
        found = [dag.directed for dag in members(cpdag)]
        assert len(found) == len(set(found))
        assert set(found) == {dag.directed for dag in dags}
        assert member(cpdag).directed in set(found)


def test_what_a_direction_implies_is_what_the_remaining_dags_share(graphs):
    rng = np.random.default_rng(0)
    for cpdag, dags in graphs.classes_of_dags("abcd"):
        for a, b in cpdag.undirected:
            chosen = [(a, b) if rng.random() < 0.5 else (b, a)]
            other = cpdag.undirected[rng.integers(len(cpdag.undirected))]
            chosen.append(other if rng.random() < 0.5 else other[::-1])
            left = [dag for dag in dags if set(chosen) <= set(dag.directed)]
            found = oriented(cpdag, chosen)
            assert (found is None) == (not left)
            assert found is None or found == graphs.summary(left)


def test_a_square_of_undirected_edges_stands_for_no_dag():
    square = CausalGraph.from_edges("abcd", undirected=[("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")])
    assert list(members(square)) == []
    with pytest.raises(InputError, match="stands for no DAG"):
        member(square)


def test_directions_that_the_graph_has_not_are_refused():
    graph = CausalGraph.from_edges("abc", directed=[("a", "b")], undirected=[("b", "c")])
    assert oriented(graph, [("b", "a")]) is None
    assert oriented(graph, [("a", "c")]) is None


def test_a_mag_of_a_pag_has_its_marks_and_no_new_collider():
    marks = [("a", "b", "circle", "circle"), ("b", "c", "circle", "circle"), ("c", "d", "circle", "arrow")]
    pag = CausalGraph(tuple("abcde"), (*(Edge(*m) for m in marks), Edge("d", "e", "arrow", "arrow")))
    assert kind_of(pag) == "pag"
    found = member(pag)
    assert found.is_admg
    assert ("c", "d") in found.directed
    assert found.bidirected == (("d", "e"),)
    assert not unshielded_colliders(found)
