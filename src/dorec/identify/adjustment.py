"""Adjustment sets: which covariates make treated and untreated comparable.

The generalised adjustment criterion (Shpitser, VanderWeele, Robins 2010; Perković et al. 2018, jmlr.org/papers/v18/
16-319.html) is sound and complete for graphs with hidden common causes and for several treatments at once. In a CPDAG,
MPDAG, MAG or PAG a set is valid if it is in every graph of the class; undirected edges and circles are read so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.query import CausalQuery
from dorec.identify.amenability import ClassReading, causal_nodes, needs_amenability
from dorec.identify.orientations import Kind
from dorec.identify.separation import as_names, in_words, is_d_separated, open_path
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
    possible: bool  # whether conditions are from before the treatment, as adjustment needs, and all graphs agree
    reading: ClassReading | None = None  # of a CPDAG, MPDAG, MAG or PAG, where `graph` is one of the class

    @classmethod
    def of(cls, graph: CausalGraph, query: CausalQuery, unobserved: Names = (), kind: Kind | None = None) -> "BackDoor":
        """The separation problem of a query; in a class of graphs, of one of them, which stands for all."""
        x, y, c = (as_names(graph, names) for names in (query.treatments, query.outcomes, query.conditions))
        hidden = as_names(graph, unobserved)
        reading = None
        if kind in (None, "admg") and graph.is_admg:
            causal, after = causal_nodes(graph, x, y), graph.descendants(x)
            one, forbidden = graph, graph.descendants(causal)
        else:
            reading = ClassReading.of(graph, x, y, kind)
            one, causal, forbidden, after = reading.member, reading.causal, reading.forbidden, reading.after
        agreed = reading is None or not reading.obstacle
        if c:  # P(y | do(x), c): rule 2 of do-calculus, with everything adjusted for from before the treatment
            allowed = frozenset(graph.nodes) - after - y - c - hidden
            possible = agreed and not c & (after | hidden)
            return cls(one.without_edges_out_of(x), x, y, c, allowed, causal, possible, reading)
        first = frozenset(e for e in one.edges if e.mark_a == "tail" and e.a in x and e.b in causal)
        cut = one.without(first)
        allowed = frozenset(graph.nodes) - forbidden - x - y - hidden
        return cls(cut, x, y, c, allowed, causal, agreed, reading)

    def is_valid(self, adjustment: frozenset[str]) -> bool:
        """Whether a set does it."""
        return (
            self.possible
            and adjustment <= self.allowed
            and is_d_separated(self.graph, self.treatments, self.outcomes, adjustment | self.given)
        )

    def open_path(self, adjustment: frozenset[str]) -> list[Edge] | None:
        """A non-causal path that a set leaves open; in a class of graphs, as one of them has it."""
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


def is_valid_adjustment(
    graph: CausalGraph, query: CausalQuery, adjustment: Names, unobserved: Names = (), *, kind: Kind | None = None
) -> bool:
    """Whether Σ_z P(y | x, z, c) P(z | c) over this set z is P(y | do(x), c) in every model of the graph.

    Without conditions c the criterion is complete: a set that fails it is wrong in some model. With conditions, the
    set and the conditions have to come from before the treatment.

    Args:
        graph: an ADMG, CPDAG, MPDAG or PAG; in a class of graphs the set has to be valid in each.
        query: treatments, outcomes and conditions.
        adjustment: the covariates to adjust for.
        unobserved: nodes of the graph that were not measured.
        kind: "mag" for a graph of -> and <-> where -> may hide a common cause; else the marks say what it is.

    Raises:
        NotIdentifiable: the marks are those of no class (selected samples have such).

    Example:
        >>> g = CausalGraph.from_edges("ztmy", directed=[("z", "t"), ("z", "y"), ("t", "m"), ("m", "y")])
        >>> query = CausalQuery("t", "y")
        >>> is_valid_adjustment(g, query, ["z"]), is_valid_adjustment(g, query, ["z", "m"])
        (True, False)
        >>> cpdag = CausalGraph.from_edges("zty", directed=[("z", "y"), ("t", "y")])
        >>> is_valid_adjustment(cpdag, CausalQuery("t", "y"), ["z"])
        True
    """
    return BackDoor.of(graph, query, unobserved, kind).is_valid(as_names(graph, adjustment))


def why_not_valid(
    graph: CausalGraph, query: CausalQuery, adjustment: Names, unobserved: Names = (), *, kind: Kind | None = None
) -> str:
    """Why a set is no valid adjustment set, in words; empty if it is one. Arguments as in `is_valid_adjustment`.

    Example:
        >>> g = CausalGraph.from_edges("zty", directed=[("z", "t"), ("z", "y"), ("t", "y")])
        >>> why_not_valid(g, CausalQuery("t", "y"), [])
        't <- z -> y stays open'
    """
    door = BackDoor.of(graph, query, unobserved, kind)
    chosen = as_names(graph, adjustment)
    if door.is_valid(chosen):
        return ""
    if door.reading is not None and door.reading.obstacle:
        path = in_words(door.reading.obstacle)
        return f"{path} may be causal, and its first edge may be another in graphs that the data can't tell apart"
    if door.reading is not None:
        graph = door.reading.member
    reasons = [f"{name} is not measured" for name in sorted(chosen & as_names(graph, unobserved))]
    reasons += [f"{name} is part of the query" for name in sorted(chosen & (door.treatments | door.outcomes))]
    reasons += [f"{name} comes after the treatment" for name in sorted(door.given & graph.descendants(door.treatments))]
    for name in sorted(chosen - door.allowed - door.treatments - door.outcomes - as_names(graph, unobserved)):
        reasons.append(_why_forbidden(graph, door, name))
    open_one = door.open_path(chosen & door.allowed)
    if open_one is not None:
        reasons.append(f"{in_words(open_one)} stays open")
    return "; ".join(reasons)


def adjustment_sets(
    graph: CausalGraph,
    query: CausalQuery,
    limit: int = 100,
    *,
    minimal: bool = True,
    unobserved: Names = (),
    kind: Kind | None = None,
) -> list[tuple[str, ...]]:
    """Valid adjustment sets, up to `limit` of them, smallest first; empty if there is none.

    Args:
        graph: an ADMG, CPDAG, MPDAG or PAG.
        query: treatments, outcomes and conditions.
        limit: how many at most; when there are more, those that separate close to the outcomes are found first.
        minimal: only sets from which nothing can be left out; otherwise every valid set.
        unobserved: nodes of the graph that were not measured.
        kind: "mag" for a graph of -> and <-> where -> may hide a common cause.

    Raises:
        NotIdentifiable: graphs of the class differ in what is causal, with the edge that decides.

    Example:
        >>> edges = [("a", "t"), ("a", "b"), ("b", "y"), ("t", "y")]
        >>> adjustment_sets(CausalGraph.from_edges("abty", directed=edges), CausalQuery("t", "y"))
        [('a',), ('b',)]
    """
    door = BackDoor.of(graph, query, unobserved, kind)
    if door.reading is not None:
        needs_amenability(door.reading, query)
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
