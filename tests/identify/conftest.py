"""Graphs for every test of this room."""

from itertools import chain, combinations, product
from types import SimpleNamespace

import pytest

from dorec.domain.errors import CyclicGraph
from dorec.domain.graph import CausalGraph


def subsets(items):
    items = list(items)
    return chain.from_iterable(combinations(items, k) for k in range(len(items) + 1))


def every_dag(nodes):
    pairs = list(combinations(nodes, 2))
    for kinds in product((None, 0, 1), repeat=len(pairs)):
        edges = [(b, a) if kind else (a, b) for (a, b), kind in zip(pairs, kinds, strict=True) if kind is not None]
        try:
            yield CausalGraph.from_edges(nodes, directed=edges)
        except CyclicGraph:
            continue


def random_admg(n, rng, p=0.4, q=0.25):
    nodes = [f"v{i}" for i in range(n)]
    order = rng.permutation(n)
    pairs = [(nodes[order[i]], nodes[order[j]]) for i in range(n) for j in range(i + 1, n)]
    return CausalGraph.from_edges(
        nodes, directed=[e for e in pairs if rng.random() < p], bidirected=[e for e in pairs if rng.random() < q]
    )


def colliders(graph):
    """Unshielded colliders."""
    return frozenset(
        (b, pair)
        for b in graph.nodes
        for pair in map(frozenset, combinations(graph.parents(b), 2))
        if pair not in graph.skeleton
    )


def classes_of_dags(nodes):
    """(CPDAG, its DAGs) for every Markov equivalence class, by grouping all DAGs."""
    groups = {}
    for dag in every_dag(nodes):
        groups.setdefault((dag.skeleton, colliders(dag)), []).append(dag)
    return [(summary(dags), dags) for dags in groups.values()]


def summary(dags):
    """The graph that shows what some DAGs of one skeleton share."""
    first, *rest = (set(dag.directed) for dag in dags)
    shared = first.intersection(*rest)
    free = {(min(e), max(e)) for e in first - shared}
    return CausalGraph.from_edges(dags[0].nodes, directed=sorted(shared), undirected=sorted(free))


def every_admg(nodes):
    pairs = list(combinations(nodes, 2))
    for dag in every_dag(nodes):
        for hidden in subsets(pairs):
            yield CausalGraph.from_edges(nodes, directed=dag.directed, bidirected=hidden)


@pytest.fixture(scope="session")
def graphs():
    return SimpleNamespace(
        subsets=subsets,
        every_dag=every_dag,
        random_admg=random_admg,
        classes_of_dags=classes_of_dags,
        summary=summary,
        every_admg=every_admg,
    )
