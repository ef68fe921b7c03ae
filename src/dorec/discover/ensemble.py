"""Several algorithms on one table: the edges that most of them find, and where they disagree."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from dorec.discover.bootstrap import EdgeFrequencies, Marks, edge_marks
from dorec.discover.compare import compare_graphs
from dorec.domain.errors import ConfigError, DorecError, Refusal
from dorec.domain.graph import CausalGraph, Pair
from dorec.domain.knowledge import Knowledge
from dorec.domain.protocols import Discoverer
from dorec.domain.run import RunContext
from dorec.domain.table import to_arrow

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class MethodAgreement:
    """The graphs that several algorithms found on one table.

    Example:
        >>> one = CausalGraph.from_edges("abc", directed=[("a", "b")])
        >>> two = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")])
        >>> agreement = MethodAgreement({"one": one, "two": two})
        >>> agreement.skeleton_f1("one", "two"), agreement.frequencies().adjacent("b", "c")
        (0.666..., 0.5)
    """

    graphs: Mapping[str, CausalGraph]  # by the algorithm's label
    refused: Mapping[str, str] | None = None  # label -> why it gave no graph

    def frequencies(self) -> EdgeFrequencies:
        """How many of the algorithms have each edge, with which marks."""
        counts: dict[Pair, Counter[Marks]] = {}
        for graph in self.graphs.values():
            for pair, marks in edge_marks(graph):
                counts.setdefault(pair, Counter())[marks] += 1
        nodes = next(iter(self.graphs.values())).nodes
        return EdgeFrequencies(nodes, len(self.graphs), counts, len(self.refused or {}))

    def skeleton_f1(self, one: str, two: str) -> float:
        """How far two of the algorithms agree on who is adjacent, from 0 to 1."""
        return compare_graphs(self.graphs[one], self.graphs[two]).skeleton.f1

    def disputed(self) -> tuple[Pair, ...]:
        """Pairs that some algorithms join and others do not, sorted."""
        joined = Counter(pair for graph in self.graphs.values() for pair in graph.skeleton)
        return tuple(sorted(tuple(sorted(pair)) for pair, n in joined.items() if n < len(self.graphs)))  # type: ignore[misc]

    def mean_skeleton_f1(self) -> float:
        """The average agreement over all pairs of algorithms; 1 for a single one."""
        pairs = list(combinations(self.graphs, 2))
        return sum(self.skeleton_f1(a, b) for a, b in pairs) / len(pairs) if pairs else 1.0


@dataclass(frozen=True)
class EnsembleDiscovery:
    """Several discoverers on the same table, and the edges on which at least a share of them agrees.

    Algorithms that rest on other assumptions err in other ways, so what they share is worth more than what one finds;
    an edge's `confidence` is the share of algorithms that agree with its marks. It is agreement, not a
    probability: what all assume wrongly, all get wrong. An algorithm that refuses the table is left out and named;
    when all refuse, the first refusal is raised.

    Args:
        discoverers: the algorithms, as `PC()`, `BOSS()`, `FCI()`.
        threshold: the share of algorithms in which a pair must be adjacent to be in the answer.

    Example:
        >>> import numpy as np
        >>> from dorec.discover import BOSS, PC
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 1000))
        >>> table = {"a": a, "b": b, "c": a + b + rng.normal(size=1000)}
        >>> graph = EnsembleDiscovery((PC(alpha=0.01), BOSS())).discover(table)
        >>> [(str(edge), edge.confidence) for edge in graph.edges]
        [('a --> c', 1.0), ('b --> c', 1.0)]
    """

    discoverers: Sequence[Discoverer]
    threshold: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "discoverers", tuple(self.discoverers))
        if len(self.discoverers) < 2:
            raise ConfigError(f"An ensemble needs at least two discoverers; got {len(self.discoverers)}.")
        if not 0 < self.threshold <= 1:
            raise ConfigError(f"threshold is {self.threshold}; give a share above 0, up to 1.")

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The graph that the algorithms share.

        Args:
            table: any frame that the discoverers take.
            knowledge: handed on to each of them.
            context: handed on to each of them.

        Raises:
            Refusal, InputError: what the first algorithm said, if none could use the table.
        """
        found = self.agreement(table, knowledge, context)
        left_out = "".join(f"; without {label} ({why})" for label, why in (found.refused or {}).items())
        return found.frequencies().graph(self.threshold, f"{len(found.graphs)} algorithms agree{left_out}", knowledge)

    def agreement(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> MethodAgreement:
        """The graph of each algorithm, before anything is chosen."""
        given = to_arrow(table)
        graphs: dict[str, CausalGraph] = {}
        refused: dict[str, str] = {}
        first: DorecError | None = None
        labels = _labels(self.discoverers)
        for label, one in context.track(zip(labels, self.discoverers, strict=True), "algorithms", len(labels)):
            try:
                graphs[label] = one.discover(given, knowledge, context)
            except DorecError as problem:
                first = first or problem
                refused[label] = problem.reason if isinstance(problem, Refusal) else str(problem)
        if not graphs and first is not None:
            raise first
        return MethodAgreement(graphs, refused)


def _labels(discoverers: Sequence[Discoverer]) -> list[str]:
    """The class of each, with its settings where several are of one class."""
    kinds = [type(one).__name__ for one in discoverers]
    names = [kind if kinds.count(kind) == 1 else repr(one) for kind, one in zip(kinds, discoverers, strict=True)]
    return [name if names.count(name) == 1 else f"{name} #{i + 1}" for i, name in enumerate(names)]
