"""One mixed graph for DAG, ADMG, CPDAG and PAG: edges with an end mark on each side."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from dorec.domain.errors import ColumnNotFound, CyclicGraph, InputError

Mark = Literal["tail", "arrow", "circle"]
Pair = tuple[str, str]
_SYMBOL = {("tail", "arrow"): "-->", ("arrow", "tail"): "<--", ("tail", "tail"): "---"}


@dataclass(frozen=True, order=True)
class Edge:
    """An edge between `a` and `b`; `mark_a` stands at `a`, `mark_b` at `b`: tail-arrow is `a --> b`.

    >>> str(Edge("view", "cart", "tail", "arrow"))
    'view --> cart'
    """

    a: str
    b: str
    mark_a: Mark
    mark_b: Mark
    confidence: float | None = field(default=None, compare=False)
    provenance: str = field(default="", compare=False)

    def __str__(self) -> str:
        symbol = _SYMBOL.get((self.mark_a, self.mark_b))
        if symbol is None:
            left = {"tail": "-", "arrow": "<", "circle": "o"}[self.mark_a]
            right = {"tail": "-", "arrow": ">", "circle": "o"}[self.mark_b]
            symbol = f"{left}-{right}"
        return f"{self.a} {symbol} {self.b}"

    def flipped(self) -> "Edge":
        """The same edge read from the other end."""
        return Edge(self.b, self.a, self.mark_b, self.mark_a, self.confidence, self.provenance)

    def canonical(self) -> "Edge":
        """The one way in which this edge is written: causes first, else in alphabetical order."""
        if (self.mark_a, self.mark_b) in {("arrow", "tail"), ("arrow", "circle"), ("circle", "tail")}:
            return self.flipped()
        return self.flipped() if self.mark_a == self.mark_b and self.b < self.a else self


@dataclass(frozen=True)
class CausalGraph:
    """A causal graph: nodes and edges with end marks, confidence and provenance. A directed cycle is refused.

    Example:
        >>> g = CausalGraph.from_edges(["z", "x", "y"], directed=[("z", "x"), ("z", "y"), ("x", "y")])
        >>> g.directed, sorted(g.ancestors(["y"]))
        ((('x', 'y'), ('z', 'x'), ('z', 'y')), ['x', 'y', 'z'])
        >>> CausalGraph.from_edges(["a", "b"], directed=[("a", "b"), ("b", "a")])
        Traceback (most recent call last):
        ...
        dorec.domain.errors.CyclicGraph: graph_cyclic: a -> b -> a is a cycle. Remedy: remove one of these edges, ...
    """

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(self.nodes))
        if len(set(self.nodes)) < len(self.nodes):
            twice = sorted({n for n in self.nodes if self.nodes.count(n) > 1})
            raise InputError(f"nodes {', '.join(twice)} are named more than once; name each once.")
        edges = tuple(sorted({edge.canonical(): None for edge in self.edges}))
        object.__setattr__(self, "edges", edges)
        for edge in edges:
            for end in (edge.a, edge.b):
                if end not in self._position:
                    raise ColumnNotFound(end, self.nodes, where="the nodes of the graph")
            if edge.a == edge.b:
                raise CyclicGraph(f"{edge.a} -> {edge.a} is a cycle", remedy="remove the edge from a node to itself")
        cycle = self.find_cycle()
        if cycle:
            raise CyclicGraph(
                f"{' -> '.join(cycle)} is a cycle",
                remedy="remove one of these edges, or split the node by time (as in view_today, view_tomorrow)",
                evidence={"cycle": cycle},
            )

    # -- making ---------------------------------------------------------------------------------------------------

    @classmethod
    def from_edges(
        cls,
        nodes: Sequence[str],
        directed: Iterable[Pair] = (),
        bidirected: Iterable[Pair] = (),
        undirected: Iterable[Pair] = (),
        *,
        provenance: str = "",
    ) -> "CausalGraph":
        """A graph from pairs: `directed` a -> b, `bidirected` a <-> b (hidden common cause), `undirected` a - b."""
        kinds: list[tuple[Iterable[Pair], Mark, Mark]] = [
            (directed, "tail", "arrow"),
            (bidirected, "arrow", "arrow"),
            (undirected, "tail", "tail"),
        ]
        edges = [Edge(a, b, at_a, at_b, provenance=provenance) for pairs, at_a, at_b in kinds for a, b in pairs]
        return cls(tuple(nodes), tuple(edges))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "CausalGraph":
        """The graph that `to_dict` wrote."""
        return cls(tuple(data["nodes"]), tuple(Edge(**edge) for edge in data["edges"]))

    def to_dict(self) -> dict[str, Any]:
        """The graph as plain data, for JSON."""
        keys = ("a", "b", "mark_a", "mark_b", "confidence", "provenance")
        return {"nodes": list(self.nodes), "edges": [{key: getattr(e, key) for key in keys} for e in self.edges]}

    # -- formats --------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The graph as JSON text."""
        return _formats().to_json(self)

    @classmethod
    def from_json(cls, text: str) -> "CausalGraph":
        """The graph that `to_json` wrote."""
        return _formats().from_json(text)

    def to_networkx(self) -> Any:
        """A `networkx.MultiDiGraph` with end marks as edge attributes."""
        return _formats().to_networkx(self)

    @classmethod
    def from_networkx(cls, graph: Any) -> "CausalGraph":
        """The graph of a networkx graph: directed edges point, undirected ones don't, unless their marks say so."""
        return _formats().from_networkx(graph)

    def to_dot(self) -> str:
        """The graph as Graphviz DOT text."""
        return _formats().to_dot(self)

    @classmethod
    def from_dot(cls, text: str) -> "CausalGraph":
        """The graph of a DOT text: `a -> b -> c`, `a <-> b`, `a -- b`."""
        return _formats().from_dot(text)

    def to_gml(self) -> str:
        """The graph as GML text."""
        return _formats().to_gml(self)

    @classmethod
    def from_gml(cls, text: str) -> "CausalGraph":
        """The graph of a GML text."""
        return _formats().from_gml(text)

    @classmethod
    def from_bif(cls, text: str) -> "CausalGraph":
        """The structure of a Bayesian network in the BIF format."""
        return _formats().from_bif(text)

    # -- edges ----------------------------------------------------------------------------------------------------

    @cached_property
    def directed(self) -> tuple[Pair, ...]:
        """Pairs (cause, effect), sorted."""
        return self._pairs("tail", "arrow")

    @cached_property
    def bidirected(self) -> tuple[Pair, ...]:
        """Pairs with a hidden common cause, each in alphabetical order, sorted."""
        return self._pairs("arrow", "arrow")

    @cached_property
    def undirected(self) -> tuple[Pair, ...]:
        """Pairs whose direction is not known, each in alphabetical order, sorted."""
        return self._pairs("tail", "tail")

    @cached_property
    def skeleton(self) -> frozenset[frozenset[str]]:
        """The adjacent pairs, whatever their marks."""
        return frozenset(frozenset((e.a, e.b)) for e in self.edges)

    def incident(self, node: str) -> tuple[Edge, ...]:
        """The edges at a node, each read from it, sorted.

        >>> g = CausalGraph.from_edges(["a", "b", "c"], directed=[("a", "b")], bidirected=[("b", "c")])
        >>> [str(e) for e in g.incident("b")]
        ['b <-- a', 'b <-> c']
        """
        return self._incident[node]

    def edge(self, a: str, b: str) -> Edge | None:
        """The edge between a and b read from a, or None (of several, the directed one first)."""
        found = [e if e.a == a else e.flipped() for e in self.edges if {e.a, e.b} == {a, b}]
        return min(found, key=lambda e: "arrow" in (e.mark_a, e.mark_b) and e.mark_a == e.mark_b, default=None)

    @property
    def is_dag(self) -> bool:
        """Whether every edge is directed."""
        return len(self.directed) == len(self.edges)

    @property
    def is_admg(self) -> bool:
        """Whether every edge is directed or bidirected, as identification needs."""
        return len(self.directed) + len(self.bidirected) == len(self.edges)

    # -- family ---------------------------------------------------------------------------------------------------

    def parents(self, node: str) -> frozenset[str]:
        """Direct causes."""
        return self._parents[node]

    def children(self, node: str) -> frozenset[str]:
        """Direct effects."""
        return self._children[node]

    def spouses(self, node: str) -> frozenset[str]:
        """Nodes that share a hidden common cause with `node`."""
        return self._spouses[node]

    def neighbours(self, node: str) -> frozenset[str]:
        """Every adjacent node."""
        return frozenset(next(iter(pair - {node})) for pair in self.skeleton if node in pair)

    def ancestors(self, nodes: Iterable[str]) -> frozenset[str]:
        """The nodes and all their causes, direct and indirect."""
        return self._reach(nodes, self._parents)

    def descendants(self, nodes: Iterable[str]) -> frozenset[str]:
        """The nodes and all their effects, direct and indirect."""
        return self._reach(nodes, self._children)

    def topological_order(self) -> tuple[str, ...]:
        """Nodes with causes before effects; ties in the order of `nodes`."""
        order, _ = self._peeled
        return order

    # -- surgery --------------------------------------------------------------------------------------------------

    def subgraph(self, nodes: Iterable[str]) -> "CausalGraph":
        """The graph on some of its nodes."""
        keep = frozenset(nodes)
        edges = tuple(e for e in self.edges if e.a in keep and e.b in keep)
        return self._part(tuple(n for n in self.nodes if n in keep), edges)

    def without(self, edges: Collection[Edge]) -> "CausalGraph":
        """The graph without some of its edges.

        >>> g = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")])
        >>> g.without([Edge("a", "b", "tail", "arrow")]).directed
        (('b', 'c'),)
        """
        return self._part(self.nodes, tuple(e for e in self.edges if e not in edges))

    def without_edges_into(self, nodes: Iterable[str]) -> "CausalGraph":
        """The graph after an intervention on `nodes`: no arrow points into them."""
        cut = frozenset(nodes)
        arrow_in = [(e.a in cut and e.mark_a == "arrow") or (e.b in cut and e.mark_b == "arrow") for e in self.edges]
        return self._part(self.nodes, tuple(e for e, drop in zip(self.edges, arrow_in, strict=True) if not drop))

    def without_edges_out_of(self, nodes: Iterable[str]) -> "CausalGraph":
        """The graph without the directed edges that leave `nodes`."""
        cut = frozenset(nodes)
        return self._part(self.nodes, tuple(e for e in self.edges if not (e.a in cut and e.mark_a == "tail")))

    def find_cycle(self) -> list[str]:
        """A directed cycle as [a, ..., a], or an empty list."""
        _, left = self._peeled
        if not left:
            return []
        path = [min(left)]
        while True:  # every node left over has a child that is left over
            path.append(min(self._children[path[-1]] & left))
            if path[-1] in path[:-1]:
                return path[path.index(path[-1]) :]

    # -- inside ---------------------------------------------------------------------------------------------------

    @staticmethod
    def _part(nodes: tuple[str, ...], edges: tuple[Edge, ...]) -> "CausalGraph":
        """Some of the nodes and edges of a graph, in their order: what was checked there needs no check again."""
        part = object.__new__(CausalGraph)
        object.__setattr__(part, "nodes", nodes)
        object.__setattr__(part, "edges", edges)
        return part

    @cached_property
    def _position(self) -> dict[str, int]:
        return {node: i for i, node in enumerate(self.nodes)}

    @cached_property
    def _incident(self) -> dict[str, tuple[Edge, ...]]:
        found: dict[str, list[Edge]] = {node: [] for node in self.nodes}
        for edge in self.edges:
            found[edge.a].append(edge)
            found[edge.b].append(edge.flipped())
        return {n: tuple(sorted(edges, key=lambda e: (e.b, e.mark_a, e.mark_b))) for n, edges in found.items()}

    @cached_property
    def _parents(self) -> dict[str, frozenset[str]]:
        return self._collect((b, a) for a, b in self.directed)

    @cached_property
    def _children(self) -> dict[str, frozenset[str]]:
        return self._collect(self.directed)

    @cached_property
    def _spouses(self) -> dict[str, frozenset[str]]:
        return self._collect([*self.bidirected, *((b, a) for a, b in self.bidirected)])

    def _collect(self, pairs: Iterable[Pair]) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {node: set() for node in self.nodes}
        for key, value in pairs:
            found[key].add(value)
        return {node: frozenset(values) for node, values in found.items()}

    def _pairs(self, at_a: Mark, at_b: Mark) -> tuple[Pair, ...]:
        return tuple(sorted((e.a, e.b) for e in self.edges if (e.mark_a, e.mark_b) == (at_a, at_b)))

    def _reach(self, nodes: Iterable[str], step: Mapping[str, frozenset[str]]) -> frozenset[str]:
        seen = set(nodes)
        queue = deque(seen)
        while queue:
            new = step[queue.popleft()] - seen
            seen |= new
            queue.extend(new)
        return frozenset(seen)

    @cached_property
    def _peeled(self) -> tuple[tuple[str, ...], frozenset[str]]:
        """Nodes in causal order, and those that cycles hold back (with no childless node among them)."""
        missing = {node: len(self._parents[node]) for node in self.nodes}
        order = [node for node in self.nodes if not missing[node]]
        for node in order:
            for child in sorted(self._children[node], key=self._position.__getitem__):
                missing[child] -= 1
                if not missing[child]:
                    order.append(child)
        left = set(self.nodes) - set(order)
        while True:  # drop what only hangs below a cycle
            below = {n for n in left if not self._children[n] & left}
            if not below:
                return tuple(order), frozenset(left)
            left -= below


def _formats() -> Any:
    from dorec.domain import graph_formats  # loaded on use: it imports this module

    return graph_formats
