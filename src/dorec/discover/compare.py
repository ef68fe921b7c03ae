"""How far apart two graphs are."""

from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph, Edge


def structural_hamming_distance(a: CausalGraph, b: CausalGraph) -> int:
    """The number of pairs of nodes between which the two graphs differ: an edge missing, added or with other marks.

    A reversed edge counts once (Tsamardinos, Brown, Aliferis 2006, doi:10.1007/s10994-006-6889-7). For equivalence
    classes hand in CPDAGs on both sides.

    Raises:
        InputError: the graphs have other nodes.

    Example:
        >>> truth = CausalGraph.from_edges(["a", "b", "c"], directed=[("a", "b"), ("b", "c")])
        >>> learned = CausalGraph.from_edges(["c", "b", "a"], directed=[("b", "a")])
        >>> structural_hamming_distance(truth, learned)
        2
    """
    if set(a.nodes) != set(b.nodes):
        only = sorted(set(a.nodes) ^ set(b.nodes))
        raise InputError(f"The graphs have other nodes: {', '.join(only[:10])} are in one only. Compare equal nodes.")
    of_a, of_b = _by_pair(a), _by_pair(b)
    return sum(of_a.get(pair) != of_b.get(pair) for pair in of_a.keys() | of_b.keys())


def _by_pair(graph: CausalGraph) -> dict[frozenset[str], frozenset[Edge]]:
    found: dict[frozenset[str], set[Edge]] = {}
    for edge in graph.edges:
        found.setdefault(frozenset((edge.a, edge.b)), set()).add(edge)
    return {pair: frozenset(edges) for pair, edges in found.items()}
