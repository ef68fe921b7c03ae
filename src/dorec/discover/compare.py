"""How far apart two graphs are."""

from collections.abc import Set
from dataclasses import dataclass

from dorec.discover.intervention_distance import refuse_other_nodes, sid_bounds
from dorec.domain.errors import TooLarge
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
    sid: tuple[int, int] | None  # bounds over the DAGs of the class; None unless the truth is a DAG


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
        sid=_sid(truth, learned),
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
    refuse_other_nodes(a, b)
    of_a, of_b = _by_pair(a), _by_pair(b)
    return sum(of_a.get(pair) != of_b.get(pair) for pair in of_a.keys() | of_b.keys())


def _agreement(found: Set[object], true: Set[object]) -> Agreement:
    return Agreement(len(found), len(true), len(found & true))


def _sid(truth: CausalGraph, learned: CausalGraph) -> tuple[int, int] | None:
    """Bounds where the truth is a DAG and the learned graph a class of DAGs small enough to walk."""
    if not truth.is_dag or len(learned.directed) + len(learned.undirected) < len(learned.edges):
        return None
    try:
        return sid_bounds(truth, learned)
    except TooLarge:
        return None


def _by_pair(graph: CausalGraph) -> dict[frozenset[str], frozenset[Edge]]:
    found: dict[frozenset[str], set[Edge]] = {}
    for edge in graph.edges:
        found.setdefault(frozenset((edge.a, edge.b)), set()).add(edge)
    return {pair: frozenset(edges) for pair, edges in found.items()}
