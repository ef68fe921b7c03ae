"""Adjustment sets: which covariates make treated and untreated comparable.

The generalised adjustment criterion (Shpitser, VanderWeele, Robins 2010; Perković et al. 2018, jmlr.org/papers/v18/
16-319.html) is sound and complete for graphs with hidden common causes and for several treatments at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.query import CausalQuery
from dorec.identify.separation import as_names, in_words, is_d_separated, needs_directions, open_path
from dorec.identify.separators import minimal_separators, sides

Names = str | Iterable[str]


@dataclass(frozen=True)
class BackDoor:
    """The separation that an adjustment set has to achieve for a query, worked out once.

    `graph` is the user's graph without the first edges of causal paths. A set is valid if it is `allowed` and, with
    the query's conditions `given`, separates treatments from outcomes there.
    """

    graph: CausalGraph
    treatments: frozenset[str]
    outcomes: frozenset[str]
    given: frozenset[str]
    allowed: frozenset[str]
    causal: frozenset[str]  # nodes on causal paths, treatments left out
    possible: bool  # whether conditions are from before the treatment, as adjustment needs

    @classmethod
    def of(cls, graph: CausalGraph, query: CausalQuery, unobserved: Names = ()) -> "BackDoor":
        """The separation problem of a query."""
        needs_directions(graph)
        x, y, c = (as_names(graph, names) for names in (query.treatments, query.outcomes, query.conditions))
        hidden = as_names(graph, unobserved)
        causal = causal_nodes(graph, x, y)
        after = graph.descendants(x)
        if c:  # P(y | do(x), c): rule 2 of do-calculus, with everything adjusted for from before the treatment
            cut = graph.without_edges_out_of(x)
            allowed = frozenset(graph.nodes) - after - y - c - hidden
            return cls(cut, x, y, c, allowed, causal, not c & (after | hidden))
        first = tuple(e for e in graph.edges if e.mark_a == "tail" and e.a in x and e.b in causal)
        cut = CausalGraph(graph.nodes, tuple(e for e in graph.edges if e not in first))
        allowed = frozenset(graph.nodes) - graph.descendants(causal) - x - y - hidden
        return cls(cut, x, y, c, allowed, causal, True)

    def is_valid(self, adjustment: frozenset[str]) -> bool:
        """Whether a set does it."""
        return (
            self.possible
            and adjustment <= self.allowed
            and is_d_separated(self.graph, self.treatments, self.outcomes, adjustment | self.given)
        )

    def open_path(self, adjustment: frozenset[str]) -> list[Edge] | None:
        """A non-causal path that a set leaves open."""
        return open_path(self.graph, self.treatments, self.outcomes, adjustment | self.given)

    def largest(self) -> frozenset[str]:
        """A set that is valid if any set is: all that is allowed among the ancestors of the query."""
        return self.graph.ancestors(self.treatments | self.outcomes | self.given) & self.allowed

    def minimal(self) -> Iterator[frozenset[str]]:
        """The valid sets from which nothing can be left out, those close to the outcomes first."""
        if self.possible:
            yield from minimal_separators(sides(self.graph, self.treatments, self.outcomes, self.given, self.allowed))

    def all(self) -> Iterator[frozenset[str]]:
        """Every valid set, each after polynomial work (van der Zander, Liśkiewicz, Textor 2019)."""
        if self.possible:
            yield from self._between(frozenset(), self.allowed)

    def _between(self, inside: frozenset[str], outside: frozenset[str]) -> Iterator[frozenset[str]]:
        reach = self.graph.ancestors(self.treatments | self.outcomes | self.given | inside)
        if not self.is_valid((reach & outside) | inside):
            return
        if inside == outside:
            yield inside
            return
        node = min(outside - inside)
        yield from self._between(inside, outside - {node})
        yield from self._between(inside | {node}, outside)


def causal_nodes(graph: CausalGraph, x: frozenset[str], y: frozenset[str]) -> frozenset[str]:
    """Nodes on a directed path from x to y that visits x only at its start; without x.

    >>> g = CausalGraph.from_edges("xmyd", directed=[("x", "m"), ("m", "y"), ("m", "d")])
    >>> sorted(causal_nodes(g, frozenset("x"), frozenset("y")))
    ['m', 'y']
    """
    rest = graph.subgraph(frozenset(graph.nodes) - x)
    starts = frozenset().union(*(graph.children(node) for node in x)) - x
    return rest.descendants(starts) & rest.ancestors(y)


def is_valid_adjustment(graph: CausalGraph, query: CausalQuery, adjustment: Names, unobserved: Names = ()) -> bool:
    """Whether Σ_z P(y | x, z, c) P(z | c) over this set z is P(y | do(x), c) in every model of the graph.

    Without conditions c the criterion is complete: a set that fails it is wrong in some model. With conditions, the
    set and the conditions have to come from before the treatment.

    Args:
        graph: directed and bidirected edges.
        query: treatments, outcomes and conditions.
        adjustment: the covariates to adjust for.
        unobserved: nodes of the graph that were not measured.

    Example:
        >>> g = CausalGraph.from_edges("ztmy", directed=[("z", "t"), ("z", "y"), ("t", "m"), ("m", "y")])
        >>> query = CausalQuery("t", "y")
        >>> is_valid_adjustment(g, query, ["z"]), is_valid_adjustment(g, query, ["z", "m"])
        (True, False)
    """
    return BackDoor.of(graph, query, unobserved).is_valid(as_names(graph, adjustment))


def why_not_valid(graph: CausalGraph, query: CausalQuery, adjustment: Names, unobserved: Names = ()) -> str:
    """Why a set is no valid adjustment set, in words; empty if it is one.

    Example:
        >>> g = CausalGraph.from_edges("zty", directed=[("z", "t"), ("z", "y"), ("t", "y")])
        >>> why_not_valid(g, CausalQuery("t", "y"), [])
        't <- z -> y stays open'
    """
    door = BackDoor.of(graph, query, unobserved)
    chosen = as_names(graph, adjustment)
    if door.is_valid(chosen):
        return ""
    reasons = [f"{name} is not measured" for name in sorted(chosen & as_names(graph, unobserved))]
    reasons += [f"{name} is part of the query" for name in sorted(chosen & (door.treatments | door.outcomes))]
    reasons += [f"{name} comes after the treatment" for name in sorted(door.given & graph.descendants(door.treatments))]
    for name in sorted(chosen - door.allowed - door.treatments - door.outcomes - as_names(graph, unobserved)):
        reasons.append(_why_forbidden(graph, door, name))
    path = door.open_path(chosen & door.allowed)
    if path is not None:
        reasons.append(f"{in_words(path)} stays open")
    return "; ".join(reasons)


def adjustment_sets(
    graph: CausalGraph, query: CausalQuery, limit: int = 100, *, minimal: bool = True, unobserved: Names = ()
) -> list[tuple[str, ...]]:
    """Valid adjustment sets, up to `limit` of them, smallest first; empty if there is none.

    Args:
        graph: directed and bidirected edges.
        query: treatments, outcomes and conditions.
        limit: how many at most; when there are more, those that separate close to the outcomes are found first.
        minimal: only sets from which nothing can be left out; otherwise every valid set.
        unobserved: nodes of the graph that were not measured.

    Example:
        >>> edges = [("a", "t"), ("a", "b"), ("b", "y"), ("t", "y")]
        >>> adjustment_sets(CausalGraph.from_edges("abty", directed=edges), CausalQuery("t", "y"))
        [('a',), ('b',)]
    """
    door = BackDoor.of(graph, query, unobserved)
    found = (tuple(sorted(s)) for s in islice(door.minimal() if minimal else door.all(), limit))
    return sorted(found, key=lambda names: (len(names), names))


def _why_forbidden(graph: CausalGraph, door: BackDoor, name: str) -> str:
    if name in door.causal:
        return f"{name} is on the causal path from {_list(door.treatments)} to {_list(door.outcomes)}"
    if name in graph.descendants(door.causal):
        return f"{name} is an effect of {_list(door.causal & graph.ancestors([name]))}, which is on a causal path"
    return f"{name} comes after the treatment"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
