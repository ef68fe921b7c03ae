"""Natural direct and indirect effects: what of an effect passes through mediators.

Y_{x, M_{x*}} is identified if no hidden cause and no effect of the treatment ties what sees x to what sees x*: the
recanting witness (Avin, Shpitser, Pearl 2005) and district (Shpitser 2013, doi:10.1111/cogs.12058) criteria.
"""

from dorec.domain.errors import InputError, NotIdentifiable
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Expression, Renamed
from dorec.domain.graph import CausalGraph
from dorec.domain.mediation import STAR, MediationEstimand
from dorec.domain.query import CausalQuery
from dorec.domain.simplification import simplified
from dorec.identify.id_algorithm import Distribution, Hedge, identify_c_factor, product_of, sum_over
from dorec.identify.identify import identify
from dorec.identify.projection import latent_projection
from dorec.identify.separation import Names, as_names, needs_directions
from dorec.identify.separators import districts

Set = frozenset[str]


def identify_mediation(graph: CausalGraph, query: CausalQuery, unobserved: Names = ()) -> MediationEstimand:
    """P(Y_{x, M_{x*}}) in terms of the observed distribution, and with it natural direct and indirect effects.

    The mediators move together: those of the query are what they would be under x*, everything else sees x. The
    criterion is complete for models in which every variable has a response of its own (Shpitser 2013).

    Args:
        graph: directed and bidirected edges.
        query: treatments, outcomes and mediators, no conditions.
        unobserved: other nodes that were not measured.

    Raises:
        InputError: the query has no mediators, or conditions, or a node in two roles.
        NotIdentifiable: with the recanting witness or district, or the total effect is not identified.

    Example:
        >>> edges = [("x", "m"), ("m", "y"), ("x", "y"), ("z", "m"), ("z", "y")]
        >>> g = CausalGraph.from_edges("zxmy", directed=edges)
        >>> print(identify_mediation(g, CausalQuery("x", "y", mediators="m")))
        P(y_{x, m_{x*}}) = Σ_{z, m} P(y | z, x, m) P(m | z, x*) P(z)
        >>> late = CausalGraph.from_edges("xwmy", directed=[("x", "w"), ("w", "m"), ("w", "y"), ("m", "y")])
        >>> identify_mediation(late, CausalQuery("x", "y", mediators="m"))
        Traceback (most recent call last):
        ...
        dorec.domain.errors.NotIdentifiable: not_identifiable: w is affected by x, and affects both m and y other than
        through m: it would have to see x and x* at once (recanting witness). Remedy: ...
    """
    taken = sorted({n + STAR for n in query.treatments} & frozenset(graph.nodes))
    if taken:
        raise InputError(f"A node is called {taken[0]!r}, as the treatment's other value is; rename it.")
    x, y, m = _parts(graph, query)
    hidden = as_names(graph, unobserved)
    _refuse_hidden(query, hidden)
    projected = latent_projection(graph, hidden)
    starred = _sees_other_value(projected, x, y, m)
    relevant = projected.subgraph(projected.ancestors(y))
    nested = _nested(relevant, query, starred)
    return MediationEstimand(
        query=query,
        nested=nested,
        controlled=_controlled(graph, query, hidden),
        assumptions=_assumptions(query),
    )


def controlled_query(query: CausalQuery) -> CausalQuery:
    """The query of the controlled direct effect: treatments and mediators are both set.

    >>> str(controlled_query(CausalQuery("x", "y", mediators="m")))
    'P(y | do(x), do(m))'
    """
    return CausalQuery((*query.treatments, *query.mediators), query.outcomes)


def _parts(graph: CausalGraph, query: CausalQuery) -> tuple[Set, Set, Set]:
    needs_directions(graph)
    x, y, m = (as_names(graph, names) for names in (query.treatments, query.outcomes, query.mediators))
    if not m or query.conditions:
        raise InputError(
            f"{query} needs mediators and no conditions to be split; name them in CausalQuery(mediators=)."
        )
    if m & (x | y):
        raise InputError(f"{', '.join(sorted(m & (x | y)))} stands in more than one role; give each node one role.")
    return x, y, m


