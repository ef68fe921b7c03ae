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


@pytest.fixture(scope="session")
def graphs():
    return SimpleNamespace(subsets=subsets, every_dag=every_dag, random_admg=random_admg)
