"""Effects over an equivalence class: every answer that the data leave possible.

IDA (Maathuis, Kalisch, Bühlmann 2009, arXiv:0810.4214) over possible parents; semi-local with knowledge (Perković,
Kalisch, Maathuis 2017, arXiv:1707.02171); optimal sets (Witte, Henckel, Maathuis, Didelez 2020, arXiv:2002.06825);
joint treatments by minimal enumeration (Guo, Perković 2021, arXiv:2010.08611).
"""

from collections.abc import Iterator
from itertools import product
from typing import Literal

from dorec.domain.errors import InputError
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Expression
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify.amenability import ClassReading
from dorec.identify.identify import identify
from dorec.identify.optimal import optimal_adjustment_set
from dorec.identify.orientations import kind_of, member, oriented
from dorec.identify.separation import Names, as_names

AdjustmentSet = tuple[str, ...]


def possible_adjustment_sets(
    graph: CausalGraph, treatment: str, outcome: str, sets: Literal["parents", "optimal"] = "parents"
) -> tuple[AdjustmentSet | None, ...]:
    """One adjustment set for each way in which the edges at the treatment can point: IDA's multiset.

    Args:
        graph: a DAG, CPDAG or MPDAG.
        treatment: the cause.
        outcome: the effect.
        sets: "parents" of the treatment, or the "optimal" set with the smallest variance.

    Returns:
        the sets, with repetitions, sorted; None where the outcome is no effect of the treatment and the effect is zero.

    Raises:
        InputError: the graph has hidden common causes, or stands for no DAG; treatment and outcome are one node.

    Example:
        >>> chain = CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c")])
        >>> possible_adjustment_sets(chain, "b", "c")
        ((), ('a',), None)
    """
    query = CausalQuery((treatment,), (outcome,))
    closed = _closed(graph, query)
    found = [_set_in(each, query, sets) for each in _settled_at(closed, query.treatments)]
    return tuple(sorted(found, key=lambda s: (s is None, len(s or ()), s or ())))


def possible_effects(graph: CausalGraph, query: CausalQuery, unobserved: Names = ()) -> tuple[Estimand, ...]:
    """The different estimands of an effect over the class: the data leave each of them possible, and no other.

    One undirected edge after another that stands at the start of a possibly causal path is tried both ways, until each
    smaller class has one answer. Estimate each of them: the range of the estimates is what the data say.

    Args:
        graph: a DAG, CPDAG or MPDAG.
        query: treatments, outcomes and conditions.
        unobserved: nodes that were not measured.

    Raises:
        InputError: the graph has hidden common causes, or stands for no DAG.
        NotIdentifiable: in one of the smaller classes the effect is no function of what was measured.

    Example:
        >>> chain = CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c")])
        >>> for estimand in possible_effects(chain, CausalQuery("b", "c")):
        ...     print(estimand)
        P(c | do(b)) = P(c | b)
        P(c | do(b)) = P(c)
    """
    closed = _closed(graph, query)
    found: dict[Expression, Estimand] = {}
    for part in _amenable_parts(closed, query):
        estimand = identify(part, query, unobserved)
        found.setdefault(estimand.expression, estimand)
    return tuple(found.values())


def _closed(graph: CausalGraph, query: CausalQuery) -> CausalGraph:
    as_names(graph, (*query.treatments, *query.outcomes, *query.conditions))
    if graph.bidirected or kind_of(graph) == "pag":
        raise InputError(
            "Effects over a class are listed for DAGs, CPDAGs and MPDAGs; this graph has <-> or circles. Leave hidden "
            "common causes out, or ask identify whether all graphs of the class agree."
        )
    member(graph)  # refuses what stands for no DAG
    return oriented(graph) or graph


def _settled_at(graph: CausalGraph, nodes: tuple[str, ...]) -> Iterator[CausalGraph]:
    """The MPDAGs in which each edge at these nodes has one of its possible directions."""
    open_edges = sorted({(e.a, e.b) for n in nodes for e in graph.incident(n) if e.mark_a == e.mark_b == "tail"})
    for choice in product((False, True), repeat=len(open_edges)):
        each = oriented(
            graph, [(b, a) if turned else (a, b) for (a, b), turned in zip(open_edges, choice, strict=True)]
        )
        if each is not None:
            yield each


def _amenable_parts(graph: CausalGraph, query: CausalQuery) -> Iterator[CausalGraph]:
    x, y = frozenset(query.treatments), frozenset((*query.outcomes, *query.conditions))
    obstacle = ClassReading.of(graph, x, y).obstacle
    if not obstacle:
        yield graph
        return
    a, b = obstacle[0].a, obstacle[0].b
    for direction in ((a, b), (b, a)):
        part = oriented(graph, [direction])
        if part is not None:
            yield from _amenable_parts(part, query)


def _set_in(graph: CausalGraph, query: CausalQuery, sets: str) -> AdjustmentSet | None:
    (treatment,), (outcome,) = query.treatments, query.outcomes
    reading = ClassReading.of(graph, frozenset(query.treatments), frozenset(query.outcomes))
    if outcome not in reading.causal:
        return None
    return tuple(sorted(graph.parents(treatment))) if sets == "parents" else optimal_adjustment_set(graph, query)
