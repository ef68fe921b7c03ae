"""Every graph with hidden common causes and up to four measured nodes: is an effect a function of the data or not."""

from itertools import combinations

import numpy as np
import pytest

from dorec.domain.errors import NotIdentifiable
from dorec.domain.query import CausalQuery
from dorec.identify import identify

QUERY = CausalQuery("a", "b")


def is_identified(graph, query):
    try:
        identify(graph, query)
    except NotIdentifiable:
        return False
    return True


# -- the first oracle: Tian and Pearl's c-factors (2002, 2003), on sets as bits


def ancestors(parents, nodes, inside):
    while True:
        more = nodes
        for i, p in enumerate(parents):
            if nodes >> i & 1:
                more |= p & inside
        if more == nodes:
            return nodes
        nodes = more


def c_component(spouses, start, inside):
    while True:
        more = start
        for i, s in enumerate(spouses):
            if start >> i & 1:
                more |= s & inside
        if more == start:
            return start
        start = more


def from_c_factor(parents, spouses, part, whole):
    """Whether Q[part] is a function of Q[whole]."""
    while True:
        closed = ancestors(parents, part, whole)
        if closed == part:
            return True
        if closed == whole:
            return False
        whole = c_component(spouses, part, closed)


def by_c_factors(graph, query):
    place = {node: i for i, node in enumerate(graph.nodes)}
    parents = [sum(1 << place[p] for p in graph.parents(n)) for n in graph.nodes]
    spouses = [sum(1 << place[p] for p in graph.spouses(n)) for n in graph.nodes]
    everything = (1 << len(place)) - 1
    left = everything & ~sum(1 << place[t] for t in query.treatments)
    needed = ancestors(parents, sum(1 << place[y] for y in query.outcomes), left)
    todo = needed
    while todo:
        part = c_component(spouses, todo & -todo, needed)
        todo &= ~part
        if not from_c_factor(parents, spouses, part, c_component(spouses, part, everything)):
            return False
    return True


# -- the second oracle: no theory, only derivatives of a random model


def derivatives(graph, treatment, outcome, rng, levels=4):
    """Derivatives of the joint and of P(outcome | do(treatment)) by every probability of a model.

    Hidden causes are uniform with `levels` levels. Where a direction leaves the joint as it is and moves the effect,
    two models agree in the data and differ in the answer.
    """
    place = {name: i for i, name in enumerate((*graph.nodes, *graph.bidirected))}
    scopes, tables = {}, {}
    for node in graph.nodes:
        causes = (*sorted(graph.parents(node)), *(pair for pair in graph.bidirected if node in pair))
        scopes[node] = [place[c] for c in (*causes, node)]
        one = rng.uniform(0.2, 0.8, size=[2 if isinstance(c, str) else levels for c in causes])
        tables[node] = np.stack([1 - one, one], axis=-1)
    uniform = [part for pair in graph.bidirected for part in (np.full(levels, 1 / levels), [place[pair]])]

    def read(changed, cut):
        parts = list(uniform)
        for node in graph.nodes:
            if node not in cut:
                parts += [changed.get(node, tables[node]), scopes[node]]
        kept = [place[n] for n in graph.nodes]
        parts += [part for node in cut for part in (np.ones(2), [place[node]])]
        return np.einsum(*parts, kept)

    joint, effect = [], []
    axes = tuple(i for i, n in enumerate(graph.nodes) if n not in (treatment, outcome))
    for node, table in tables.items():
        for row in np.ndindex(table.shape[:-1]):
            step = np.zeros_like(table)
            step[row] = [-1.0, 1.0]
            joint.append(read({node: step}, ()).ravel())
            moved = read({node: step}, (treatment,)) if node != treatment else np.zeros((2,) * len(graph.nodes))
            effect.append(moved.sum(axis=axes).ravel())
    return np.array(joint).T, np.array(effect).T


def by_derivatives(graph, query, seed=0):
    joint, effect = derivatives(graph, query.treatments[0], query.outcomes[0], np.random.default_rng(seed))
    _, sizes, directions = np.linalg.svd(joint)
    rank = int((sizes > 1e-9 * sizes[0]).sum())
    return bool(np.abs(effect @ directions[rank:].T).max(initial=0.0) < 1e-8)


@pytest.mark.parametrize("nodes", ["ab", "abc"])
def test_every_graph_of_two_and_three_nodes_against_c_factors_and_derivatives(graphs, nodes):
    verdicts = []
    for graph in graphs.every_admg(nodes):
        verdicts.append(is_identified(graph, QUERY))
        assert verdicts[-1] == by_c_factors(graph, QUERY) == by_derivatives(graph, QUERY), graph.edges
    assert len(verdicts) == {"ab": 6, "abc": 200}[nodes]
    assert 0 < sum(verdicts) < len(verdicts)


def random_graphs(graphs, nodes, n, seed):
    rng = np.random.default_rng(seed)
    dags = list(graphs.every_dag(nodes))
    pairs = list(combinations(nodes, 2))
    for _ in range(n):
        dag = dags[rng.integers(len(dags))]
        hidden = [pair for pair in pairs if rng.random() < 0.5]
        yield type(dag).from_edges(nodes, directed=dag.directed, bidirected=hidden)


def test_graphs_of_four_nodes_against_both_oracles(graphs):
    for i, graph in enumerate(random_graphs(graphs, "abcd", 200, seed=0)):
        for query in (QUERY, CausalQuery(["a", "c"], "b"), CausalQuery("a", ["b", "c"])):
            assert is_identified(graph, query) == by_c_factors(graph, query), (graph.edges, query)
        if i < 20 and len(graph.bidirected) <= 3:
            assert by_c_factors(graph, QUERY) == by_derivatives(graph, QUERY), graph.edges
