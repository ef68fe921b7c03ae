"""Additive noise models: the direction between two variables, by which of them leaves independent noise."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dorec.discover.allowed import allowed_edges
from dorec.discover.columns import correlation_of, numeric_columns
from dorec.discover.orientation import PartlyDirected, meek, orient_by_knowledge
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import BoolArray, FloatArray
from dorec.numeric.hsic import hsic
from dorec.numeric.smoothing import additive_residual

DEFAULT_CONTEXT = RunContext(seed=0)
Direction = Literal["a -> b", "b -> a", "undecided"]


@dataclass(frozen=True)
class NoiseDirection:
    """Both directions between two variables, each with the p-value of "the noise is independent of the cause".

    Example:
        >>> found = NoiseDirection("dose", "cure", p_forward=0.4, p_backward=1e-8, alpha=0.05)
        >>> found.cause, found.direction, found.verdict.status
        ('dose', 'a -> b', 'passed')
    """

    a: str
    b: str
    p_forward: float  # of a -> b
    p_backward: float  # of b -> a
    alpha: float

    @property
    def direction(self) -> Direction:
        """The one direction whose noise may be independent, if the other's is not."""
        forward, backward = self.p_forward > self.alpha, self.p_backward > self.alpha
        if forward == backward:
            return "undecided"
        return "a -> b" if forward else "b -> a"

    @property
    def cause(self) -> str | None:
        """The cause, or None if undecided."""
        return {"a -> b": self.a, "b -> a": self.b, "undecided": None}[self.direction]

    @property
    def verdict(self) -> Verdict:
        """The direction in words, or why there is none."""
        both = f"(p = {self.p_forward:.3g} for {self.a} -> {self.b}, {self.p_backward:.3g} for {self.b} -> {self.a})"
        decided = self.direction != "undecided"
        if decided:
            ends = (self.a, self.b) if self.cause == self.a else (self.b, self.a)
            meaning, code = f"only {' -> '.join(ends)} leaves independent noise", ""
        elif self.p_forward > self.alpha:
            meaning, code = "both directions fit, as they do for linear effects with Gaussian noise", "both_fit"
        else:
            meaning, code = "neither direction fits: a hidden common cause, or noise that is not added", "neither_fits"
        return Verdict(
            check="additive noise",
            status="passed" if decided else "warning",
            code=code,
            meaning=f"{meaning} {both}",
            evidence={"p_forward": self.p_forward, "p_backward": self.p_backward, "alpha": self.alpha},
        )


def additive_noise_direction(
    table: Any, a: str, b: str, alpha: float = 0.05, max_rows: int = 2_000, context: RunContext = DEFAULT_CONTEXT
) -> NoiseDirection:
    """Which of two columns causes the other, if effect = f(cause) + independent noise for a smooth f.

    Hoyer, Janzing, Mooij, Peters, Schölkopf (2009) with smoothing splines for f and the Hilbert-Schmidt criterion for
    independence. It assumes that the two are dependent and share no hidden common cause.

    Args:
        table: any frame with both columns.
        a, b: their names.
        alpha: noise is taken for independent where the p-value is above it.
        max_rows: of more rows so many are drawn, as the test's time grows with their square.
        context: the seed of that draw.

    Raises:
        ColumnNotFound, InputError: a column is missing, or both are the same.
        NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be tested.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.normal(size=500)
        >>> additive_noise_direction({"a": a, "b": a**3 + a + rng.normal(size=500)}, "a", "b").direction
        'a -> b'
    """
    return PairwiseANM(alpha, max_rows).direction(table, a, b, context)