def _refuse_hidden(query: CausalQuery, hidden: Set) -> None:
    asked = sorted(hidden & {*query.treatments, *query.outcomes, *query.mediators})
    if asked:
        raise NotIdentifiable(
            f"{', '.join(asked)} was not measured, and splitting {query} needs it",
            remedy=f"measure {', '.join(asked)}",
            evidence={"unobserved": asked},
        )


def _sees_other_value(graph: CausalGraph, x: Set, y: Set, m: Set) -> Set:
    """The nodes that respond to x*: mediators and what leads to them; refused if one of them has to see x too."""
    free = graph.subgraph(frozenset(graph.nodes) - x)
    to_mediators = free.ancestors(m & free.ancestors(y))
    beside = graph.subgraph(frozenset(graph.nodes) - x - m).ancestors(y)
    affected = graph.subgraph(frozenset(graph.nodes) - m).descendants(x)  # through m, both would see what m is
    witnesses = sorted(to_mediators & beside & affected)
    if witnesses:
        named, xs, ms, ys = (", ".join(sorted(n)) for n in (witnesses, x, m, y))
        stars = ", ".join(n + STAR for n in sorted(x))
        raise NotIdentifiable(
            f"{named} is affected by {xs}, and affects both {ms} and {ys} other than through {ms}: it would have to "
            f"see {xs} and {stars} at once (recanting witness)",
            remedy=f"take {named} to the mediators, or ask for the controlled effect of {xs} at set values of {ms}",
            evidence={"recanting_witness": witnesses},
        )
    return to_mediators


def _nested(graph: CausalGraph, query: CausalQuery, starred: Set) -> Expression:
    """Σ of the product of the districts' c-factors, those that see x* renamed."""
    x, y = frozenset(query.treatments), frozenset(query.outcomes)
    rest = graph.subgraph(frozenset(graph.nodes) - x)
    needed = rest.ancestors(y)
    other = tuple((n, n + STAR) for n in query.treatments)
    terms = []
    for part in districts(rest.subgraph(needed)):
        seeing = {n for n in part if graph.parents(n) & x}
        if seeing & starred and seeing - starred:
            raise _recanting_district(query, part, seeing, starred)
        try:
            term = simplified(identify_c_factor(Distribution(graph), part))
        except Hedge as hedge:
            raise _hedged(query, hedge) from None
        terms.append(Renamed(term, other) if seeing & starred else term)
    order = tuple(n for n in graph.topological_order() if n in needed - y)
    return sum_over(order, product_of(terms[::-1]))


def _recanting_district(query: CausalQuery, part: Set, seeing: set[str], starred: Set) -> NotIdentifiable:
    one, other = (", ".join(sorted(n)) for n in (seeing & starred, seeing - starred))
    return NotIdentifiable(
        f"hidden common causes tie {one}, which would see {', '.join(n + STAR for n in query.treatments)}, to {other}, "
        f"which would see {', '.join(query.treatments)} (recanting district)",
        remedy=f"measure what causes both {one} and {other}, or ask for the controlled effect",
        evidence={"recanting_district": sorted(part)},
    )


def _hedged(query: CausalQuery, hedge: Hedge) -> NotIdentifiable:
    return NotIdentifiable(
        f"the effect that would be split is no function of what was measured: hidden common causes tie "
        f"{', '.join(sorted(hedge.outer))}",
        remedy=f"randomise {' and '.join(query.treatments)}, or measure what the treatment and "
        f"{', '.join(sorted(hedge.inner))} have in common",
        evidence={"hedge": [sorted(hedge.outer), sorted(hedge.inner)]},
    )


def _controlled(graph: CausalGraph, query: CausalQuery, hidden: Set) -> Estimand | None:
    try:
        return identify(graph, controlled_query(query), hidden)
    except NotIdentifiable:
        return None


def _assumptions(query: CausalQuery) -> tuple[str, ...]:
    x, m, y = (" and ".join(n) for n in (query.treatments, query.mediators, query.outcomes))
    return (
        "the graph is right: no arrow and no hidden common cause is missing from it",
        f"what {y} would be at {m} under one level of {x} is tied to what {m} would be under another only by what the "
        "graph shows (no experiment can test this)",
        f"one unit's {x} does not change another unit's outcome",
        f"every kind of unit could have had each level of {x} and of {m}",
    )
