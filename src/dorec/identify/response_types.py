"""Response types: how a node would answer to each combination of its parents (Balke, Pearl 1994, AAAI)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dorec.domain.graph import CausalGraph
from dorec.numeric.arrays import IntArray


@dataclass(frozen=True, eq=False)
class ResponseTypes:
    """Every combination of the answers of some nodes to their parents.

    Example:
        >>> g = CausalGraph.from_edges("zxy", directed=[("z", "x"), ("x", "y")], bidirected=[("x", "y")])
        >>> types = ResponseTypes.of(g, frozenset("xy"), {"z": 2, "x": 2, "y": 2})
        >>> types.size, types.respond("x", {"z": 1}).tolist()[::4]
        (16, [0, 0, 1, 1])
    """

    nodes: tuple[str, ...]  # causes first
    parents: Mapping[str, tuple[str, ...]]
    levels: Mapping[str, int]
    kinds: Mapping[str, int]  # how many answers a node has, over all combinations of its parents

    @classmethod
    def of(cls, graph: CausalGraph, nodes: frozenset[str], levels: Mapping[str, int]) -> "ResponseTypes":
        """The types of some nodes of a graph."""
        ordered = tuple(n for n in graph.topological_order() if n in nodes)
        parents = {n: tuple(sorted(graph.parents(n))) for n in ordered}
        kinds = {}
        for node in ordered:
            combinations = 1
            for parent in parents[node]:
                combinations *= levels[parent]
            kinds[node] = levels[node] ** combinations
        return cls(ordered, parents, levels, kinds)

    @property
    def size(self) -> int:
        """How many types there are."""
        total = 1
        for kinds in self.kinds.values():
            total *= kinds
        return total

    def respond(self, node: str, at: Mapping[str, int | IntArray]) -> IntArray:
        """The level that a node takes in each type, its parents being at given levels. Shape (size,)."""
        types: IntArray = np.arange(self.size, dtype=np.int64)
        for other in reversed(self.nodes):
            if other == node:
                break
            types //= self.kinds[other]
        types %= self.kinds[node]
        combination: int | IntArray = 0
        for parent in self.parents[node]:
            combination = combination * self.levels[parent] + at[parent]
        return types // np.power(self.levels[node], combination, dtype=np.int64) % self.levels[node]
