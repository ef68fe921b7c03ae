"""How far apart two graphs are."""

from collections.abc import Collection, Set
from dataclasses import dataclass

from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph, Edge


@dataclass(frozen=True)
class Agreement:
    """How much of what was found is true (precision) and how much of what is true was found (recall).

    >>> Agreement(n_found=4, n_true=2, n_both=1)
    Agreement(precision=0.25, recall=0.5, f1=0.333)
    """

    n_found: int
    n_true: int
    n_both: int

    @property
    def precision(self) -> float:
        """n_both / n_found; 1 where nothing was found."""
        return self.n_both / self.n_found if self.n_found else 1.0

    @property
    def recall(self) -> float:
        """n_both / n_true; 1 where there was nothing to find."""
        return self.n_both / self.n_true if self.n_true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both; 1 where there was nothing to find and nothing was found."""
        return 2 * self.n_both / (self.n_found + self.n_true) if self.n_found + self.n_true else 1.0

    def __repr__(self) -> str:
        return f"Agreement(precision={self.precision:.3g}, recall={self.recall:.3g}, f1={self.f1:.3g})"


@dataclass(frozen=True)
class GraphComparison:
    """A learned graph beside the true one.

    >>> empty = CausalGraph.from_edges("ab")
    >>> compare_graphs(empty, CausalGraph.from_edges("ab", directed=[("a", "b")])).directed.recall
    0.0
    """

    skeleton: Agreement  # adjacent pairs, whatever their marks
    directed: Agreement  # a -> b, of those that are directed in either graph
    shd: int  # structural Hamming distance
    sid: int | None  # structural intervention distance; None unless both graphs are DAGs


def compare_graphs(learned: CausalGraph, truth: CausalGraph) -> GraphComparison:
    """Precision, recall and F1 of adjacent pairs and of directed edges, and both structural distances.

    Works on any marks. An edge without a direction counts in the skeleton alone: it is neither found nor missed among
    the directed ones unless the other graph directs it. To hold a learned equivalence class against a DAG, hand in the
    DAG's class.

    Raises:
        InputError: the graphs have other nodes.

    Example:
        >>> truth = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")])
        >>> learned = CausalGraph.from_edges("abc", directed=[("a", "b"), ("c", "b")])
        >>> found = compare_graphs(learned, truth)
        >>> found.skeleton, found.directed, found.shd
        (Agreement(precision=1, recall=1, f1=1), Agreement(precision=0.5, recall=0.5, f1=0.5), 1)
    """
    shd = structural_hamming_distance(truth, learned)
    return GraphComparison(
        skeleton=_agreement(learned.skeleton, truth.skeleton),
        directed=_agreement(set(learned.directed), set(truth.directed)),
        shd=shd,
        sid=structural_intervention_distance(truth, learned) if truth.is_dag and learned.is_dag else None,
    )


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
    _refuse_other_nodes(a, b)
    of_a, of_b = _by_pair(a), _by_pair(b)
    return sum(of_a.get(pair) != of_b.get(pair) for pair in of_a.keys() | of_b.keys())


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
    _refuse_other_nodes(truth, learned)
    for name, graph in (("truth", truth), ("learned", learned)):
        if not graph.is_dag:
            raise InputError(f"The graph `{name}` is no DAG, which this distance needs; hand in directed edges only.")
    wrong = 0
    after = {node: truth.descendants([node]) for node in truth.nodes}
    for x in truth.nodes:
        believed = learned.parents(x)
        bad = {y for y in believed if y in after[x]}
        # an adjusted node that x affects, through v, spoils every effect that v passes on
        spoilt = {v for v in after[x] - {x} if after[v] & believed}
        bad |= frozenset[str]().union(*(after[v] for v in spoilt)) - {x}
        bad |= _reached_beside(truth, x, believed) - believed
        wrong += len(bad)
    return wrong


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


def _agreement(found: Set[object], true: Set[object]) -> Agreement:
    return Agreement(len(found), len(true), len(found & true))


def _refuse_other_nodes(a: CausalGraph, b: CausalGraph) -> None:
    if set(a.nodes) != set(b.nodes):
        only = sorted(set(a.nodes) ^ set(b.nodes))
        raise InputError(f"The graphs have other nodes: {', '.join(only[:10])} are in one only. Compare equal nodes.")


def _by_pair(graph: CausalGraph) -> dict[frozenset[str], frozenset[Edge]]:
    found: dict[frozenset[str], set[Edge]] = {}
    for edge in graph.edges:
        found.setdefault(frozenset((edge.a, edge.b)), set()).add(edge)
    return {pair: frozenset(edges) for pair, edges in found.items()}
