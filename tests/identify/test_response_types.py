import numpy as np

from dorec.domain.graph import CausalGraph
from dorec.identify.response_types import ResponseTypes


def test_every_answer_occurs_once():
    graph = CausalGraph.from_edges("zxy", directed=[("z", "x"), ("x", "y"), ("z", "y")], bidirected=[("x", "y")])
    types = ResponseTypes.of(graph, frozenset("xy"), {"z": 3, "x": 2, "y": 2})
    assert types.size == 2**3 * 2**6
    answers = [types.respond("x", {"z": z}) for z in range(3)]
    answers += [types.respond("y", {"z": z, "x": x}) for z in range(3) for x in range(2)]
    assert len(np.unique(np.array(answers), axis=1).T) == types.size
    assert {int(a.min()) for a in answers} == {0}
    assert {int(a.max()) for a in answers} == {1}


def test_no_nodes_have_one_type():
    graph = CausalGraph.from_edges("xy", directed=[("x", "y")])
    assert ResponseTypes.of(graph, frozenset(), {"x": 2, "y": 2}).size == 1
