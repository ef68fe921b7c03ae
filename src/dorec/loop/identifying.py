"""`dorec identify`: a graph and a question -> the estimand, verified, with what else the graph offers."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dorec.domain.errors import ColumnNotFound, ConfigError, NotIdentifiable
from dorec.domain.estimand import Estimand
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.identify import Instrument, adjustment_sets, find_instruments, identify, verify
from dorec.loop.bounding import with_bounds
from dorec.loop.graph_file import read_graph
from dorec.loop.tables import read_table

MAX_SETS = 10


@dataclass(frozen=True, kw_only=True)
class Identified:
    """The estimand of a question, its verification, and the graph's other ways to an answer.

    Example:
        >>> found = identify_in("z -> t; z -> y; t -> y", CausalQuery("t", "y"), context=RunContext())
        >>> found.to_dict()["adjustment_sets"]
        [['z']]
    """

    graph: CausalGraph
    estimand: Estimand
    verified: Verdict
    sets: tuple[tuple[str, ...], ...]  # minimal adjustment sets, at most ten
    instruments: tuple[Instrument, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "estimand": self.estimand.to_dict(),
            "verified": self.verified.to_dict(),
            "adjustment_sets": [list(s) for s in self.sets],
            "instruments": [{"name": i.name, "given": list(i.given)} for i in self.instruments],
        }


def identify_in(
    source: str,
    query: CausalQuery,
    *,
    unobserved: Sequence[str] = (),
    experiments: Sequence[str] = (),
    costs: Mapping[str, float] | None = None,
    data: Path | None = None,
    context: RunContext,
) -> Identified:
    """Identify the query in a graph file, or in edges written out.

    Args:
        source: the file or the edges.
        query: what is asked.
        unobserved: nodes that were not measured.
        experiments: each the nodes that one experiment randomised, joined by commas.
        costs: of measuring or randomising a node, for the remedies of a refusal.
        data: a table, for the bounds that a refusal then comes with.
        context: seed of the verification.

    Raises:
        UnreadableSource, ConfigError: the graph can't be read.
        NotIdentifiable: no formula exists; the refusal says why and what would help.

    Example:
        >>> found = identify_in("z -> t; t -> m; m -> y; z <-> y", CausalQuery("t", "y"), context=RunContext())
        >>> found.estimand.strategy, found.verified.status
        ('back-door', 'passed')
    """
    graph = read_graph(source)
    table = None if data is None else read_table(data)
    known = {*graph.nodes, *(f"{a} <-> {b}" for a, b in graph.bidirected)}
    for name in costs or {}:
        if name not in known:
            raise ColumnNotFound(name, sorted(known), where="the nodes and hidden causes of the graph")
    tried = [[node.strip() for node in one.split(",")] for one in experiments]
    try:
        estimand = identify(graph, query, unobserved, tried, costs=costs or None)
    except NotIdentifiable as refusal:
        if table is None or not graph.is_admg:
            raise
        raise with_bounds(refusal, graph, query, unobserved, table) from None
    single = len(query.treatments) == len(query.outcomes) == 1 and not query.conditions and graph.is_admg
    return Identified(
        graph=graph,
        estimand=estimand,
        verified=verify(graph, estimand, context=context),
        sets=_sets(graph, query, unobserved),
        instruments=find_instruments(graph, query, unobserved) if single else (),
    )


def costs_of(lines: Sequence[str]) -> dict[str, float]:
    """Costs per node from "node=3.5".

    >>> costs_of(["income=20", "survey=5.5"])
    {'income': 20.0, 'survey': 5.5}
    """
    found = {}
    for line in lines:
        name, _, cost = line.partition("=")
        try:
            found[name.strip()] = float(cost)
        except ValueError:
            raise ConfigError(f"{line!r} is no cost. Write NODE=NUMBER, as income=20.") from None
        if not 0 <= found[name.strip()] < float("inf"):
            raise ConfigError(f"{line!r} is no cost; give a finite number of 0 or more.")
    return found


def _sets(graph: CausalGraph, query: CausalQuery, unobserved: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    with suppress(NotIdentifiable):  # over a class of graphs: no set serves all of them
        return tuple(adjustment_sets(graph, query, MAX_SETS, unobserved=unobserved))
    return ()
