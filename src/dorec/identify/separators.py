"""Minimal separators of an undirected graph, and the undirected graph in which they are adjustment sets."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from dorec.domain.graph import CausalGraph

Undirected = dict[str, set[str]]
LEFT, RIGHT = "\x00left", "\x00right"  # the two sides, each merged into one node


def moral_graph(graph: CausalGraph) -> Undirected:
    """Nodes joined if a path of colliders joins them (the augmented graph of Richardson 2003), (node -> neighbours).

    In an ancestral set, m-separation is separation here: each district and its parents become one clique.

    >>> sorted(moral_graph(CausalGraph.from_edges("abc", directed=[("a", "c"), ("b", "c")]))["a"])
    ['b', 'c']
    """
    joined: Undirected = {node: set() for node in graph.nodes}
    for district in districts(graph):
        _make_clique(joined, set(district).union(*(graph.parents(node) for node in district)))
    return joined


def districts(graph: CausalGraph) -> list[frozenset[str]]:
    """Nodes that bidirected edges hold together (c-components), in the order of their first node.

    >>> [sorted(d) for d in districts(CausalGraph.from_edges("abc", bidirected=[("a", "c")]))]
    [['a', 'c'], ['b']]
    """
    found, seen = [], set[str]()
    spouses = {node: graph.spouses(node) for node in graph.nodes}
    for node in graph.nodes:
        if node not in seen:
            district = component(spouses, node)
            seen |= district
            found.append(district)
    return found


def component(joined: Mapping[str, Iterable[str]], start: str, without: frozenset[str] = frozenset()) -> frozenset[str]:
    """What can be reached from `start` without passing through `without`."""
    seen, queue = {start}, [start]
    while queue:
        for other in joined[queue.pop()]:
            if other not in seen and other not in without:
                seen.add(other)
                queue.append(other)
    return frozenset(seen)


def sides(
    graph: CausalGraph, x: frozenset[str], y: frozenset[str], given: frozenset[str], allowed: frozenset[str]
) -> Undirected:
    """The undirected graph whose LEFT-RIGHT separators in `allowed`, with `given`, separate x from y.

    It is the moral graph of the ancestors of x, y and given. Given nodes are taken out, and so are nodes that are not
    allowed, whose neighbours are joined with each other.
    """
    joined = moral_graph(graph.subgraph(graph.ancestors(x | y | given)))
    for node in sorted(given):
        for other in joined.pop(node):
            joined[other].discard(node)
    for node in sorted(set(joined) - x - y - allowed):
        around = joined.pop(node)
        for other in around:
            joined[other].discard(node)
        _make_clique(joined, around)
    merged = {node: LEFT if node in x else RIGHT if node in y else node for node in joined}
    out: Undirected = {LEFT: set(), RIGHT: set(), **{node: set() for node in joined if merged[node] == node}}
    for node, others in joined.items():
        out[merged[node]] |= {merged[other] for other in others} - {merged[node]}
    return out


def minimal_separators(joined: Undirected) -> Iterator[frozenset[str]]:
    """Every minimal set that separates LEFT from RIGHT, those near RIGHT first (Shen, Liang 1997; Berry et al. 2000).

    From a separator, one of its nodes joins the right side and what then bounds the left side is the next: every
    minimal separator is reached, each after work polynomial in the graph.
    """
    if RIGHT in joined[LEFT]:
        return
    first = _close_to(joined, frozenset((RIGHT,)))
    seen, queue = {first}, deque([first])
    while queue:
        separator = queue.popleft()
        yield separator
        right = component(joined, RIGHT, separator)
        for node in sorted(separator - joined[LEFT]):
            after = _close_to(joined, right | {node})
            if after not in seen:
                seen.add(after)
                queue.append(after)


def _close_to(joined: Undirected, side: frozenset[str]) -> frozenset[str]:
    """The part of the boundary of `side` that LEFT's component, without side and boundary, touches."""
    boundary = frozenset(set().union(*(joined[node] for node in side)) - side)
    left = component(joined, LEFT, side | boundary)
    return frozenset(node for node in boundary if joined[node] & left)


def _make_clique(joined: Undirected, nodes: set[str]) -> None:
    for node in nodes:
        joined[node] |= nodes - {node}
