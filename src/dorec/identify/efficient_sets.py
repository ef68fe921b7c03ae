"""Efficient adjustment where something was not measured, a policy looks at covariates, or measuring costs."""

from collections.abc import Mapping
from itertools import combinations
from typing import Literal

import networkx as nx

from dorec.domain.errors import ColumnNotFound, ConfigError, InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify.adjustment import BackDoor, Names
from dorec.identify.separation import as_names

Among = Literal["all", "minimal", "minimum_cost"]
START, END = "in", "out"


def efficient_adjustment_set(
    graph: CausalGraph,
    query: CausalQuery,
    unobserved: Names = (),
    *,
    policy_on: Names = (),
    costs: Mapping[str, float] | None = None,
    among: Among = "minimal",
) -> tuple[str, ...] | None:
    """The adjustment set of smallest asymptotic variance among all, all minimal ones, or all of minimum cost.

    For one treatment and one outcome in a DAG with unmeasured nodes (Smucler, Sapienza, Rotnitzky 2022,
    doi:10.1093/biomet/asab018; Smucler, Rotnitzky 2022, doi:10.1515/jci-2022-0015). Valid sets are the vertex cuts
    between treatment and outcome in an undirected graph; those closest to the outcome are the efficient ones. Among all
    sets there need be no best one where something was not measured: then the answer is None, while among the minimal
    and the cheapest there is one whenever the effect can be adjusted for at all.

    Args:
        graph: directed edges only; hidden causes are nodes, named in `unobserved`.
        query: one treatment, one outcome.
        unobserved: nodes that were not measured.
        policy_on: covariates by which the policy that is asked about chooses the treatment; every set includes them.
        costs: of measuring each node, 0 or more; nodes left out cost 1. Needed by, and only for, "minimum_cost".
        among: "all", "minimal" or "minimum_cost".

    Raises:
        InputError: several treatments or outcomes, conditions, edges that are not directed, a policy on what comes
            after the treatment or was not measured, negative costs.

    Example:
        >>> edges = [("b", "x"), ("b", "t"), ("t", "y"), ("x", "y")]
        >>> graph = CausalGraph.from_edges("btxy", directed=edges)
        >>> efficient_adjustment_set(graph, CausalQuery("x", "y"))
        ('t',)
        >>> efficient_adjustment_set(graph, CausalQuery("x", "y"), costs={"t": 5.0}, among="minimum_cost")
        ('b',)
    """
    if among not in ("all", "minimal", "minimum_cost"):
        raise ConfigError(f"among is {among!r}; allowed: 'all', 'minimal', 'minimum_cost'.")
    if len(query.treatments) != 1 or len(query.outcomes) != 1 or query.conditions or not graph.is_dag:
        raise InputError(
            "An efficient set is known for one treatment, one outcome, no conditions and directed edges only; name "
            "hidden causes as nodes in `unobserved`."
        )
    door = BackDoor.of(graph, query, unobserved)
    policy = as_names(graph, policy_on)
    if policy - door.allowed:
        raise InputError(
            f"The policy looks at {', '.join(sorted(policy - door.allowed))}, which comes after the treatment or was "
            "not measured; let it look at covariates from before."
        )
    x, y = query.treatments[0], query.outcomes[0]
    seen = door.graph.ancestors({x, y} | policy)
    cuts = _cut_graph(door, x, y, policy, seen)
    if cuts.has_edge(x, y):
        return None
    if among == "minimum_cost":
        return _cheapest(cuts, x, y, _checked(costs or {}, graph))
    nearest = frozenset(cuts[y])
    if among == "all":
        measured = frozenset(graph.nodes) - as_names(graph, unobserved)
        whole = measured == frozenset(graph.nodes) or measured <= graph.ancestors({x, y} | policy)
        return tuple(sorted(nearest)) if whole else None
    side = nx.node_connected_component(cuts.subgraph(set(cuts) - nearest), x)
    return tuple(sorted(node for node in nearest if set(cuts[node]) & side))


def _cut_graph(door: BackDoor, x: str, y: str, policy: frozenset[str], seen: frozenset[str]) -> nx.Graph:
    """The undirected graph whose vertex cuts between x and y are the valid sets that hold the policy's covariates."""
    moral = nx.Graph()
    moral.add_nodes_from(sorted(seen))
    for node in sorted(seen):
        family = [node, *sorted(door.graph.parents(node))]
        moral.add_edges_from(combinations(family, 2))
    for node in sorted(seen - door.allowed - {x, y}):  # what can't be adjusted for only hands on
        moral.add_edges_from(combinations(sorted(moral[node]), 2))
        moral.remove_node(node)
    moral.add_edges_from((end, node) for node in sorted(policy) for end in (x, y))
    return moral


def _cheapest(cuts: nx.Graph, x: str, y: str, costs: Mapping[str, float]) -> tuple[str, ...]:
    """Of the cuts of minimum cost the one closest to y: what can still reach y once a maximum flow runs."""
    flow = nx.DiGraph()
    for node in cuts:
        whole = {} if node in (x, y) else {"capacity": costs.get(node, 1.0)}
        flow.add_edge((node, START), (node, END), **whole)
    for a, b in cuts.edges:
        flow.add_edge((a, END), (b, START))
        flow.add_edge((b, END), (a, START))
    rest = nx.algorithms.flow.shortest_augmenting_path(flow, (x, END), (y, START))
    open_edges = [(b, a) for a, b, data in rest.edges(data=True) if data["capacity"] - data["flow"] > 1e-12]
    backwards = nx.DiGraph(open_edges)
    backwards.add_node((y, START))
    reach = nx.descendants(backwards, (y, START)) | {(y, START)}
    return tuple(sorted(n for n in cuts if n not in (x, y) and (n, END) in reach and (n, START) not in reach))


def _checked(costs: Mapping[str, float], graph: CausalGraph) -> Mapping[str, float]:
    for name, cost in costs.items():
        if name not in graph.nodes:
            raise ColumnNotFound(name, graph.nodes, where="the nodes of the graph")
        if not 0 <= cost < float("inf"):
            raise InputError(f"The cost of {name} is {cost}; give a finite number of 0 or more.")
    return costs
