"""The structural intervention distance: how many effects a learned graph gets wrong."""

from collections.abc import Collection

from dorec.discover.equivalence_class import as_places, components, extensions
from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph


def structural_intervention_distance(truth: CausalGraph, learned: CausalGraph) -> int:
    """The number of ordered pairs (x, y) whose effect the learned DAG gets wrong: SID, between 0 and d (d - 1).

    Whoever believes the learned graph adjusts for the parents that x has in it. The pair counts if that is wrong in
    the true graph, or, where the learned graph takes y for a parent of x and so sees no effect, if there is one
    (Peters, Bühlmann 2015, arXiv:1306.1043). Not symmetric: a learned graph with too many edges may be at distance 0.

    Raises:
        InputError: the graphs have other nodes, or one is no DAG.

    Example:
        >>> truth = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")])
        >>> more = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c"), ("a", "c")])
        >>> structural_intervention_distance(truth, more), structural_intervention_distance(more, truth)
        (0, 1)
    """
    if not learned.is_dag:
        raise InputError(
            "The graph `learned` is no DAG, which this distance needs; take sid_bounds for an equivalence class."
        )
    return sid_bounds(truth, learned)[0]


def sid_bounds(truth: CausalGraph, learned: CausalGraph) -> tuple[int, int]:
    """The smallest and the largest structural intervention distance of the DAGs that a learned CPDAG stands for.

    A DAG has one distance, so both are the same. Every DAG of each undirected component is looked at; components do
    not depend on each other (Peters, Bühlmann 2015, section 2.4).

    Raises:
        InputError: the graphs have other nodes, the truth is no DAG, or the learned graph has other edges than
            directed and undirected ones, or stands for no DAG.
        TooLarge: a component stands for more than 5,000 DAGs.

    Example:
        >>> truth = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")])
        >>> sid_bounds(truth, CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c")]))
        (0, 6)
    """
    refuse_other_nodes(truth, learned)
    if not truth.is_dag:
        raise InputError("The graph `truth` is no DAG, which this distance needs; hand in directed edges only.")
    if len(learned.directed) + len(learned.undirected) < len(learned.edges):
        raise InputError("The graph `learned` has edges that are neither directed nor undirected; hand in a CPDAG.")
    after = {node: truth.descendants([node]) for node in truth.nodes}
    known: dict[tuple[str, frozenset[str]], int] = {}
    start, names = as_places(learned), learned.nodes
    low = high = 0
    for component in components(start):
        sums = []
        for dag in extensions(start, component, names):
            total = 0
            for i in component:
                key = (names[i], frozenset(names[j] for j in dag.parents[i]))
                if key not in known:
                    known[key] = _wrong(truth, after, *key)
                total += known[key]
            sums.append(total)
        low, high = low + min(sums), high + max(sums)
    return low, high


def refuse_other_nodes(a: CausalGraph, b: CausalGraph) -> None:
    """Refuse two graphs that are not about the same variables."""
    if set(a.nodes) != set(b.nodes):
        only = sorted(set(a.nodes) ^ set(b.nodes))
        raise InputError(f"The graphs have other nodes: {', '.join(only[:10])} are in one only. Compare equal nodes.")


def _wrong(truth: CausalGraph, after: dict[str, frozenset[str]], x: str, believed: frozenset[str]) -> int:
    """How many effects of x are wrong for who adjusts for the parents that x is believed to have."""
    bad = {y for y in believed if y in after[x]}
    # an adjusted node that x affects, through v, spoils every effect that v passes on
    spoilt = {v for v in after[x] - {x} if after[v] & believed}
    bad |= frozenset[str]().union(*(after[v] for v in spoilt)) - {x}
    bad |= _reached_beside(truth, x, believed) - believed
    return len(bad)


def _reached_beside(graph: CausalGraph, x: str, given: Collection[str]) -> set[str]:
    """Nodes that some path from x reaches, open given `given`, other than one along arrows alone."""
    opened = graph.ancestors(given)
    # (node, came by an arrow into it, along arrows alone so far)
    stack = [(v, True, True) for v in graph.children(x)] + [(v, False, False) for v in graph.parents(x)]
    seen = set(stack)
    while stack:
        node, by_arrow, causal = stack.pop()
        onward: list[tuple[str, bool, bool]] = []
        if node not in given:
            onward += [(v, True, causal) for v in graph.children(node)]
            if not by_arrow:
                onward += [(v, False, False) for v in graph.parents(node)]
        if by_arrow and node in opened:
            onward += [(v, False, False) for v in graph.parents(node)]
        for state in onward:
            if state[0] != x and state not in seen:
                seen.add(state)
                stack.append(state)
    return {node for node, _, causal in seen if not causal}
