"""`dorec identify`: a graph and a question -> the estimand, verified, with what else the graph offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dorec.domain.errors import ConfigError
from dorec.domain.estimand import Estimand
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.identify import Instrument, adjustment_sets, find_instruments, identify, verify
from dorec.loop.graph_file import read_graph

MAX_SETS = 10


@dataclass(frozen=True, kw_only=True)
class Identified:
    """The estimand of a question, its verification, and the graph's other ways to an answer."""

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
    costs: Mapping[str, float] | None = None,
    context: RunContext,
) -> Identified:
    """Identify the query in a graph file, or in edges written out.

    Raises:
        UnreadableSource, ConfigError: the graph can't be read.
        NotIdentifiable: no formula exists; the refusal says why and what would help.
    """
    graph = read_graph(source)
    estimand = identify(graph, query, unobserved=unobserved)
    single = len(query.treatments) == len(query.outcomes) == 1 and not query.conditions
    simple = graph.is_admg
    return Identified(
        graph=graph,
        estimand=estimand,
        verified=verify(graph, estimand, context=context),
        sets=_sets(graph, query, unobserved) if simple else (),
        instruments=find_instruments(graph, query, unobserved) if single and simple else (),
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
    return found


def _sets(graph: CausalGraph, query: CausalQuery, unobserved: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(adjustment_sets(graph, query, MAX_SETS, unobserved=unobserved))
