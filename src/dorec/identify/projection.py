"""The graph on the measured nodes alone: what is hidden becomes bidirected edges."""

from itertools import combinations

from dorec.domain.graph import CausalGraph, Pair
from dorec.identify.separation import Names, as_names


def latent_projection(graph: CausalGraph, unobserved: Names) -> CausalGraph:
    """The graph without some nodes that implies the same for the others (Verma 1993; Richardson 2003).

    Example:
        >>> g = CausalGraph.from_edges("uty", directed=[("u", "t"), ("u", "y"), ("t", "y")])
        >>> projected = latent_projection(g, "u")
        >>> projected.directed, projected.bidirected
        ((('t', 'y'),), (('t', 'y'),))
    """
    hidden = as_names(graph, unobserved)
    directed, bidirected = set(graph.directed), {frozenset(pair) for pair in graph.bidirected}
    for node in sorted(hidden):
        causes = {a for a, b in directed if b == node}
        effects = {b for a, b in directed if a == node}
        partners = {next(iter(pair - {node})) for pair in bidirected if node in pair}
        directed = {pair for pair in directed if node not in pair} | {(a, b) for a in causes for b in effects}
        bidirected = {pair for pair in bidirected if node not in pair}
        bidirected |= {frozenset(pair) for pair in combinations(sorted(effects), 2)}
        bidirected |= {frozenset((a, b)) for a in partners for b in effects if a != b}
    pairs: list[Pair] = [(min(pair), max(pair)) for pair in bidirected]
    kept = [node for node in graph.nodes if node not in hidden]
    return CausalGraph.from_edges(kept, directed=sorted(directed), bidirected=sorted(pairs))
