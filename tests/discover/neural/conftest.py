"""Worlds with equal noise whose effects no line describes."""

import numpy as np
import pytest

from dorec.domain.graph import CausalGraph

pytest.importorskip("torch")


def _world(seed, n, d, degree, effect):
    """Columns in a random order, and their DAG; `effect(random, value)` is what one cause adds."""
    random = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(d)]
    is_edge = np.triu(random.random((d, d)) < degree / (d - 1), 1)
    data = np.zeros((n, d))
    for j in range(d):
        causes = np.flatnonzero(is_edge[:, j])
        data[:, j] = sum((effect(random, data[:, i]) for i in causes), np.zeros(n)) + random.normal(size=n)
    edges = [(names[i], names[j]) for i, j in np.argwhere(is_edge)]
    return {names[i]: data[:, i] for i in random.permutation(d)}, CausalGraph.from_edges(names, directed=edges)


@pytest.fixture(scope="session")
def mixed_world():
    """Waves, parabolas and lines: each effect has a form of its own."""

    def effect(random, value):
        return (2 * np.sin(1.5 * value), np.clip(value**2 - 1, -1, 6), 1.2 * value)[random.integers(3)]

    return lambda seed, n=400, d=5: _world(seed, n, d, 2.0, effect)


@pytest.fixture(scope="session")
def shared_world():
    """One wave for all: x_j = sum_i A_ij cos(x_i + 1) + noise."""

    def effect(random, value):
        return random.choice([-1, 1]) * random.uniform(0.8, 2) * np.cos(value + 1)

    return lambda seed, n=300, d=7: _world(seed, n, d, 2.5, effect)
