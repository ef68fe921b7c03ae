import pytest

from dorec.discover import structural_hamming_distance
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
