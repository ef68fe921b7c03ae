"""The DAGs that a class of equivalent ones stands for. Nodes are positions 0..d-1 inside, names outside."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dorec.discover.orientation import PartlyDirected, meek
from dorec.domain.errors import CyclicGraph, InputError, TooLarge
from dorec.domain.graph import CausalGraph, Edge, Pair

MAX_EXTENSIONS = 5_000  # DAGs of one undirected component


def as_places(graph: CausalGraph) -> PartlyDirected:
    """The directed and undirected edges of a graph over positions."""
    place = {node: i for i, node in enumerate(graph.nodes)}
    d = len(graph.nodes)
    adjacent = np.zeros((d, d), dtype=bool)
    for a, b in [*graph.directed, *graph.undirected]:
        adjacent[place[a], place[b]] = adjacent[place[b], place[a]] = True
    partly = PartlyDirected.of(adjacent, np.ones((d, d), dtype=bool))
    for a, b in graph.directed:
        partly.orient(place[a], place[b])
    return partly


def components(graph: PartlyDirected) -> list[list[int]]:
    """Nodes that undirected edges join, as lists; a node without such an edge is alone."""
    left, found = set(range(len(graph.open))), []
    while left:
        component: set[int] = set()
        stack = [min(left)]
        while stack:
            node = stack.pop()
            if node not in component:
                component.add(node)
                stack += graph.open[node]
        found.append(sorted(component))
        left -= component
    return found


def extensions(graph: PartlyDirected, component: list[int], names: tuple[str, ...]) -> Iterator[PartlyDirected]:
    """Every way to direct a component's edges without a new collider or a cycle.

    Meek's rules after every choice leave no dead end, so each step of the walk leads to a DAG.

    Raises:
        InputError: there is no way; the graph was no class.
        TooLarge: there are more than 5,000.
    """
    edges = [(i, j) for i in component for j in sorted(graph.open[i]) if i < j]
    stack, n_found = [graph], 0
    while stack:
        now = stack.pop()
        a, b = next(((i, j) for i, j in edges if j in now.open[i]), (-1, -1))
        if a < 0:
            n_found += 1
            if n_found > MAX_EXTENSIONS:
                raise TooLarge(
                    f"the undirected edges around {', '.join(names[i] for i in component[:8])} stand for more than "
                    f"{MAX_EXTENSIONS:,} DAGs",
                    remedy="compare by SHD, or orient some of these edges by knowledge",
                )
            yield now
            continue
        for cause, effect in ((b, a), (a, b)):
            if now.can_orient(cause, effect):
                further = _copy(now)
                further.orient(cause, effect)
                meek(further, edges)
                stack.append(further)
    if not n_found:
        raise InputError(f"The edges around {names[component[0]]} stand for no DAG; hand in a CPDAG.")


def _copy(graph: PartlyDirected) -> PartlyDirected:
    parents, children, loose = ([set(s) for s in of] for of in (graph.parents, graph.children, graph.open))
    return PartlyDirected(graph.adjacent, graph.may_cause, parents, children, loose)


def a_member(graph: CausalGraph) -> CausalGraph:
    """One graph of the class: every edge directed or bidirected, with the class's independences.

    Undirected edges and those with a circle at both ends are directed without a new collider; a circle opposite an
    arrowhead becomes a tail (Zhang 2008, doi:10.1016/j.artint.2008.08.001). The edges that resamples share may be no
    class: then open edges follow the causal order of the directed ones.

    Raises:
        InputError: an edge has a circle and a tail (selection).

    Example:
        >>> a_member(CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c")])).directed
        (('a', 'b'), ('b', 'c'))
    """
    selected = [str(e) for e in graph.edges if {e.mark_a, e.mark_b} == {"circle", "tail"}]
    if selected:
        raise InputError(
            f"{', '.join(selected[:5])} may come from selection into the sample, which has no directed form here."
        )
    settled = [
        replace(e, mark_a="tail") if (e.mark_a, e.mark_b) == ("circle", "arrow") else e
        for e in graph.edges
        if e.mark_b == "arrow"
    ]
    loose = [(e.a, e.b) for e in graph.edges if e.mark_b != "arrow"]
    if not loose:
        return CausalGraph(graph.nodes, tuple(settled))
    try:
        return CausalGraph(graph.nodes, (*settled, *_directed(graph.nodes, loose)))
    except (CyclicGraph, InputError, TooLarge):  # no class: what resamples or methods share, say
        order = {node: i for i, node in enumerate(CausalGraph(graph.nodes, tuple(settled)).topological_order())}
        along = [Edge(*((a, b) if order[a] < order[b] else (b, a)), "tail", "arrow") for a, b in loose]
        return CausalGraph(graph.nodes, (*settled, *along))


def _directed(nodes: tuple[str, ...], loose: list[Pair]) -> list[Edge]:
    """Undirected edges with directions that make no collider."""
    partly = as_places(CausalGraph.from_edges(nodes, undirected=loose))
    for component in components(partly):
        if len(component) > 1:
            partly = next(extensions(partly, component, nodes))
    return [Edge(nodes[i], nodes[j], "tail", "arrow") for i, below in enumerate(partly.children) for j in below]
