"""Identification over a class of graphs: one of them is asked where all of them answer alike."""

from collections.abc import Callable
from dataclasses import replace

from dorec.domain.errors import NotIdentifiable
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Probability
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify.adjustment import BackDoor
from dorec.identify.amenability import ClassReading, needs_amenability
from dorec.identify.by_design import adjusted
from dorec.identify.orientations import kind_of, member
from dorec.identify.separation import Names, as_names

Answer = Callable[[CausalGraph, CausalQuery, Names], Estimand]


def identify_in_class(graph: CausalGraph, query: CausalQuery, unobserved: Names, answer: Answer) -> Estimand:
    """P(outcomes | do(treatments), conditions) if all graphs of a CPDAG, MPDAG or PAG agree in it.

    In an MPDAG an effect is identified exactly if no path that may be causal starts with an undirected edge (Perković
    2020, arXiv:1910.11129); the formula of any DAG of the class is then right for all. Conditions count as outcomes, so
    that a conditional effect is refused where P(outcomes, conditions | do) differs. In a PAG the generalised
    adjustment criterion decides, which is not complete: other formulas may exist.

    Args:
        graph: edges of which at least one has no known direction.
        query: treatments, outcomes and conditions, all of them measured.
        unobserved: other nodes that were not measured.
        answer: what identifies in one DAG.

    Raises:
        NotIdentifiable: graphs of the class differ, with the edge that decides; or none of them has an answer.

    Example:
        >>> from dorec.identify.identify import identify
        >>> g = CausalGraph.from_edges("zwty", directed=[("z", "t"), ("w", "t"), ("t", "y"), ("z", "y")])
        >>> print(identify_in_class(g, CausalQuery("t", "y"), (), identify))
        P(y | do(t)) = Σ_{z} P(y | t, z) P(z)
    """
    if kind_of(graph) == "pag":
        return _in_ancestral_class(graph, query, unobserved)
    x, y, c = (as_names(graph, names) for names in (query.treatments, query.outcomes, query.conditions))
    needs_amenability(ClassReading.of(graph, x, y | c), query)
    try:
        found = answer(member(graph), query, unobserved)
    except NotIdentifiable as refusal:
        raise NotIdentifiable(
            f"{refusal.reason} (as one graph of the class has it; what the others have is as open)",
            remedy=refusal.remedy,
            evidence=refusal.evidence,
        ) from None
    return replace(found, assumptions=(_RIGHT, *found.assumptions[1:]))


_RIGHT = "one of the graphs that the graph stands for is right; the formula is the same in all of them"


def _in_ancestral_class(graph: CausalGraph, query: CausalQuery, unobserved: Names) -> Estimand:
    door = BackDoor.of(graph, query, unobserved)
    reading = ClassReading.of(graph, door.treatments, door.outcomes)
    what, to = " and ".join(query.treatments), " and ".join(query.outcomes)
    if not (door.outcomes | door.given) & reading.after:
        none = f"no path that may be causal leads from {what} to {to} in it: the effect is zero"
        expression = Probability(query.outcomes, query.conditions)
        return Estimand(query=query, strategy="general", expression=expression, assumptions=(_RIGHT, none))
    needs_amenability(reading, query)
    chosen = next(door.minimal(), None)
    if chosen is None:
        raise NotIdentifiable(
            f"no adjustment set is valid in every graph of the class for {query}; formulas of another kind are not "
            "looked for in a class with hidden common causes",
            remedy="say more about the graph (time order, an experiment), or measure what confounds",
            evidence={"kind": "pag"},
        )
    names = tuple(sorted(chosen))
    blocks = f"{', '.join(names)} block every path" if names else "there is no open path"
    return Estimand(
        query=query,
        strategy="back-door",
        expression=adjusted(query, names),
        adjustment_set=names,
        assumptions=(
            _RIGHT,
            f"in each of them, {blocks} between {what} and {to} that is not causal",
            f"one unit's {what} does not change another unit's outcome",
            f"every kind of unit could have had each level of {what}",
        ),
    )
