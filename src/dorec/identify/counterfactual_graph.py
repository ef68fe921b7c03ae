"""The counterfactual graph of some events: their ancestors in each world, and which of them are one node.

Make-cg of Shpitser, Pearl (2007, arXiv:1206.5294), on ancestral sets as in Correa, Lee, Bareinboim (2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dorec.domain.counterfactual import Counterfactual, Setting
from dorec.domain.graph import CausalGraph


@dataclass(frozen=True)
class Node:
    """A variable in the world where others, among its causes, are set."""

    variable: str
    do: tuple[tuple[str, Setting], ...] = ()

    def __str__(self) -> str:
        return str(Counterfactual(self.variable, do=dict(self.do)))


Value = int | Node  # a level, or the unknown value of a node


@dataclass
class CounterfactualGraph:
    """Nodes after merging, their parents' values, and the level that events give them."""

    graph: CausalGraph
    same: dict[Node, Node] = field(default_factory=dict)  # node -> the node that stands for it
    levels: dict[Node, int] = field(default_factory=dict)
    raw_parents: dict[Node, tuple[tuple[str, Value], ...]] = field(default_factory=dict)
    merged: dict[Node, list[Node]] = field(default_factory=dict)
    of_events: tuple[Node | None, ...] = ()  # the node of each event; None where its own world sets it

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that stand for others or for themselves, causes first."""
        return tuple(self.merged)

    def value(self, node: Node) -> Value:
        """The level of a node, or the node itself where it is unknown."""
        node = self.same.get(node, node)
        return self.levels.get(node, node)

    def parents(self, node: Node) -> tuple[tuple[str, Value], ...]:
        """The parents of a node and their values."""
        return tuple((name, v if isinstance(v, int) else self.value(v)) for name, v in self.raw_parents[node])

    def parent_nodes(self, node: Node) -> frozenset[Node]:
        """The nodes among the parents of a node or of one that is merged with it."""
        found = [v for one in self.merged[node] for _, v in self.raw_parents[one] if isinstance(v, Node)]
        return frozenset(self.same.get(v, v) for v in found)

    def in_words(self, node: Node) -> str:
        """A node with its level, if it has one."""
        value = self.value(node)
        return f"{node} = {value}" if isinstance(value, int) else str(node)

    def add(self, variable: str, do: dict[str, Setting]) -> Value:
        """The value of a variable in a world: a level if it is set there, else its node, added with its ancestors."""
        if variable in do:
            setting = do[variable]
            return setting if isinstance(setting, int) else self.add(variable, dict(setting.do))
        causes = self.graph.without_edges_into(do).ancestors([variable])
        mine = {name: setting for name, setting in do.items() if name in causes}
        node = Node(variable, tuple(sorted(mine.items(), key=lambda pair: pair[0])))
        if node not in self.raw_parents:
            self.raw_parents[node] = ()
            parents = sorted(self.graph.parents(variable))
            self.raw_parents[node] = tuple((name, self.add(name, mine)) for name in parents)
        return node

    def merge(self, wanted: dict[Node, int]) -> bool:
        """Make one of nodes that have the same parents at the same values; False if they would differ in value."""
        for variable in self.graph.topological_order():
            by_parents: dict[tuple[tuple[str, Value], ...], Node] = {}
            for node in sorted(
                (n for n in self.raw_parents if n.variable == variable), key=lambda n: (len(n.do), str(n))
            ):
                first = by_parents.setdefault(self.parents(node), node)
                self.same[node] = first
                self.merged.setdefault(first, []).append(node)
                if node in wanted and self.levels.setdefault(first, wanted[node]) != wanted[node]:
                    return False
        return True


def counterfactual_graph(graph: CausalGraph, events: Sequence[Counterfactual]) -> CounterfactualGraph | None:
    """The counterfactual graph of the events, or None if they can't happen together.

    Example:
        >>> g = CausalGraph.from_edges("xy", directed=[("x", "y")])
        >>> both = counterfactual_graph(g, [Counterfactual("y", 1, do={"x": 0}), Counterfactual("x", 0)])
        >>> [str(node) for node in both.nodes]
        ['x', 'y_{x=0}']
        >>> never = [Counterfactual("y", 1, do={"x": 0}), Counterfactual("y", 0), Counterfactual("x", 0)]
        >>> counterfactual_graph(g, never) is None
        True
    """
    found = CounterfactualGraph(graph)
    wanted: dict[Node, int] = {}
    values = [found.add(event.variable, dict(event.do)) for event in events]
    for event, value in zip(events, values, strict=True):
        assert event.value is not None
        if isinstance(value, int):
            if value != event.value:  # set to one level, asked for another
                return None
        elif wanted.setdefault(value, event.value) != event.value:
            return None
    if not found.merge(wanted):
        return None
    found.of_events = tuple(found.same[v] if isinstance(v, Node) else None for v in values)
    return found
