"""Front-door sets: mediators that carry all of the effect and share no hidden cause with its ends."""

from dorec.domain.estimand import Estimand
from dorec.domain.expression import Expression, Probability, Product, Sum
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify.separation import Names, as_names, connected, is_d_separated, needs_directions


def is_front_door_set(graph: CausalGraph, query: CausalQuery, mediators: Names, unobserved: Names = ()) -> bool:
    """Whether the front-door formula over these mediators is P(y | do(x)) (Pearl 1995, doi:10.1093/biomet/82.4.669).

    They are on every directed path from treatments to outcomes, no back-door path leads from the treatments to them,
    and the treatments block every back-door path from them to the outcomes.

    Args:
        graph: directed and bidirected edges.
        query: treatments and outcomes, no conditions.
        mediators: the set.
        unobserved: nodes of the graph that were not measured.

    Example:
        >>> g = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y")], bidirected=[("x", "y")])
        >>> is_front_door_set(g, CausalQuery("x", "y"), "m"), is_front_door_set(g, CausalQuery("x", "y"), [])
        (True, False)
    """
    needs_directions(graph)
    x, y, m = (as_names(graph, names) for names in (query.treatments, query.outcomes, mediators))
    if query.conditions or m & (x | y | as_names(graph, unobserved)):
        return False
    return (
        _intercepts(graph, x, y, m)
        and is_d_separated(graph.without_edges_out_of(x), x, m)
        and is_d_separated(graph.without_edges_out_of(m), m, y, x)
    )


def front_door_set(graph: CausalGraph, query: CausalQuery, unobserved: Names = ()) -> tuple[str, ...] | None:
    """A front-door set from which nothing can be left out, or None if there is no front-door set.

    The largest set that both back-door conditions allow is found by leaving out what breaks them, which no smaller set
    can mend (Jeong, Tian, Bareinboim 2022, arXiv:2210.05816); then nodes go that are not needed, in the order of names.

    Example:
        >>> edges = [("x", "m"), ("m", "k"), ("k", "y")]
        >>> g = CausalGraph.from_edges("xmky", directed=edges, bidirected=[("x", "y")])
        >>> front_door_set(g, CausalQuery("x", "y"))
        ('m',)
    """
    needs_directions(graph)
    x, y, hidden = (as_names(graph, names) for names in (query.treatments, query.outcomes, unobserved))
    if query.conditions or not graph.descendants(x) & y:
        return None
    found = frozenset(graph.nodes) - y - hidden - connected(graph.without_edges_out_of(x), x)
    while True:
        kept = found - connected(graph.without_edges_out_of(found), y, x)
        if kept == found:
            break
        found = kept
    if not _intercepts(graph, x, y, found):
        return None
    for node in sorted(found, key=lambda v: (v in graph.descendants(x), v)):
        rest = found - {node}
        if _intercepts(graph, x, y, rest) and is_d_separated(graph.without_edges_out_of(rest), rest, y, x):
            found = rest
    return tuple(sorted(found))


def identify_by_front_door(graph: CausalGraph, query: CausalQuery, unobserved: Names = ()) -> Estimand | None:
    """The front-door estimand with its mediators, or None if no set is a front door.

    Example:
        >>> g = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y")], bidirected=[("x", "y")])
        >>> print(identify_by_front_door(g, CausalQuery("x", "y")))
        P(y | do(x)) = Σ_{m} P(m | x) Σ_{x} P(y | x, m) P(x)
    """
    mediators = front_door_set(graph, query, unobserved)
    if not mediators:
        return None
    what, to = " and ".join(query.treatments), " and ".join(query.outcomes)
    through = ", ".join(mediators)
    return Estimand(
        query=query,
        strategy="front-door",
        expression=through_mediators(query, mediators),
        mediators=mediators,
        assumptions=(
            "the graph is right: no arrow and no hidden common cause is missing from it",
            f"in the graph, all of the effect of {what} on {to} passes through {through}",
            f"in the graph, nothing hidden causes both {what} and {through}, nor both {through} and {to}",
            f"one unit's {what} does not change another unit's outcome",
            f"every kind of unit could have had each level of {through} under each level of {what}",
        ),
    )


def through_mediators(query: CausalQuery, mediators: tuple[str, ...]) -> Expression:
    """Σ_m P(m | x) Σ_x P(y | x, m) P(x).

    >>> print(through_mediators(CausalQuery("x", "y"), ("m",)))
    Σ_{m} P(m | x) Σ_{x} P(y | x, m) P(x)
    """
    x, y = query.treatments, query.outcomes
    inner = Sum(x, Product((Probability(y, (*x, *mediators)), Probability(x))))
    return Sum(mediators, Product((Probability(mediators, x), inner)))


def _intercepts(graph: CausalGraph, x: frozenset[str], y: frozenset[str], m: frozenset[str]) -> bool:
    left = graph.subgraph(frozenset(graph.nodes) - m)
    return not left.descendants(x) & y
