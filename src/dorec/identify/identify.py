"""From a graph and a question to what has to be computed, or to the reason why these data can't tell."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from dorec.domain.errors import NotIdentifiable
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Probability
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.simplification import simplified
from dorec.identify.adjustment import BackDoor
from dorec.identify.by_class import identify_in_class
from dorec.identify.by_design import adjusted
from dorec.identify.front_door import identify_by_front_door
from dorec.identify.id_algorithm import Hedge, identify_conditional_effect, identify_effect
from dorec.identify.instruments import Instrument, find_instruments
from dorec.identify.optimal import optimal_adjustment_set
from dorec.identify.projection import latent_projection
from dorec.identify.remedy import Remedy, remedies, step_costs
from dorec.identify.separation import Names, as_names, in_words
from dorec.identify.surrogate_experiments import Experiment, identify_from_experiments


def identify(
    graph: CausalGraph,
    query: CausalQuery,
    unobserved: Names = (),
    experiments: Iterable[Experiment] = (),
    *,
    costs: Mapping[str, float] | None = None,
) -> Estimand:
    """P(outcomes | do(treatments), conditions) in terms of the observed distribution.

    In this order: an effect that the graph rules out; adjustment (with the set of smallest variance where one is
    known, else a minimal set close to the outcomes); the front door; the complete algorithms ID and IDC; experiments on
    other nodes (z-ID, g-ID), so that a refusal means that no formula exists. A refusal names the instruments that the
    graph has, and the cheapest further measurement or experiment with which a formula would exist.

    Args:
        graph: an ADMG, where a bidirected edge is a hidden common cause; or a CPDAG, MPDAG or PAG, where the answer has
            to be the same in every graph of the class.
        query: treatments, outcomes and conditions, all of them measured.
        unobserved: other nodes of the graph that were not measured.
        experiments: each the nodes that an experiment randomised, or a `Regime`: see `identify_from_experiments`. They
            and `costs` are for an ADMG; over a class of graphs, only what was observed is asked.
        costs: of measuring an unobserved node or a hidden cause "a <-> b", of randomising a measured node; a refusal
            then lists the cheapest ways out among these (see `remedies`). Without, single steps are tried.

    Raises:
        NotIdentifiable: two models of this graph agree in all that was measured and differ in the effect; the reason
            names the path that can't be blocked, the remedy the cheapest way out.
        ColumnNotFound: the query names a node that the graph lacks.

    Example:
        >>> g = CausalGraph.from_edges("zty", directed=[("z", "t"), ("z", "y"), ("t", "y")])
        >>> print(identify(g, CausalQuery("t", "y")))
        P(y | do(t)) = Σ_{z} P(y | t, z) P(z)
        >>> identify(g, CausalQuery("t", "y"), unobserved="z")
        Traceback (most recent call last):
        ...
        dorec.domain.errors.NotIdentifiable: not_identifiable: P(y | do(t)) is no function of what was measured: t <- z
        -> y stays open, for z was not measured. Remedy: measure z, or randomise t, or find an instrument ...
        >>> print(identify(g, CausalQuery("t", "y"), unobserved="z", experiments=["t"]))
        P(y | do(t)) = P(y | do(t))
    """
    sources = tuple(experiments)
    hidden = as_names(graph, unobserved)
    _refuse_hidden(query, hidden)
    if not graph.is_admg:
        return identify_in_class(graph, query, hidden, identify)
    door = BackDoor.of(graph, query, hidden)
    if not door.causal and not door.given & graph.descendants(door.treatments):
        return _no_effect(query)
    chosen = _adjustment_set(graph, query, door, hidden)
    if chosen is not None:
        return _back_door(query, chosen)
    through = identify_by_front_door(graph, query, hidden)
    if through is not None:
        return through
    projected = latent_projection(graph, hidden)
    try:
        expression = (
            identify_conditional_effect(projected, query.outcomes, query.treatments, query.conditions)
            if query.conditions
            else identify_effect(projected, query.outcomes, query.treatments)
        )
    except Hedge as hedge:
        if sources:
            with suppress(NotIdentifiable):
                return identify_from_experiments(graph, query, sources, hidden)
        ways = _ways(graph, query, hidden, hedge, sources, costs)
        raise _refusal(query, door, hedge, hidden, _instruments(graph, query, hidden), ways) from None
    return Estimand(
        query=query,
        strategy="general",
        expression=simplified(expression),
        assumptions=(_GRAPH, "no adjustment set is valid in it; the formula is that of the complete ID algorithm"),
    )


QUICK_TRIES = 5  # single steps that a refusal without costs tries
_GRAPH = "the graph is right: no arrow and no hidden common cause is missing from it"


def _adjustment_set(
    graph: CausalGraph, query: CausalQuery, door: BackDoor, hidden: frozenset[str]
) -> tuple[str, ...] | None:
    best = optimal_adjustment_set(graph, query, unobserved=hidden)
    if best is not None:
        return best
    nearest = next(door.minimal(), None)
    return None if nearest is None else tuple(sorted(nearest))


def _back_door(query: CausalQuery, chosen: Sequence[str]) -> Estimand:
    what, to = " and ".join(query.treatments), " and ".join(query.outcomes)
    blocks = f"{', '.join(chosen)} block every path" if chosen else "there is no open path"
    return Estimand(
        query=query,
        strategy="back-door",
        expression=adjusted(query, chosen),
        adjustment_set=tuple(chosen),
        assumptions=(
            _GRAPH,
            f"in the graph, {blocks} between {what} and {to} that is not causal",
            f"one unit's {what} does not change another unit's outcome",
            f"every kind of unit could have had each level of {what}",
        ),
    )


def _no_effect(query: CausalQuery) -> Estimand:
    what, to = " and ".join(query.treatments), " and ".join(query.outcomes)
    return Estimand(
        query=query,
        strategy="general",
        expression=Probability(query.outcomes, query.conditions),
        assumptions=(_GRAPH, f"no directed path leads from {what} to {to} in it: the effect is zero"),
    )


def _refuse_hidden(query: CausalQuery, hidden: frozenset[str]) -> None:
    asked = sorted(hidden & {*query.treatments, *query.outcomes, *query.conditions})
    if asked:
        raise NotIdentifiable(
            f"{', '.join(asked)} was not measured, and {query} asks for it",
            remedy=f"measure {', '.join(asked)}, or a stand-in that the graph shows",
            evidence={"unobserved": asked},
        )


def _instruments(graph: CausalGraph, query: CausalQuery, hidden: frozenset[str]) -> tuple[Instrument, ...]:
    single = len(query.treatments) == len(query.outcomes) == 1 and not query.conditions
    if not single:
        return ()
    near = graph.subgraph(graph.ancestors({*query.treatments, *query.outcomes}))  # causes: what others copy from
    return find_instruments(near, query, hidden & frozenset(near.nodes))


def _ways(
    graph: CausalGraph,
    query: CausalQuery,
    hidden: frozenset[str],
    hedge: Hedge,
    experiments: Sequence[Experiment],
    costs: Mapping[str, float] | None,
) -> tuple[Remedy, ...]:
    """The cheapest ways out; without costs, single steps inside the hedge alone, for a refusal should not take long."""
    if costs is not None:
        return remedies(graph, query, hidden, costs, experiments=experiments)
    quick = step_costs(graph, query, hidden, hedge.outer | {*query.treatments})
    return remedies(graph, query, hidden, quick, experiments=experiments, limit=2, max_size=1, max_tries=QUICK_TRIES)


def _refusal(
    query: CausalQuery,
    door: BackDoor,
    hedge: Hedge,
    hidden: frozenset[str],
    instruments: Sequence[Instrument],
    ways: Sequence[Remedy],
) -> NotIdentifiable:
    path = door.open_path(door.largest())
    why = f"{query} is no function of what was measured"
    if path:
        unmeasured = [e.b for e in path[:-1] if e.b in hidden]
        because = f", for {', '.join(unmeasured)} was not measured" if unmeasured else ""
        why += f": {in_words(path)} stays open{because}"
    return NotIdentifiable(
        why,
        remedy=_remedy(query, instruments, ways),
        evidence={
            "open_path": in_words(path),
            "hedge": {"outer": sorted(hedge.outer), "inner": sorted(hedge.inner)},
            "tried": ["adjustment", "front door", "complete ID algorithm"],
            "instruments": [{"name": one.name, "given": list(one.given)} for one in instruments],
            "options": [way.to_dict() for way in ways],
        },
    )


def _remedy(query: CausalQuery, instruments: Sequence[Instrument], ways: Sequence[Remedy]) -> str:
    what, to = " and ".join(query.treatments), " and ".join(query.outcomes)
    find = f"find an instrument (it moves {what}, and {to} only through {what})"
    if instruments:
        find = f"assume linear or monotone relations and take {instruments[0]} as the instrument"
    steps = [str(way) for way in ways]
    outright = " and ".join(f"randomise {name}" for name in sorted(query.treatments))
    if outright not in steps:
        steps.append(f"randomise {what}")
    return ", or ".join([*steps, find])
