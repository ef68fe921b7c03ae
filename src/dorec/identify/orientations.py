"""The graphs that a CPDAG, MPDAG or PAG stands for: what their edges imply, and single members.

An MPDAG is a CPDAG in which knowledge directed some edges (Meek 1995, arXiv:1302.4972).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from dorec.domain.errors import CyclicGraph, InputError, NotIdentifiable
from dorec.domain.graph import CausalGraph, Pair

Kind = Literal["admg", "mpdag", "mag", "pag"]


def kind_of(graph: CausalGraph) -> Kind:
    """What the marks say that a graph is: "admg" (a DAG too), "mpdag" (a CPDAG too) or "pag".

    A MAG without circles has the marks of an ADMG and is read as one: `-->` then rules a hidden common cause out.

    Raises:
        NotIdentifiable: it has marks that only selected samples give, or that no class of graphs has.

    Example:
        >>> kind_of(CausalGraph.from_edges("ab", undirected=[("a", "b")]))
        'mpdag'
        >>> from dorec.domain.graph import Edge
        >>> kind_of(CausalGraph(("a", "b"), (Edge("a", "b", "circle", "arrow"),)))
        'pag'
    """
    if graph.is_admg:
        return "admg"
    circles = [e for e in graph.edges if "circle" in (e.mark_a, e.mark_b)]
    if not circles and not graph.bidirected:
        return "mpdag"
    odd = [str(e) for e in graph.edges if "arrow" not in (e.mark_a, e.mark_b) and "tail" in (e.mark_a, e.mark_b)]
    if odd or len(graph.skeleton) < len(graph.edges):
        raise NotIdentifiable(
            f"{', '.join(odd[:5]) or 'two edges between one pair'} beside edges with circles or <-> is neither an "
            "ADMG, a CPDAG nor a PAG of an unselected sample",
            remedy="say which way these edges point (time order, an experiment)",
            evidence={"undirected": odd},
        )
    return "pag"


def oriented(graph: CausalGraph, directions: Iterable[Pair] = ()) -> CausalGraph | None:
    """The MPDAG after some of its undirected edges get directions, with all that follows (Meek's rules 1-4).

    None if no DAG of the class has these directions: they make a cycle or a new unshielded collider.

    Example:
        >>> chain = CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c")])
        >>> oriented(chain, [("a", "b")]).directed
        (('a', 'b'), ('b', 'c'))
        >>> oriented(chain, [("a", "b"), ("c", "b")]) is None
        True
    """
    pattern = _Pattern.of(graph)
    if not all(pattern.direct(a, b) for a, b in directions):
        return None
    pattern.close()
    return pattern.graph(graph) if pattern.is_consistent(graph) else None


def members(graph: CausalGraph) -> Iterator[CausalGraph]:
    """Every DAG of an MPDAG's class, each once; their number can grow exponentially with the nodes.

    Example:
        >>> len(list(members(CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c")]))))
        3
    """
    closed = oriented(graph)
    if closed is None:
        return
    if not closed.undirected:
        yield closed
        return
    a, b = closed.undirected[0]
    for direction in ((a, b), (b, a)):
        further = oriented(closed, [direction])
        if further is not None:
            yield from members(further)


def member(graph: CausalGraph) -> CausalGraph:
    """One graph of a class: a DAG of an MPDAG, a MAG of a PAG (Zhang 2006), an ADMG itself.

    Raises:
        InputError: no DAG has these edges without a cycle or a new unshielded collider.
        NotIdentifiable: the marks are those of no class.

    Example:
        >>> member(CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c")])).directed
        (('a', 'b'), ('b', 'c'))
    """
    kind = kind_of(graph)
    if kind == "pag":
        return _ancestral_member(graph)
    if kind == "admg":
        return graph
    pattern = _Pattern.of(graph)
    pattern.close()
    while (edge := pattern.first_open()) is not None:
        pattern.direct(*edge)
        pattern.close()
    if not pattern.is_consistent(graph):
        raise InputError(
            "The undirected edges can't be directed without a cycle or a new unshielded collider, so the graph stands "
            "for no DAG. Direct the edges that are known, or learn the graph again."
        )
    return pattern.graph(graph)


def unshielded_colliders(graph: CausalGraph) -> set[tuple[str, str, str]]:
    """Triples a -> b <- c with a and c not adjacent, a before c in the alphabet.

    >>> unshielded_colliders(CausalGraph.from_edges("abc", directed=[("a", "b"), ("c", "b")]))
    {('a', 'b', 'c')}
    """
    return {
        (a, b, c)
        for b in graph.nodes
        for a in graph.parents(b)
        for c in graph.parents(b)
        if a < c and frozenset((a, c)) not in graph.skeleton
    }


@dataclass(frozen=True)
class _Pattern:
    """Directed and undirected edges, changed in place."""

    parents: dict[str, set[str]]
    children: dict[str, set[str]]
    open: dict[str, set[str]]

    @classmethod
    def of(cls, graph: CausalGraph) -> "_Pattern":
        joined: dict[str, set[str]] = {node: set() for node in graph.nodes}
        for a, b in graph.undirected:
            joined[a].add(b)
            joined[b].add(a)
        return cls({n: set(graph.parents(n)) for n in graph.nodes}, {n: set(graph.children(n)) for n in joined}, joined)

    def direct(self, a: str, b: str) -> bool:
        """A - b becomes a -> b; False if b -> a, or nothing, stands there."""
        if b in self.open[a]:
            self.open[a].discard(b)
            self.open[b].discard(a)
            self.children[a].add(b)
            self.parents[b].add(a)
        return b in self.children[a]

    def first_open(self) -> Pair | None:
        return min(((a, b) for a, others in self.open.items() for b in others if a < b), default=None)

    def close(self) -> None:
        changed = True
        while changed:
            changed = False
            for a in self.open:
                for b in sorted(self.open[a]):
                    if self._forced(a, b):
                        self.direct(a, b)
                        changed = True

    def is_consistent(self, graph: CausalGraph) -> bool:
        try:
            return unshielded_colliders(self.graph(graph)) == unshielded_colliders(graph)
        except CyclicGraph:
            return False

    def graph(self, like: CausalGraph) -> CausalGraph:
        turned = (e.flipped() if e.b in self.parents[e.a] else e for e in like.edges)
        known = (replace(e, mark_a="tail", mark_b="arrow") if e.a in self.parents[e.b] else e for e in turned)
        return CausalGraph(like.nodes, tuple(known))

    def _adjacent(self, a: str, b: str) -> bool:
        return b in self.parents[a] or b in self.children[a] or b in self.open[a]

    def _forced(self, a: str, b: str) -> bool:
        """Whether a - b has to be a -> b."""
        if any(not self._adjacent(c, b) for c in self.parents[a]):  # rule 1
            return True
        if self.children[a] & self.parents[b]:  # rule 2
            return True
        between = sorted(self.open[a] & self.parents[b])
        if any(not self._adjacent(c, d) for i, c in enumerate(between) for d in between[i + 1 :]):  # rule 3
            return True
        return any(  # rule 4: a - c -> d -> b, a adjacent to d, c not to b
            not self._adjacent(c, b) and any(self._adjacent(a, d) for d in self.children[c] & self.parents[b])
            for c in self.open[a]
        )


def _ancestral_member(graph: CausalGraph) -> CausalGraph:
    """A o-> b becomes a -> b; what o-o joins becomes a DAG without unshielded colliders (maximum cardinality order)."""
    joined: dict[str, set[str]] = {node: set() for node in graph.nodes}
    for e in graph.edges:
        if e.mark_a == e.mark_b == "circle":
            joined[e.a].add(e.b)
            joined[e.b].add(e.a)
    rank: dict[str, int] = {}
    while len(rank) < len(joined):
        node = min(joined.keys() - rank.keys(), key=lambda n: (-len(joined[n] & rank.keys()), n))
        rank[node] = len(rank)
    edges = []
    for e in graph.edges:
        if e.mark_a == e.mark_b == "circle":
            a, b = sorted((e.a, e.b), key=rank.__getitem__)
            edges.append(replace(e, a=a, b=b, mark_a="tail", mark_b="arrow"))
        else:  # canonical edges have their circle, if any, at a
            edges.append(replace(e, mark_a="tail") if e.mark_a == "circle" else e)
    return CausalGraph(graph.nodes, tuple(edges))