@dataclass(frozen=True)
class PairwiseANM:
    """The direction between two variables, or of a graph's open edges, from additive noise.

    `discover` takes a table of two columns: no edge if they are independent, else the direction of
    `additive_noise_direction`, and no direction if that is undecided. `orient` gives directions to the edges that
    another search left open. An edge's `confidence` is 1 - the p-value of the direction that was rejected.

    Args:
        alpha: of every test of independence.
        max_rows: of more rows so many are drawn.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.normal(size=500)
        >>> PairwiseANM().discover({"a": a, "b": np.tanh(2 * a) + 0.3 * rng.normal(size=500)}).directed
        (('a', 'b'),)
    """

    alpha: float = 0.05
    max_rows: int = 2_000

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ConfigError(f"alpha is {self.alpha}; give a level strictly between 0 and 1, as 0.05.")
        if self.max_rows < 50:
            raise ConfigError(f"max_rows is {self.max_rows}; give at least 50.")

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The graph on two columns.

        Args:
            table: any frame of two columns.
            knowledge: tiers, required and forbidden edges; priors are not used.
            context: the seed of the draw of rows.

        Raises:
            InputError: there are more than two columns, or they hold text.
            NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be tested.
        """
        names, matrix = self._rows(table, context)
        if len(names) != 2:
            raise InputError(
                f"PairwiseANM discovers between 2 columns; got {len(names)}. Take PC, then `orient` on its graph."
            )
        known = knowledge or Knowledge()
        known.check_nodes(names)
        may_cause, required = allowed_edges(known, names)
        dependent = bool(may_cause.any()) and hsic(matrix[:, 0], matrix[:, 1])[1] <= self.alpha
        adjacent = bool(required.any()) or dependent
        open_edge = CausalGraph.from_edges(names, undirected=[(names[0], names[1])] if adjacent else [])
        return self.orient(open_edge, table, knowledge, context)

    def direction(self, table: Any, a: str, b: str, context: RunContext = DEFAULT_CONTEXT) -> NoiseDirection:
        """The direction between two of the table's columns; see `additive_noise_direction`."""
        if a == b:
            raise InputError(f"a and b are both {a!r}; name two columns.")
        names, matrix = self._rows(table, context)
        for name in (a, b):
            if name not in names:
                raise ColumnNotFound(name, names)
        return self._between(matrix, names, a, b, set(), set())

    def orient(
        self,
        graph: CausalGraph,
        table: Any,
        knowledge: Knowledge | None = None,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> CausalGraph:
        """The graph with those of its undirected edges directed that additive noise decides, and what follows by Meek.

        Each direction is tested given the known causes of its effect, whose smooth additive parts are taken out. The
        clearest edge is directed first. An edge that would close a cycle stays open; none that has a direction turns.

        Raises:
            InputError: the graph has bidirected edges or circles, or knowledge that names strangers.

        Example:
            >>> rng = np.random.default_rng(0)
            >>> a = rng.normal(size=400)
            >>> b = a**2 + a + rng.normal(size=400)
            >>> chain = CausalGraph.from_edges("abc", undirected=[("a", "b"), ("b", "c")])
            >>> PairwiseANM().orient(chain, {"a": a, "b": b, "c": np.tanh(b) + 0.3 * rng.normal(size=400)}).directed
            (('a', 'b'), ('b', 'c'))
        """
        if len(graph.directed) + len(graph.undirected) != len(graph.edges):
            raise InputError("The graph has bidirected edges or circles; `orient` takes a CPDAG, as PC and BOSS give.")
        names, matrix = self._rows(table, context)
        CausalGraph(names, graph.edges)  # refuses nodes that are not in the table
        known = knowledge or Knowledge()
        known.check_nodes(names)
        may_cause, _ = allowed_edges(known, names)
        place = {name: i for i, name in enumerate(names)}
        state, edges = _state(graph, place, may_cause)
        found: dict[frozenset[str], NoiseDirection] = {}
        while True:
            meek(state, edges)
            open_edges = [(i, j) for i, j in edges if j in state.open[i] and may_cause[i, j] and may_cause[j, i]]
            tried = [self._in_state(state, matrix, names, i, j) for i, j in open_edges]
            decided = [t for t in tried if t.cause is not None]
            for t in sorted(decided, key=lambda t: (min(t.p_forward, t.p_backward), t.a, t.b)):
                cause, effect = (t.a, t.b) if t.cause == t.a else (t.b, t.a)
                if state.can_orient(place[cause], place[effect]):
                    state.orient(place[cause], place[effect])
                    found[frozenset((t.a, t.b))] = t
                    break
            else:
                break
        return CausalGraph(graph.nodes, tuple(_turned(edge, state, place, found) for edge in graph.edges))

    def _rows(self, table: Any, context: RunContext) -> tuple[tuple[str, ...], FloatArray]:
        """The table's names and rows, or a draw of them that no order of rows or columns changes."""
        names, matrix = numeric_columns(table, "an additive noise model", "PC(test='chi_square')")
        correlation_of(names, matrix)
        if len(matrix) > self.max_rows:
            by_name = sorted(range(len(names)), key=lambda i: names[i], reverse=True)
            matrix = matrix[np.lexsort([matrix[:, i] for i in by_name])]
            rows = context.rng("additive noise rows").choice(len(matrix), self.max_rows, replace=False)
            matrix = matrix[np.sort(rows)]
        return names, matrix / np.abs(matrix).max(axis=0)

    def _in_state(
        self, state: PartlyDirected, matrix: FloatArray, names: tuple[str, ...], i: int, j: int
    ) -> NoiseDirection:
        of_i, of_j = state.parents[i] - {j}, state.parents[j] - {i}
        return self._between(matrix, names, names[i], names[j], of_i, of_j)

    def _between(
        self, matrix: FloatArray, names: tuple[str, ...], a: str, b: str, causes_a: set[int], causes_b: set[int]
    ) -> NoiseDirection:
        """Both directions, each given the known causes of its effect."""
        i, j = names.index(a), names.index(b)
        forward = _p_value(matrix, j, [i, *sorted(causes_b)])
        backward = _p_value(matrix, i, [j, *sorted(causes_a)])
        return NoiseDirection(a, b, forward, backward, self.alpha)


def _p_value(matrix: FloatArray, effect: int, causes: list[int]) -> float:
    """How likely noise this dependent on the first cause would be, were it independent."""
    noise = additive_residual(matrix[:, effect], np.ascontiguousarray(matrix[:, causes].T))
    return hsic(matrix[:, causes[0]], noise)[1]


def _state(
    graph: CausalGraph, place: dict[str, int], may_cause: BoolArray
) -> tuple[PartlyDirected, list[tuple[int, int]]]:
    """The graph over positions, with what knowledge decides, and its edges by name."""
    adjacent = np.zeros_like(may_cause)
    edges = []
    for a, b in sorted((min(pair), max(pair)) for pair in map(tuple, graph.skeleton)):
        i, j = place[a], place[b]
        adjacent[i, j] = adjacent[j, i] = True
        edges.append((i, j))
    state = PartlyDirected.of(adjacent, may_cause)
    for a, b in graph.directed:
        state.orient(place[a], place[b])
    one_way = [(i, j) for i, j in edges if j in state.open[i] and may_cause[i, j] != may_cause[j, i]]
    cycle = orient_by_knowledge(state, one_way)
    if cycle:
        name = {i: v for v, i in place.items()}
        raise InputError(f"Knowledge forces the cycle {' -> '.join(name[i] for i in cycle)} on the graph's edges.")
    return state, edges


def _turned(
    edge: Edge, state: PartlyDirected, place: dict[str, int], found: dict[frozenset[str], NoiseDirection]
) -> Edge:
    """The edge as it was, or with the direction found."""
    a, b = place[edge.a], place[edge.b]
    if edge.mark_b == "arrow" or b in state.open[a]:
        return edge
    cause, effect = (edge.a, edge.b) if b in state.children[a] else (edge.b, edge.a)
    tested = found.get(frozenset((edge.a, edge.b)))
    if tested is None:
        return Edge(
            cause, effect, "tail", "arrow", edge.confidence, f"{edge.provenance}; directed by knowledge or Meek"
        )
    rejected = min(tested.p_forward, tested.p_backward)
    return Edge(cause, effect, "tail", "arrow", 1.0 - rejected, f"additive noise alpha={tested.alpha:g}")
