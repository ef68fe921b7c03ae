"""How sure a graph is: the same search on resampled rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from dorec.domain.errors import ConfigError, Refusal, TooFewUnits
from dorec.domain.graph import CausalGraph, Edge, Mark, Pair
from dorec.domain.knowledge import Knowledge
from dorec.domain.protocols import Discoverer
from dorec.domain.run import RunContext
from dorec.domain.table import to_arrow

DEFAULT_CONTEXT = RunContext(seed=0)
Marks = tuple[Mark, Mark]


@dataclass(frozen=True)
class EdgeFrequencies:
    """How often each pair was adjacent, and with which marks, over graphs of resampled rows.

    >>> found = EdgeFrequencies(("a", "b"), 10, {("a", "b"): {("tail", "arrow"): 6, ("tail", "tail"): 3}})
    >>> found.adjacent("a", "b"), found.oriented("a", "b")
    (0.9, 0.6)
    """

    nodes: tuple[str, ...]
    n_graphs: int
    counts: Mapping[Pair, Mapping[Marks, int]]  # pair in alphabetical order -> marks at its first and second -> graphs
    n_refused: int = 0  # resamples that the search refused

    def adjacent(self, a: str, b: str) -> float:
        """The share of graphs in which a and b are adjacent."""
        return sum(self.counts.get(_pair(a, b), {}).values()) / self.n_graphs

    def oriented(self, a: str, b: str, mark_a: Mark = "tail", mark_b: Mark = "arrow") -> float:
        """The share of graphs with an edge between a and b that has these marks; by default a -> b."""
        marks: Marks = (mark_a, mark_b) if a < b else (mark_b, mark_a)
        return self.counts.get(_pair(a, b), {}).get(marks, 0) / self.n_graphs

    def graph(self, threshold: float, provenance: str, known: Knowledge | None = None) -> CausalGraph:
        """Pairs that are adjacent in at least `threshold` of the graphs, each with its most frequent marks.

        The surest edges come first; an edge whose marks would close a directed cycle with surer ones takes its next
        most frequent marks that don't, or else has no direction. Before the surest come edges whose one direction
        knowledge forbids. Of marks that are equally frequent, what all of them say stands, and the rest
        is open.
        An edge's confidence is the share of graphs that agree with it: an open mark agrees with every mark.
        """
        kept = [pair for pair in sorted(self.counts) if self.adjacent(*pair) >= threshold]
        choices = {pair: self._choices(pair) for pair in kept}
        edges: list[Edge] = []
        causes: dict[str, set[str]] = {node: set() for node in self.nodes}  # node -> nodes with a directed path to it
        share_of = {pair: self.counts[pair].get(choices[pair][0], 0) / self.n_graphs for pair in kept}
        free = {(a, b): known is None or not (known.forbids(a, b) or known.forbids(b, a)) for a, b in kept}
        for pair in sorted(kept, key=lambda p: (free[p], -share_of[p], p)):
            marks = next(m for m in choices[pair] if not _closes(causes, pair, m))
            _remember(causes, pair, marks)
            share, found = self._support(pair, marks), self.adjacent(*pair)
            said = f"{provenance}: adjacent in {found:.0%}, in agreement with these marks in {share:.0%} of "
            said += f"{self.n_graphs} graphs"
            edges.append(Edge(*pair, *marks, share, said))
        return CausalGraph(self.nodes, tuple(edges))

    def _choices(self, pair: Pair) -> list[Marks]:
        """Marks from the most frequent on, and last those of an edge without a direction."""
        counts = self.counts[pair]
        hidden = any("circle" in m or m == ("arrow", "arrow") for of in self.counts.values() for m in of)
        open_mark: Mark = "circle" if hidden else "tail"
        unknown: Marks = (open_mark, open_mark)
        ordered = sorted(counts, key=lambda m: (-counts[m], m != unknown, sum(x != "circle" for x in m), m))
        tied = [m for m in ordered if counts[m] == counts[ordered[0]]]
        if len(tied) > 1:  # what all of them say of an end stands
            left, right = ({m[end] for m in tied} for end in (0, 1))
            shared = (left.pop() if len(left) == 1 else open_mark, right.pop() if len(right) == 1 else open_mark)
            return [shared, unknown] if hidden else [unknown]
        return [*ordered, unknown]

    def _support(self, pair: Pair, marks: Marks) -> float:
        """The share of graphs whose edge does not contradict these marks."""
        if marks in {("tail", "tail"), ("circle", "circle")}:
            return self.adjacent(*pair)
        agree = (
            n
            for found, n in self.counts[pair].items()
            if all(mark in {"circle", other} for mark, other in zip(marks, found, strict=True))
        )
        return sum(agree) / self.n_graphs


@dataclass(frozen=True)
class BootstrapDiscovery:
    """Any discoverer, run on resampled rows: the edges that most graphs share, with how many do.

    Friedman, Goldszmidt, Wyner (1999, arXiv:1301.6695). An edge's `confidence` is the share of graphs that agree with
    its marks; its provenance says in how many the pair is adjacent at all. Frequencies are how
    stable the search is, not how probable the edge: what a method gets wrong it may get wrong every time.

    The answer does not depend on the order of rows or columns. Knowledge is handed on to every search.

    Rows drawn with replacement repeat, which tests of independence take for evidence: edges come out more often than
    they should. `replace=False` with a `fraction` below one draws subsamples instead, which is also cheaper.

    Args:
        discoverer: what is run on each resample.
        n_bootstrap: how many resamples.
        threshold: the share of graphs in which a pair must be adjacent to be in the answer.
        fraction: rows of a resample as a share of the table's.
        replace: whether rows are drawn with replacement.

    Example:
        >>> from dorec.discover.pc import PC
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 500))
        >>> graph = BootstrapDiscovery(PC(alpha=0.01), n_bootstrap=20).discover({"a": a, "b": b, "c": a + b})
        Traceback (most recent call last):
        ...
        dorec.domain.errors.Collinear: ...
        >>> table = {"a": a, "b": b, "c": a + b + rng.normal(size=500)}
        >>> graph = BootstrapDiscovery(PC(alpha=0.01), n_bootstrap=20).discover(table)
        >>> [(str(edge), edge.confidence) for edge in graph.edges]
        [('a --> c', 1.0), ('b --> c', 1.0)]
    """

    discoverer: Discoverer
    n_bootstrap: int = 100
    threshold: float = 0.5
    fraction: float = 1.0
    replace: bool = True

    def __post_init__(self) -> None:
        if self.n_bootstrap < 1:
            raise ConfigError(f"n_bootstrap is {self.n_bootstrap}; give at least 1, better 100.")
        for name in ("threshold", "fraction"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a share above 0, up to 1.")
        if not self.replace and self.fraction == 1:
            raise ConfigError("Without replacement, fraction=1 draws the same rows every time; give 0.5 or so.")

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The graph that most resamples agree on.

        Args:
            table: any frame that the discoverer takes.
            knowledge: handed on to every search.
            context: the seed of the resamples, and progress.

        Raises:
            TooFewUnits: the search refused more than half of the resamples; the reason of the first stands in it.
            Refusal, InputError: the search refuses the table itself.
        """
        found = self.frequencies(table, knowledge, context)
        return found.graph(self.threshold, f"{type(self.discoverer).__name__} resampled", knowledge)

    def frequencies(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> EdgeFrequencies:
        """How often each edge was found, before any is chosen.

        Example:
            >>> from dorec.discover.pc import PC
            >>> rng = np.random.default_rng(0)
            >>> a = rng.normal(size=300)
            >>> table = {"a": a, "b": a + rng.normal(size=300)}
            >>> found = BootstrapDiscovery(PC(), n_bootstrap=10).frequencies(table)
            >>> found.adjacent("a", "b"), found.oriented("a", "b")
            (1.0, 0.0)
        """
        given = to_arrow(table)
        names = tuple(given.column_names)
        self.discoverer.discover(given, knowledge, context)  # what is wrong with the table is said of the table
        ordered = _sorted(given)
        rng, n = context.rng("bootstrap discovery"), ordered.num_rows
        size = max(1, round(self.fraction * n))
        counts: dict[Pair, Counter[Marks]] = {}
        refused: list[Refusal] = []
        for _ in context.track(range(self.n_bootstrap), "resampling", self.n_bootstrap):
            rows = rng.integers(0, n, size) if self.replace else rng.choice(n, size, replace=False)
            try:
                graph = self.discoverer.discover(ordered.take(pa.array(np.sort(rows))), knowledge, context)
            except Refusal as refusal:
                refused.append(refusal)
                continue
            for pair, marks in edge_marks(graph):
                counts.setdefault(pair, Counter())[marks] += 1
        if 2 * len(refused) > self.n_bootstrap:
            raise TooFewUnits(
                f"the search refused {len(refused)} of {self.n_bootstrap} resamples, "
                f"the first because {refused[0].reason}",
                remedy="leave out columns that vary in a few rows only, or give more rows",
            )
        return EdgeFrequencies(names, self.n_bootstrap - len(refused), counts, len(refused))


Order = Literal["ascending", "descending"]


def _sorted(table: pa.Table) -> pa.Table:
    """The table with its columns by name and its rows by value, so that no order and no name decides who is drawn."""
    by_name = table.select(sorted(table.column_names))
    first = sorted(by_name.column_names, key=lambda name: (_content(by_name.column(name)), name))
    keys: list[tuple[str, Order]] = [(name, "ascending") for name in first]
    return by_name.sort_by(keys)


def _content(column: pa.ChunkedArray) -> str:
    """What a column holds, whatever its name and the order of its rows."""
    values = column.combine_chunks().to_numpy(zero_copy_only=False)
    whole = np.sort(values.astype(str) if values.dtype == object else values)
    return sha256(str(whole.dtype).encode() + whole.tobytes()).hexdigest()


def edge_marks(graph: CausalGraph) -> list[tuple[Pair, Marks]]:
    """Each edge as its pair in alphabetical order and the marks at both ends."""
    read = [edge if edge.a < edge.b else edge.flipped() for edge in graph.edges]
    return [((edge.a, edge.b), (edge.mark_a, edge.mark_b)) for edge in read]


def _pair(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)


def _direction(pair: Pair, marks: Marks) -> Pair | None:
    if marks == ("tail", "arrow"):
        return pair
    return (pair[1], pair[0]) if marks == ("arrow", "tail") else None


def _closes(causes: Mapping[str, set[str]], pair: Pair, marks: Marks) -> bool:
    directed = _direction(pair, marks)
    return directed is not None and directed[1] in causes[directed[0]]


def _remember(causes: dict[str, set[str]], pair: Pair, marks: Marks) -> None:
    directed = _direction(pair, marks)
    if directed is None:
        return
    cause, effect = directed
    new = causes[cause] | {cause}
    for node, known in causes.items():
        if node == effect or effect in known:
            known |= new
