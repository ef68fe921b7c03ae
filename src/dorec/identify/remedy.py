"""The cheapest further measurements and experiments with which an effect could be told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any

from dorec.domain.errors import ColumnNotFound, InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.regime import Regime
from dorec.identify.separation import Names, as_names, needs_directions
from dorec.identify.surrogate_experiments import Experiment, Sources, Thicket

MEASURE, MEASURE_CAUSE, RANDOMISE = (
    1.0,
    2.0,
    10.0,
)  # costs where none are given: a column, a cause without name, a trial
MAX_TRIES = 2_000


@dataclass(frozen=True)
class Remedy:
    """What to measure and what to randomise, with which the effect is identified.

    Each randomised node is an experiment of its own, whose data are put together with what was observed.

    Example:
        >>> print(Remedy(cost=3.0, measure=("income",), randomise=("price",)))
        measure income and randomise price
    """

    cost: float
    measure: tuple[str, ...] = ()
    randomise: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [
            f"measure what {' and '.join(name.split(ARC))} have as a hidden common cause"
            if ARC in name
            else f"measure {name}"
            for name in self.measure
        ]
        return " and ".join([*parts, *(f"randomise {name}" for name in self.randomise)])

    def to_dict(self) -> dict[str, Any]:
        """The remedy as plain data."""
        return {
            "do": str(self),
            "cost": self.cost,
            "measure": list(self.measure),
            "randomise": list(self.randomise),
        }


ARC = " <-> "
Step = tuple[str, str]  # measure or randomise, and what


def remedies(
    graph: CausalGraph,
    query: CausalQuery,
    unobserved: Names = (),
    costs: Mapping[str, float] | None = None,
    *,
    experiments: Sequence[Experiment] = (),
    limit: int = 3,
    max_size: int = 3,
    max_tries: int = MAX_TRIES,
) -> tuple[Remedy, ...]:
    """Ways to make an effect identifiable, cheapest first, each tried with the complete algorithms.

    Args:
        graph: directed and bidirected edges.
        query: what can't be told.
        unobserved: nodes that were not measured.
        costs: of measuring an unobserved node, of measuring the hidden cause "a <-> b", of randomising a measured one.
            What has no cost can't be done. Without costs, everything can: a column costs 1, a hidden cause without
            name 2, an experiment 10.
        experiments: sources at hand.
        limit: how many ways at most; none contains another.
        max_size: steps in one way.
        max_tries: how many sets of steps are tried at most.

    Raises:
        ColumnNotFound: a cost is of nothing in the graph.
        InputError: a cost is negative or not a number.

    Example:
        >>> g = CausalGraph.from_edges("uty", directed=[("u", "t"), ("u", "y"), ("t", "y")])
        >>> [str(way) for way in remedies(g, CausalQuery("t", "y"), unobserved="u")]
        ['measure u', 'randomise t']
        >>> [str(way) for way in remedies(g, CausalQuery("t", "y"), "u", costs={"u": 20.0, "t": 5.0})]
        ['randomise t', 'measure u']
    """
    needs_directions(graph)
    hidden = as_names(graph, unobserved)
    steps = _steps(graph, query, hidden, costs)
    if not experiments:  # what is no cause of the query's nodes can't help, unless a source names it
        graph = graph.subgraph(graph.ancestors({*query.outcomes, *query.treatments, *query.conditions}))
        hidden &= frozenset(graph.nodes)
    found: list[tuple[Remedy, frozenset[Step]]] = []
    for tries, (cost, chosen) in enumerate(_by_cost(steps, max_size)):
        if len(found) >= limit or tries >= max_tries:
            break
        if any(smaller <= frozenset(chosen) for _, smaller in found):
            continue
        measure = tuple(sorted(name for kind, name in chosen if kind == "measure"))
        randomise = tuple(sorted(name for kind, name in chosen if kind == "randomise"))
        if _tells(graph, query, hidden, measure, randomise, experiments):
            found.append((Remedy(cost, measure, randomise), frozenset(chosen)))
    return tuple(remedy for remedy, _ in found)


def step_costs(
    graph: CausalGraph, query: CausalQuery, hidden: frozenset[str], near: frozenset[str]
) -> dict[str, float]:
    """The cost of each step near some nodes where none are given: hidden causes of them, and to randomise them.

    Example:
        >>> g = CausalGraph.from_edges("uty", directed=[("u", "t"), ("t", "y")], bidirected=[("t", "y")])
        >>> step_costs(g, CausalQuery("t", "y"), frozenset("u"), frozenset("ty"))
        {'u': 1.0, 't <-> y': 2.0, 't': 10.0}
    """
    causes = hidden & frozenset().union(*(graph.parents(node) for node in near | hidden))
    found = dict.fromkeys(sorted(causes), MEASURE)
    found |= {ARC.join(pair): MEASURE_CAUSE for pair in graph.bidirected if near >= {*pair}}
    return found | dict.fromkeys(sorted(near - hidden - {*query.outcomes}), RANDOMISE)


def _steps(
    graph: CausalGraph, query: CausalQuery, hidden: frozenset[str], costs: Mapping[str, float] | None
) -> dict[Step, float]:
    """What can be done, and at what cost; only causes of the query's nodes can help."""
    near = graph.ancestors({*query.outcomes, *query.treatments, *query.conditions})
    arcs = {ARC.join(pair) for pair in graph.bidirected}
    named = {}
    for name, cost in (step_costs(graph, query, hidden, near) if costs is None else costs).items():
        ends = name.split(ARC)
        key = ARC.join(sorted(ends)) if len(ends) == 2 else name
        if key not in arcs and key not in graph.nodes:
            raise ColumnNotFound(name, (*graph.nodes, *arcs), where="the nodes and hidden causes of the graph")
        if not cost >= 0:
            raise InputError(f"{name} costs {cost}; a cost is a number from 0 up.")
        helps = near >= {*ends} and name not in query.outcomes
        if helps:
            named["measure" if key in hidden | arcs else "randomise", key] = float(cost)
    return named


