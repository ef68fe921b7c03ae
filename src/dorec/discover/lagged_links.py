"""Links between variables at different times: as numbers, as a graph over a window of time, and without the lags."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph, Edge, Pair
from dorec.numeric.arrays import BoolArray, FloatArray

_LAGGED = re.compile(r"(.+)\[t(?:-(\d+))?\]", re.DOTALL)


def lagged_name(name: str, lag: int) -> str:
    """The node of a variable `lag` steps ago.

    >>> lagged_name("view", 0), lagged_name("view", 2)
    ('view[t]', 'view[t-2]')
    """
    return f"{name}[t-{lag}]" if lag else f"{name}[t]"


def parse_lagged(node: str) -> tuple[str, int]:
    """The variable of a node and how many steps ago it stands.

    >>> parse_lagged("view[t-2]")
    ('view', 2)
    """
    found = _LAGGED.fullmatch(node)
    if found is None:
        raise InputError(f"{node!r} is no lagged node; they are written as 'view[t]' and 'view[t-1]'.")
    return found[1], int(found[2] or 0)


@dataclass(frozen=True)
class LaggedLink:
    """`cause` acts on `effect` `lag` steps later; `value` is the partial correlation of the MCI test.

    >>> str(LaggedLink("view", "cart", 1, 0.4, 1e-9, 1e-8))
    'view[t-1] --> cart[t] (+0.40)'
    """

    cause: str
    effect: str
    lag: int
    value: float
    p_value: float
    adjusted: float  # the p-value that alpha was held against
    source: str = ""

    def __str__(self) -> str:
        return f"{lagged_name(self.cause, self.lag)} --> {lagged_name(self.effect, 0)} ({self.value:+.2f})"


@dataclass(frozen=True, eq=False)
class LaggedLinks:
    """What `LagPC` found: every test's value and p-value, and the links that passed.

    Example:
        >>> value, p = np.full((2, 2, 2), 0.1), np.full((2, 2, 2), 0.5)
        >>> value[0, 1, 1], p[0, 1, 1] = 0.4, 1e-9
        >>> found = LaggedLinks(("view", "cart"), value, p, p, p < 0.05, p < 0, 300, 20, 0, 0, "LagPC")
        >>> [str(link) for link in found]
        ['view[t-1] --> cart[t] (+0.40)']
        >>> found.graph().directed
        (('view[t-1]', 'cart[t]'),)
    """

    names: tuple[str, ...]
    value: FloatArray  # (d, d, max_lag + 1), MCI partial correlation of x, `lag` steps ago, with y; NaN: not tested
    p_value: FloatArray  # (d, d, max_lag + 1)
    adjusted: FloatArray  # (d, d, max_lag + 1), what alpha was held against
    found: BoolArray  # (d, d, max_lag + 1), the links
    required: BoolArray  # (d, d, max_lag + 1), those that knowledge gave
    n_windows: int  # stretches of 2 max_lag + 1 rows that the tests rest on
    n_units: int  # that have such a stretch
    n_gaps: int  # places where rows of a unit do not follow each other; no window reaches over one
    n_rows_unused: int  # rows that are in no window
    source: str

    @property
    def max_lag(self) -> int:
        """The largest lag."""
        return self.value.shape[2] - 1

    def __iter__(self) -> Iterator[LaggedLink]:
        """The links by effect, cause and lag."""
        places = sorted(np.argwhere(self.found).tolist(), key=lambda p: (self.names[p[1]], self.names[p[0]], p[2]))
        for x, y, lag in places:
            value, p_value, adjusted = (float(a[x, y, lag]) for a in (self.value, self.p_value, self.adjusted))
            source = "required by knowledge" if self.required[x, y, lag] else self.source
            yield LaggedLink(self.names[x], self.names[y], lag, value, p_value, adjusted, source)

    def graph(self, *, repeat: bool = True, hidden_past: bool = False) -> CausalGraph:
        """The links as a graph over the nodes `name[t-max_lag]` ... `name[t]`; no edge points back in time.

        Args:
            repeat: whether a link into [t] also stands between the earlier nodes, as it does if the process is
                stationary. Without them the graph shows each link once, but says nothing of what is upstream of the
                past, and must not be used for identification.
            hidden_past: whether nodes that share causes from before the window are joined by <->.
        """
        nodes = [lagged_name(name, lag) for lag in range(self.max_lag, -1, -1) for name in self.names]
        edges = []
        for link in self:
            for shift in range(self.max_lag - link.lag + 1 if repeat else 1):
                ends = lagged_name(link.cause, link.lag + shift), lagged_name(link.effect, shift)
                said = link.source if not shift else f"{link.source}; the same link, {shift} steps earlier"
                edges.append(Edge(*ends, "tail", "arrow", 1.0 - link.adjusted, f"r={link.value:+.3f} {said}"))
        if hidden_past:
            edges += [Edge(a, b, "arrow", "arrow", None, "causes before the window") for a, b in self._shared_past()]
        return CausalGraph(tuple(nodes), tuple(edges))

    def _shared_past(self) -> list[Pair]:
        """Pairs of nodes of the window with an ancestor, before it, from which paths lead to both outside of it."""
        top = self.max_lag
        deep = top * (2 + len(self.names) ** 2)  # beyond it nothing new can join two variables
        links = [(link.cause, link.effect, link.lag) for link in self if link.lag]
        causes: dict[str, list[tuple[str, int]]] = {name: [] for name in self.names}
        for cause, effect, lag in links:
            causes[effect].append((cause, lag))
        past: dict[Pair, set[tuple[str, int]]] = {}
        for name, lag in product(self.names, range(top + 1)):
            seen: set[tuple[str, int]] = set()
            stack = [(cause, lag + back) for cause, back in causes[name] if lag + back > top]
            while stack:
                node = stack.pop()
                if node in seen or node[1] > deep:
                    continue
                seen.add(node)
                stack += [(cause, node[1] + back) for cause, back in causes[node[0]]]
            if seen:
                past[name, str(lag)] = seen
        nodes = sorted(past)
        return [
            (lagged_name(a[0], int(a[1])), lagged_name(b[0], int(b[1])))
            for i, a in enumerate(nodes)
            for b in nodes[i + 1 :]
            if past[a] & past[b]
        ]


def summary_graph(lagged: CausalGraph) -> CausalGraph:
    """Which variable acts on which, whatever the lag, over the nodes `name[past]` and `name[now]`.

    A variable may act on another and that one back on it, at different times: with two nodes for each variable the
    summary is still acyclic. Its confidence is that of the surest lag, and the provenance names all of them.

    Args:
        lagged: a graph over nodes `name[t-k]`; edges into `name[t]` count.

    Raises:
        InputError: a node is not lagged.

    Example:
        >>> nodes = ["view[t-2]", "view[t-1]", "cart[t-1]", "view[t]", "cart[t]"]
        >>> edges = [("view[t-2]", "cart[t]"), ("view[t-1]", "cart[t]"), ("cart[t-1]", "view[t]")]
        >>> summary = summary_graph(CausalGraph.from_edges(nodes, directed=edges))
        >>> summary.directed, summary.edges[1].provenance
        ((('cart[past]', 'view[now]'), ('view[past]', 'cart[now]')), 'lags 1, 2')
    """
    names = tuple(dict.fromkeys(parse_lagged(node)[0] for node in lagged.nodes))
    lags: dict[Edge, list[tuple[int, float | None]]] = {}
    for edge in lagged.edges:
        (a, lag_a), (b, lag_b) = parse_lagged(edge.a), parse_lagged(edge.b)
        if min(lag_a, lag_b) > 0:
            continue
        when_a, when_b = ("past" if lag else "now" for lag in (lag_a, lag_b))
        kind = Edge(f"{a}[{when_a}]", f"{b}[{when_b}]", edge.mark_a, edge.mark_b)
        lags.setdefault(kind, []).append((max(lag_a, lag_b), edge.confidence))
    edges = []
    for kind, found in lags.items():
        sure = [c for _, c in found if c is not None]
        said = ", ".join(str(lag) for lag, _ in sorted(found))
        confidence = max(sure, default=None)
        edges.append(Edge(kind.a, kind.b, kind.mark_a, kind.mark_b, confidence, f"lag{'s' * (len(found) > 1)} {said}"))
    return CausalGraph(tuple(f"{n}[{when}]" for when in ("past", "now") for n in names), tuple(edges))
