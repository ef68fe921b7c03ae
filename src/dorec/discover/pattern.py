"""From a DAG, or a partly directed graph over positions, to the causal graph that is handed back."""

from itertools import combinations

import numpy as np

from dorec.discover.orientation import PartlyDirected, meek, orient_by_knowledge
from dorec.domain.graph import CausalGraph, Edge, Mark
from dorec.numeric.arrays import BoolArray, FloatArray


def pattern_of_dag(dag: BoolArray, may_cause: BoolArray) -> PartlyDirected:
    """The edges of a DAG (d, d) that point the same way in every equivalent DAG that knowledge allows; others open.

    >>> chain = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
    >>> pattern_of_dag(chain, ~np.eye(3, dtype=bool)).open
    [{1}, {0, 2}, {1}]
    """
    graph = PartlyDirected.of(dag | dag.T, may_cause)
    edges = [(int(i), int(j)) for i, j in np.argwhere(dag)]
    orient_by_knowledge(graph, edges)  # the DAG agrees with knowledge: there is no cycle
    for y in range(len(dag)):
        for x, z in combinations(np.flatnonzero(dag[:, y]).tolist(), 2):
            if z not in graph.adjacent[x]:
                for end in (x, z):
                    graph.orient(end, y)
    meek(graph, edges)
    return graph


def as_graph(
    graph: PartlyDirected, names: tuple[str, ...], confidence: FloatArray, required: BoolArray, provenance: str
) -> CausalGraph:
    """The causal graph, with the confidence (d, d) of each edge; `required` (d, d) marks those that knowledge gave."""
    edges = []
    for i, near in enumerate(graph.adjacent):
        for j in near:
            if i in graph.children[j] or (j in graph.open[i] and j < i):
                continue
            at_j: Mark = "arrow" if j in graph.children[i] else "tail"
            source = "required by knowledge" if required[i, j] else provenance
            edges.append(Edge(names[i], names[j], "tail", at_j, float(confidence[i, j]), source))
    return CausalGraph(names, tuple(edges))
