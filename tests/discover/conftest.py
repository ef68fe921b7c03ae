"""Answers of true graphs, for searches that ask tests of independence."""

from itertools import chain, combinations
from types import SimpleNamespace

import numpy as np
import pytest

from dorec.discover.independence import Answers, Level
from dorec.domain.graph import CausalGraph
from dorec.identify import is_d_separated


class Oracle:
    """True separation in a graph, some of whose nodes are hidden, as a test of independence."""

    alpha = 0.5
    deepest = 1_000
    name = "oracle"

    def __init__(self, graph, names):
        self.graph, self.names, self.known = graph, tuple(names), {}

    def separated(self, x, y, given):
        key = (min(x, y), max(x, y), frozenset(given))
        if key not in self.known:
            v = self.names
            self.known[key] = is_d_separated(self.graph, v[x], v[y], [v[s] for s in given])
        return self.known[key]

    def level(self, size, adjacent, pool, kept):
        d = len(adjacent)
        p_value, weakest, rows, n_tests = np.zeros((d, d)), np.full((d, d), np.inf), [], 0
        for x in range(d):
            for y in np.flatnonzero(adjacent[x]).tolist():
                members = [s for s in np.flatnonzero(pool[:, x]).tolist() if s not in (x, y)]
                for given in combinations(members, size):
                    n_tests += 1
                    apart = self.separated(x, y, given)
                    p_value[x, y] = max(p_value[x, y], float(apart))
                    weakest[x, y] = min(weakest[x, y], 1.0 - apart)
                    if apart and not kept[x, y]:
                        rows += [(x, y, s) for s in given]
        return Level(p_value, weakest, np.array(rows, dtype=np.int32).reshape(-1, 3), n_tests)

    def answer(self, rows):
        apart = np.array([self.separated(x, y, given) for x, y, *given in rows.tolist()], dtype=float)
        return Answers(apart, 1.0 - apart)


def random_dag(n, rng, degree=2.5):
    nodes = [f"v{i}" for i in range(n)]
    order = rng.permutation(n)
    pairs = [(nodes[order[i]], nodes[order[j]]) for i in range(n) for j in range(i + 1, n)]
    return CausalGraph.from_edges(nodes, directed=[e for e in pairs if rng.random() < degree / (n - 1)])


def subsets(items):
    items = list(items)
    return chain.from_iterable(combinations(items, k) for k in range(len(items) + 1))


@pytest.fixture(scope="session")
def truth():
    return SimpleNamespace(Oracle=Oracle, random_dag=random_dag, subsets=subsets)
