"""The adapters to lingam: the peer's own answer; run where the package is installed."""

import warnings

import numpy as np
import pytest

from dorec.discover import CAMUV, RCD
from dorec.domain.knowledge import Knowledge


@pytest.fixture
def lingam():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("lingam", reason="lingam is not installed: pip install 'dorec[tail]'")


def confounded(n, seed):
    """a -> b, and a hidden cause of c and e."""
    rng = np.random.default_rng(seed)
    hidden, a = rng.uniform(-1, 1, (2, n))
    noise = rng.uniform(-1, 1, (3, n))
    return np.column_stack([a, 1.2 * a + 0.5 * noise[0], hidden + 0.4 * noise[1], hidden + 0.4 * noise[2]])


def table(matrix):
    return dict(zip("edba", matrix.T[::-1], strict=True))  # columns of the matrix are a, b, d, e


def marks(weight):
    """Edges of lingam's matrix over the names a, b, d, e."""
    names, found = "abde", set()
    for i in range(4):
        for j in range(4):
            if np.isnan(weight[i, j]):
                found.add(("<->", *sorted((names[i], names[j]))))
            elif weight[i, j]:
                found.add(("-->", names[j], names[i]))
    return found


def ours(graph):
    return {("-->", a, b) for a, b in graph.directed} | {("<->", a, b) for a, b in graph.bidirected}


@pytest.mark.parametrize("seed", range(2))
def test_rcd_gives_the_graph_of_a_direct_call(lingam, seed):
    matrix = confounded(300, seed)
    graph = RCD().discover(table(matrix))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        direct = lingam.RCD().fit(matrix)
    assert ours(graph) == marks(direct.adjacency_matrix_)
    assert ("a", "b") in graph.directed
    assert ("d", "e") in graph.bidirected
    assert graph.nodes == ("e", "d", "b", "a")


def test_camuv_gives_the_graph_of_a_direct_call_and_heeds_knowledge(lingam):
    matrix = confounded(250, 0)
    matrix[:, 1] = matrix[:, 0] ** 3 + 0.2 * matrix[:, 1]
    graph = CAMUV(alpha=0.01).discover(table(matrix))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lingam.CAMUV(alpha=0.01)
        model.fit(matrix)
    assert ours(graph) == marks(model.adjacency_matrix_)
    assert graph.edges
    known = CAMUV(alpha=0.01).discover(table(matrix), Knowledge(forbidden=(("a", "b"), ("d", "e"), ("e", "d"))))
    assert ("a", "b") not in known.directed
    assert not {("d", "e"), ("e", "d")} & set(known.directed)
