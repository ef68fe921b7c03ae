"""Whether a set separates two others in a graph with hidden common causes, and a path that shows it does not."""

from collections import deque
from collections.abc import Iterable, Sequence

from dorec.domain.errors import ColumnNotFound, NotIdentifiable
from dorec.domain.graph import CausalGraph, Edge
from dorec.identify.orientations import member

Names = str | Iterable[str]


def is_d_separated(graph: CausalGraph, x: Names, y: Names, given: Names = ()) -> bool:
    """Whether every path between x and y is blocked by `given`: m-separation, which in a DAG is d-separation.

    A bidirected edge stands for a hidden common cause of its ends. Takes time linear in the edges (Shachter 1998;
    Richardson 2003, doi:10.1111/1467-9469.00323). A CPDAG, MPDAG or PAG separates what each of its graphs does: one of
    them is asked.

    Args:
        graph: an ADMG, CPDAG, MPDAG or PAG.
        x, y, given: a node or several; nodes that are in `given` too are separated from everything.

    Raises:
        ColumnNotFound: a node is not in the graph.
        NotIdentifiable: the marks are those of no class of graphs.

    Example:
        >>> g = CausalGraph.from_edges(["x", "c", "y"], directed=[("x", "c"), ("y", "c")])
        >>> is_d_separated(g, "x", "y"), is_d_separated(g, "x", "y", "c")
        (True, False)
    """
    return open_path(graph, x, y, given) is None


def open_path(graph: CausalGraph, x: Names, y: Names, given: Names = ()) -> list[Edge] | None:
    """A shortest path from x to y that `given` leaves open, as edges read along it, or None if there is none.

    A path is open if none of its colliders lacks a descendant in `given` (or is in it), and no other node is in it.
    In a class of graphs it is a path of one of them, with the class's marks.

    Example:
        >>> g = CausalGraph.from_edges(["t", "u", "y"], directed=[("u", "t"), ("u", "y"), ("t", "y")])
        >>> in_words(open_path(g.without_edges_out_of(["t"]), "t", "y"))
        't <- u -> y'
    """
    starts, ends, blocked = (as_names(graph, names) for names in (x, y, given))
    if not graph.is_admg:
        return _path_in_class(graph, starts, ends, blocked)
    opened = graph.ancestors(blocked)
    before: dict[tuple[str, bool], tuple[tuple[str, bool], Edge] | None] = {}
    queue: deque[tuple[str, bool]] = deque()
    for start in sorted(starts - blocked):
        if start in ends:
            return []
        before[start, False] = None
        queue.append((start, False))
    while queue:
        state = queue.popleft()
        node, by_arrow = state
        for edge in graph.incident(node):
            if before[state] is not None and not _passes(node, by_arrow, edge, blocked, opened):
                continue
            after = (edge.b, edge.mark_b == "arrow")
            if after in before or edge.b in starts:
                continue
            before[after] = (state, edge)
            if edge.b in ends and edge.b not in blocked:
                return _walk_back(before, after)
            queue.append(after)
    return None


def connected(graph: CausalGraph, x: Names, given: Names = ()) -> frozenset[str]:
    """Every node outside `given` that is not separated from x by it, x included: one search for all of them.

    Example:
        >>> g = CausalGraph.from_edges("xcyz", directed=[("x", "c"), ("y", "c"), ("y", "z")])
        >>> sorted(connected(g, "x")), sorted(connected(g, "x", "c"))
        (['c', 'x'], ['x', 'y', 'z'])
    """
    starts, blocked = as_names(graph, x), as_names(graph, given)
    graph = member(graph)
    opened = graph.ancestors(blocked)
    seen = {(edge.b, edge.mark_b == "arrow") for start in starts - blocked for edge in graph.incident(start)}
    queue = list(seen)
    while queue:
        node, by_arrow = queue.pop()
        for edge in graph.incident(node):
            after = (edge.b, edge.mark_b == "arrow")
            if after not in seen and _passes(node, by_arrow, edge, blocked, opened):
                seen.add(after)
                queue.append(after)
    return (frozenset(node for node, _ in seen) | starts) - blocked


def in_words(path: Sequence[Edge] | None) -> str:
    """A path as a person writes it: `t <- u -> y`, with the hidden common cause of a bidirected edge spelled out.

    >>> in_words([Edge("t", "y", "arrow", "arrow")])
    't <-> y (hidden common cause)'
    """
    if not path:
        return ""
    text = path[0].a
    for edge in path:
        left = {"arrow": "<", "circle": "o", "tail": ""}[edge.mark_a]
        right = {"arrow": ">", "circle": "o", "tail": ""}[edge.mark_b]
        text += f" {left}-{right} {edge.b}"
    hidden = sum(edge.mark_a == edge.mark_b == "arrow" for edge in path)
    return text + (f" (hidden common cause{'s' if hidden > 1 else ''})" if hidden else "")


def as_names(graph: CausalGraph, names: Names) -> frozenset[str]:
    """The names as a set, each of them a node of the graph."""
    found = frozenset([names] if isinstance(names, str) else names)
    for name in sorted(found - set(graph.nodes)):
        raise ColumnNotFound(name, graph.nodes, where="the nodes of the graph")
    return found


def needs_directions(graph: CausalGraph) -> None:
    """Refuse a graph with edges whose direction is not known."""
    if graph.is_admg:
        return
    unknown = [str(e) for e in graph.edges if e.mark_a != "arrow" and (e.mark_a, e.mark_b) != ("tail", "arrow")]
    raise NotIdentifiable(
        f"the direction of {', '.join(unknown[:5])} is not known; only graphs of -> and <-> are read",
        remedy="say which way these edges point (time order, an experiment), and ask once for each possible graph",
        evidence={"undirected": unknown},
    )


def _path_in_class(graph: CausalGraph, x: Names, y: Names, given: Names) -> list[Edge] | None:
    path = open_path(member(graph), x, y, given)
    return None if path is None else [graph.edge(e.a, e.b) or e for e in path]


def _passes(node: str, by_arrow: bool, edge: Edge, blocked: frozenset[str], opened: frozenset[str]) -> bool:
    """Whether a path that came into `node` may go on along `edge`."""
    collider = by_arrow and edge.mark_a == "arrow"
    return node in opened if collider else node not in blocked


def _walk_back(
    before: dict[tuple[str, bool], tuple[tuple[str, bool], Edge] | None], state: tuple[str, bool]
) -> list[Edge]:
    # a shortest open walk never visits a node twice, so it is a path
    path = []
    while (step := before[state]) is not None:
        state, edge = step
        path.append(edge)
    return path[::-1]