def _by_cost(steps: Mapping[Step, float], max_size: int) -> Iterator[tuple[float, tuple[Step, ...]]]:
    """Sets of steps in the order of their cost."""
    ordered = sorted(steps, key=lambda step: (steps[step], step))
    turn = count()
    heap: list[tuple[float, int, tuple[int, ...]]] = [(steps[step], next(turn), (i,)) for i, step in enumerate(ordered)]
    while heap:
        cost, _, chosen = heappop(heap)
        yield cost, tuple(ordered[i] for i in chosen)
        if len(chosen) < max_size:
            for i in range(chosen[-1] + 1, len(ordered)):
                heappush(heap, (cost + steps[ordered[i]], next(turn), (*chosen, i)))


def _tells(
    graph: CausalGraph,
    query: CausalQuery,
    hidden: frozenset[str],
    measure: Sequence[str],
    randomise: Sequence[str],
    experiments: Sequence[Experiment],
) -> bool:
    alone = len(query.treatments) == 1 and query.treatments[0] in randomise
    if (alone or set(randomise) == set(query.treatments)) and not hidden & {*query.outcomes, *query.conditions}:
        return True  # the experiment that the question asks for
    named = [tuple(name.split(ARC)) for name in measure if ARC in name]
    causes = [f"cause of {a} and {b}" for a, b in named]
    while frozenset(causes) & frozenset(graph.nodes):
        causes = [f"{cause}'" for cause in causes]
    if named:
        directed = [(c, end) for c, pair in zip(causes, named, strict=True) for end in pair]
        left = [pair for pair in graph.bidirected if pair not in named]
        graph = CausalGraph.from_edges((*graph.nodes, *causes), directed=[*graph.directed, *directed], bidirected=left)
    more = [Regime(do=name) for name in randomise]
    if set(randomise) == set(query.treatments):
        more.append(Regime(do=randomise))
    sources = Sources.of(graph, [*experiments, *more], hidden - frozenset(measure))
    asked = [frozenset(names) for names in (query.outcomes, query.treatments, query.conditions)]
    if not frozenset().union(*asked) <= frozenset(sources.graph.nodes):
        return False
    try:
        sources.conditional_effect(*asked)
    except Thicket:
        return False
    return True
