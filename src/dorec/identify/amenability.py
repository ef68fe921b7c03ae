"""Which effects a class of graphs can have, and whether all of its graphs agree enough to be adjusted for.

A query is amenable if every path that may be causal starts with an edge that is causal in every graph of the class,
and that hides no common cause (Perković, Textor, Kalisch, Maathuis 2018, jmlr.org/papers/v18/16-319.html; MPDAGs:
Perković, Kalisch, Maathuis 2017, arXiv:1707.02171).
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from dorec.domain.errors import NotIdentifiable
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.query import CausalQuery
from dorec.identify.orientations import Kind, kind_of, member, oriented

Set = frozenset[str]
Path = list[Edge]


@dataclass(frozen=True)
class ClassReading:
    """What a class of graphs says about the effects of x on y."""

    kind: Kind
    member: CausalGraph  # one DAG or MAG of the class
    causal: Set  # nodes that are on a causal path in some graph of the class; without x
    forbidden: Set  # what comes after these in some graph
    after: Set  # what comes after x in some graph, x included
    obstacle: tuple[Edge, ...]  # a path that may be causal and starts with an edge that may not; empty if amenable

    @classmethod
    def of(cls, graph: CausalGraph, x: Set, y: Set, kind: Kind | None = None) -> "ClassReading":
        """The reading of a CPDAG, MPDAG, MAG or PAG; `kind` only has to be said of a MAG without circles.

        Raises:
            NotIdentifiable: the marks are those of no class.
            InputError: no DAG has these edges.

        Example:
            >>> g = CausalGraph.from_edges("xvy", directed=[("v", "y"), ("x", "y")], undirected=[("x", "v")])
            >>> [str(e) for e in ClassReading.of(g, frozenset("x"), frozenset("y")).obstacle]
            ['x --- v', 'v --> y']
        """
        kind = kind or kind_of(graph)
        one = member(graph)
        if kind == "admg":
            causal = causal_nodes(graph, x, y)
            return cls(kind, graph, causal, graph.descendants(causal), graph.descendants(x), ())
        if kind == "mpdag":
            closed = oriented(graph) or graph
            obstacle = _unsettled_start(closed, x, y)
            after = possible_descendants(closed, x)
            causal = causal_nodes(one, x, y)  # in an amenable class the members' valid sets are the same
            return cls(kind, one, causal, one.descendants(causal), after, obstacle)
        onward = _walk(graph, {e.b for node in x for e in graph.incident(node) if e.mark_a != "arrow"} - x, x)
        back = frozenset(n for n in onward if _walk(graph, {n}, x) & y)
        after = _walk(graph, x, frozenset()) | x
        return cls(kind, one, back, _walk(graph, back, frozenset()), after, _invisible_start(graph, x, y))


def needs_amenability(reading: ClassReading, query: CausalQuery) -> None:
    """Refuse a query that graphs of the class answer differently.

    Raises:
        NotIdentifiable: naming the edge, and what would settle it.
    """
    if not reading.obstacle:
        return
    first = reading.obstacle[0]
    both = f"the direction of {first}" if "tail" not in (first.mark_a, first.mark_b) or _is_undirected(first) else ""
    doubt = (
        f"{both} is not known" if both else f"{first} may hide a common cause: no other edge of the graph rules one out"
    )
    remedy = (
        f"say which way {first.a} and {first.b} are joined (time order, an experiment on {first.a}), or ask for the "
        "effects over the class with possible_effects"
        if reading.kind == "mpdag"
        else f"say what joins {first.a} and {first.b} (time order, an experiment on {first.a}), or find a cause of "
        f"{first.a} that is not joined to {first.b}"
    )
    path = " ".join([first.a, *(f"{str(e)[len(e.a) + 1 :]}" for e in reading.obstacle)])
    raise NotIdentifiable(
        f"graphs that the data can't tell apart answer {query} differently: {doubt}, and {path} may be causal",
        remedy=remedy,
        evidence={"edge": str(first), "path": [str(e) for e in reading.obstacle], "kind": reading.kind},
    )


def possible_descendants(graph: CausalGraph, nodes: Iterable[str]) -> Set:
    """The nodes and all that come after one of them in some DAG of the MPDAG's class (closed under Meek's rules).

    Example:
        >>> g = CausalGraph.from_edges("abc", directed=[("c", "b")], undirected=[("a", "c")])
        >>> sorted(possible_descendants(g, "a")), sorted(possible_descendants(g, "b"))
        (['a', 'b', 'c'], ['b'])
    """
    found = set(nodes)
    for start in sorted(found):
        found |= {e.b for e in _unshielded(graph, start, frozenset())}
    return frozenset(found)


def is_visible(graph: CausalGraph, a: str, b: str) -> bool:
    """Whether a -> b of a MAG or PAG can't hide a common cause of a and b (Zhang 2008).

    So it is if a node that is not joined to b points into a, or into a chain of <-> that ends in a and whose nodes are
    all parents of b.

    Example:
        >>> edges = (Edge("i", "a", "circle", "arrow"), Edge("a", "b", "tail", "arrow"))
        >>> is_visible(CausalGraph(("i", "a", "b"), edges), "a", "b")
        True
    """
    chain, queue = {a}, [a]
    while queue:
        for e in graph.incident(queue.pop()):
            if e.mark_a != "arrow" or e.b == b:
                continue
            if frozenset((e.b, b)) not in graph.skeleton:
                return True
            if e.mark_b == "arrow" and e.b in graph.parents(b) and e.b not in chain:
                chain.add(e.b)
                queue.append(e.b)
    return False


def _is_undirected(edge: Edge) -> bool:
    return edge.mark_a == edge.mark_b == "tail"


def causal_nodes(graph: CausalGraph, x: Set, y: Set) -> Set:
    """Nodes on a directed path from x to y that visits x only at its start; without x.

    >>> g = CausalGraph.from_edges("xmyd", directed=[("x", "m"), ("m", "y"), ("m", "d")])
    >>> sorted(causal_nodes(g, frozenset("x"), frozenset("y")))
    ['m', 'y']
    """
    rest = graph.subgraph(frozenset(graph.nodes) - x)
    starts = frozenset[str]().union(*(graph.children(node) for node in x)) - x
    return rest.descendants(starts) & rest.ancestors(y)


def _walk(graph: CausalGraph, starts: Iterable[str], avoid: Set) -> Set:
    """What edges without an arrowhead at their start lead to; in CPDAGs and PAGs such walks are enough."""
    seen = set(starts)
    queue = list(seen)
    while queue:
        for e in graph.incident(queue.pop()):
            if e.mark_a != "arrow" and e.b not in seen and e.b not in avoid:
                seen.add(e.b)
                queue.append(e.b)
    return frozenset(seen)


def _invisible_start(graph: CausalGraph, x: Set, y: Set) -> tuple[Edge, ...]:
    for start in sorted(x):
        for e in graph.incident(start):
            certain = (e.mark_a, e.mark_b) == ("tail", "arrow") and is_visible(graph, e.a, e.b)
            if e.mark_a == "arrow" or e.b in x or certain:
                continue
            path = _onward(graph, e, y, x)
            if path:
                return path
    return ()


def _onward(graph: CausalGraph, first: Edge, y: Set, avoid: Set) -> tuple[Edge, ...]:
    """A shortest path that may be causal, from this first edge to y."""
    before: dict[str, Path] = {first.b: [first]}
    queue = deque([first.b])
    while queue:
        node = queue.popleft()
        if node in y:
            return tuple(before[node])
        for e in graph.incident(node):
            if e.mark_a != "arrow" and e.b not in before and e.b not in avoid:
                before[e.b] = [*before[node], e]
                queue.append(e.b)
    return ()


def _unsettled_start(graph: CausalGraph, x: Set, y: Set) -> tuple[Edge, ...]:
    """A path that is causal in some DAG of an MPDAG and starts with an undirected edge."""
    for start in sorted(x):
        for e in graph.incident(start):
            if not _is_undirected(e) or e.b in x:
                continue
            if e.b in y:
                return (e,)
            settled = oriented(graph, [(start, e.b)])
            onward = _unshielded_path(settled, e.b, y, x) if settled else []
            if onward:
                return (e, *(_as_in(graph, step) for step in onward))
    return ()


def _as_in(graph: CausalGraph, step: Edge) -> Edge:
    return graph.edge(step.a, step.b) or step


def _unshielded_path(graph: CausalGraph, start: str, ends: Set, avoid: Set) -> Path:
    before: dict[Edge, Edge | None] = {}
    for e in _unshielded(graph, start, avoid, before):
        if e.b in ends:
            path: Path = []
            step: Edge | None = e
            while step is not None:
                path.append(step)
                step = before[step]
            return path[::-1]
    return []


def _unshielded(
    graph: CausalGraph, start: str, avoid: Set, before: dict[Edge, Edge | None] | None = None
) -> Iterable[Edge]:
    """Edges of paths from `start` without an arrowhead back and without shielded triples, nearest first.

    In an MPDAG only such paths are sure to be causal in some DAG.
    """
    before = {} if before is None else before
    queue: deque[Edge] = deque()
    for e in graph.incident(start):
        if e.mark_a == "tail" and e.b not in avoid:
            before[e] = None
            queue.append(e)
    while queue:
        edge = queue.popleft()
        yield edge
        for e in graph.incident(edge.b):
            if e.mark_a != "tail" or e in before or e.b in avoid or e.b == edge.a:
                continue
            if frozenset((edge.a, e.b)) not in graph.skeleton:
                before[e] = edge
                queue.append(e)
