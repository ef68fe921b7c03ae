"""The valid adjustment set with the smallest variance."""

from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify.adjustment import BackDoor, Names
from dorec.identify.amenability import needs_amenability


def optimal_adjustment_set(graph: CausalGraph, query: CausalQuery, unobserved: Names = ()) -> tuple[str, ...] | None:
    """The adjustment set whose estimate has the smallest asymptotic variance, or None where none is known to have it.

    The parents of the nodes on causal paths that are neither on one nor after one: O(X, Y) of Henckel, Perković,
    Maathuis (2022, arXiv:1907.02435), for linear models; Rotnitzky, Smucler (2020) for all others. Defined in a DAG,
    for a query without conditions that has an effect and a valid set, where all of O was measured. In a CPDAG or MPDAG
    that is amenable every DAG has the same O.

    Raises:
        NotIdentifiable: DAGs of the class differ in what is causal, with the edge that decides.

    Example:
        >>> edges = [("a", "t"), ("a", "b"), ("b", "y"), ("p", "y"), ("t", "y")]
        >>> optimal_adjustment_set(CausalGraph.from_edges("abpty", directed=edges), CausalQuery("t", "y"))
        ('b', 'p')
    """
    if query.conditions or graph.bidirected:
        return None
    door = BackDoor.of(graph, query, unobserved)
    if door.reading is not None:
        if door.reading.kind == "pag":
            return None
        needs_amenability(door.reading, query)
        graph = door.reading.member
    if not door.causal:
        return None
    parents = frozenset[str]().union(*(graph.parents(node) for node in door.causal))
    chosen = parents - graph.descendants(door.causal) - door.treatments
    return tuple(sorted(chosen)) if door.is_valid(chosen) else None
