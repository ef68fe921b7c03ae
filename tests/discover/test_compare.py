import pytest

from dorec.discover import compare_graphs, structural_hamming_distance
from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph

TRUTH = CausalGraph.from_edges("abcd", directed=[("a", "b"), ("b", "c")], undirected=[("c", "d")])


@pytest.mark.parametrize(
    ("directed", "undirected", "distance"),
    [
        ([("a", "b"), ("b", "c")], [("c", "d")], 0),
        ([("b", "a"), ("b", "c")], [("c", "d")], 1),  # turned
        ([("b", "c")], [("a", "b"), ("c", "d")], 1),  # direction lost
        ([("a", "b"), ("b", "c"), ("a", "d")], [("c", "d")], 1),  # added
        ([], [], 3),  # all missing
    ],
)
def test_each_pair_that_differs_counts_once(directed, undirected, distance):
    other = CausalGraph.from_edges("dcba", directed=directed, undirected=undirected)
    assert structural_hamming_distance(TRUTH, other) == distance
    assert structural_hamming_distance(other, TRUTH) == distance


def test_two_edges_between_a_pair_are_one_difference():
    both = CausalGraph.from_edges("ab", directed=[("a", "b")], bidirected=[("a", "b")])
    one = CausalGraph.from_edges("ab", directed=[("a", "b")])
    assert structural_hamming_distance(both, one) == 1


def test_graphs_on_other_nodes_are_refused():
    with pytest.raises(InputError, match="d are in one only"):
        structural_hamming_distance(TRUTH, TRUTH.subgraph("abc"))


def test_precision_and_recall_of_pairs_and_directions():
    learned = CausalGraph.from_edges("abcd", directed=[("a", "b"), ("c", "b"), ("a", "d")])
    found = compare_graphs(learned, TRUTH)
    assert (found.skeleton.precision, found.skeleton.recall, found.skeleton.f1) == (2 / 3, 2 / 3, 2 / 3)
    assert (found.directed.precision, found.directed.recall, found.directed.f1) == (1 / 3, 1 / 2, 2 / 5)
    assert (found.shd, found.sid) == (3, None)


def test_empty_graphs_agree_with_each_other_and_find_nothing_elsewhere():
    empty = CausalGraph.from_edges("abcd")
    assert compare_graphs(empty, empty).directed.f1 == 1.0
    found = compare_graphs(empty, TRUTH)
    assert (found.skeleton.precision, found.skeleton.recall, found.skeleton.f1) == (1.0, 0.0, 0.0)


def test_marks_of_ancestral_graphs_are_compared_too():
    graph = CausalGraph.from_dict(
        {"nodes": ["a", "b"], "edges": [{"a": "a", "b": "b", "mark_a": "circle", "mark_b": "arrow"}]}
    )
    assert compare_graphs(graph, graph).shd == 0
    assert compare_graphs(graph, CausalGraph.from_edges("ab", bidirected=[("a", "b")])).shd == 1
