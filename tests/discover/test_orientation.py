"""PC with exact correlations against every DAG of the equivalence class."""

from itertools import combinations, product

import numpy as np
import pytest

from dorec.discover import PC
from dorec.discover.independence import FisherZ
from dorec.domain.errors import CyclicGraph
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge

NODES = ("a", "b", "c", "d", "e")


def random_dag(seed, p=0.5):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(NODES))
    pairs = [(order[i], order[j]) for i, j in combinations(range(len(NODES)), 2) if rng.random() < p]
    weight = np.zeros((len(NODES), len(NODES)))
    for i, j in pairs:
        weight[i, j] = rng.uniform(0.4, 0.9) * rng.choice([-1, 1])
    total = np.linalg.inv(np.eye(len(NODES)) - weight)
    covariance = total.T @ total
    sd = np.sqrt(np.diag(covariance))
    graph = CausalGraph.from_edges(NODES, directed=[(NODES[i], NODES[j]) for i, j in pairs])
    return graph, covariance / np.outer(sd, sd)


def colliders(graph):
    return {
        (frozenset(pair), node)
        for node in graph.nodes
        for pair in combinations(graph.parents(node), 2)
        if frozenset(pair) not in graph.skeleton
    }


def equivalence_class(graph):
    """Every DAG with the same skeleton and the same unshielded colliders (Verma, Pearl 1990)."""
    wanted = colliders(graph)
    for flips in product((False, True), repeat=len(graph.directed)):
        edges = [(b, a) if flip else (a, b) for (a, b), flip in zip(graph.directed, flips, strict=True)]
        try:
            other = CausalGraph.from_edges(NODES, directed=edges)
        except CyclicGraph:
            continue
        if colliders(other) == wanted:
            yield other


def summary(dags):
    """Edges that point the same way in all of them, and the others."""
    directions = [set(dag.directed) for dag in dags]
    sure = set.intersection(*directions)
    open_ = {tuple(sorted(pair)) for pair in set.union(*directions) - sure}
    return sorted(sure), sorted(open_)


def exact(correlation):
    return FisherZ(correlation, n=10**12, alpha=0.05)


@pytest.mark.parametrize("seed", range(60))
def test_exact_independences_give_the_equivalence_class(seed):
    graph, correlation = random_dag(seed)
    found = PC().search(NODES, exact(correlation))
    assert (list(found.directed), list(found.undirected)) == summary(equivalence_class(graph))


@pytest.mark.parametrize("seed", range(60))
def test_knowledge_narrows_the_class_to_the_dags_that_agree(seed):
    graph, correlation = random_dag(seed, p=0.75)
    rng = np.random.default_rng(seed)
    order = graph.topological_order()
    edges = rng.permutation(graph.directed).tolist() if graph.directed else []
    knowledge = [
        Knowledge(tiers=(order[:2], order[2:4], order[4:])),
        Knowledge(required=tuple(tuple(e) for e in edges[:1])),
        Knowledge(forbidden=tuple((b, a) for a, b in edges[:2])),
    ][seed % 3]
    agree = [
        dag
        for dag in equivalence_class(graph)
        if not any(knowledge.forbids(a, b) for a, b in dag.directed) and set(knowledge.required) <= set(dag.directed)
    ]
    found = PC().search(NODES, exact(correlation), knowledge)
    assert (list(found.directed), list(found.undirected)) == summary(agree)


@pytest.mark.parametrize("rule", ["strongest", "first"])
@pytest.mark.parametrize("seed", range(8))
def test_noise_never_makes_a_cycle(rule, seed):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(40, 12)) @ rng.normal(size=(12, 12)) * rng.uniform(0.5, 2)
    graph = PC(alpha=0.2, colliders=rule).discover({f"v{i:02}": data[:, i] for i in range(12)})
    assert graph.find_cycle() == []
    assert len(graph.directed) + len(graph.undirected) == len(graph.edges)
