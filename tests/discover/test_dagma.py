"""Shared cases stand in test_notears.py; here is what DAGMA alone has."""

import numpy as np

from dorec.discover import Dagma


def test_radii_serve_all_stages():
    rng = np.random.default_rng(0)
    a = rng.normal(size=500)
    table = {"a": a, "b": 1.5 * a + rng.normal(size=500)}
    assert Dagma(n_stages=3, radii=(1.0,)).report(table).graph.directed == (("a", "b"),)


def test_more_stages_come_nearer_to_acyclic():
    rng = np.random.default_rng(0)
    a = rng.normal(size=500)
    table = {"a": a, "b": a + rng.normal(size=500), "c": rng.normal(size=500) - a}

    def back(n_stages):
        weights = Dagma(n_stages=n_stages, compare=False).report(table).weights
        return sum(abs(w) for (x, y), w in weights.items() if y == "a")

    assert back(5) < back(2)
