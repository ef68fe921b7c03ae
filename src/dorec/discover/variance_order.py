"""Does an answer rest on the columns' variances? The same search on standardised columns, and what the threshold does.

Where noise is about equal, variance grows along the arrows, and least squares finds their direction by that alone: in
other units the same data give another graph (Reisach, Seiler, Weichwald 2021, arXiv:2102.13647).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.discover.columns import numeric_columns
from dorec.discover.compare import Agreement
from dorec.domain.graph import CausalGraph, Pair
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import BoolArray, FloatArray

HIGH_VARSORTABILITY = 0.7
LOW_AGREEMENT = 0.8  # F1 of the directed edges


class VarianceOrderWarning(UserWarning):
    """The directions found follow the columns' variances, and other units would give others."""


def varsortability(graph: CausalGraph, table: Any) -> float | None:
    """The share of the graph's directed paths along which variance grows: 1 is all, 0.5 is chance, None has no path.

    Raises:
        InputError, NotFinite, ConstantColumn, TooFewUnits: the columns hold no finite, varying numbers.
        ColumnNotFound: the table lacks a node of the graph.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.normal(size=500)
        >>> table = {"a": a, "b": a + rng.normal(size=500)}
        >>> varsortability(CausalGraph.from_edges("ab", directed=[("a", "b")]), table)
        1.0
    """
    names, matrix = numeric_columns(table, "varsortability", "discrete tests")
    place = {name: i for i, name in enumerate(names)}
    edges = np.zeros((len(names), len(names)), dtype=bool)
    CausalGraph(names, graph.edges)  # refuses nodes that are not in the table
    for a, b in graph.directed:
        edges[place[a], place[b]] = True
    return path_share(edges, matrix.var(axis=0))


def path_share(edges: BoolArray, variances: FloatArray) -> float | None:
    """The share of paths, of each length, whose end varies more than their start; a tie counts half.

    >>> path_share(np.array([[False, True], [False, False]]), np.array([2.0, 1.0]))
    0.0
    """
    ratio = variances[None, :] / variances[:, None]
    grows = np.where(np.abs(ratio - 1) < 1e-9, 0.5, (ratio > 1).astype(float))
    paths, n_paths, n_growing = edges, 0, 0.0
    for _ in range(len(edges) - 1):
        n_paths += int(paths.sum())
        n_growing += float(grows[paths].sum())
        paths = (paths.astype(np.int64) @ edges) > 0
    return n_growing / n_paths if n_paths else None


@dataclass(frozen=True)
class ContinuousReport:
    """A weighted graph with what decided it: the variances, and the threshold.

    Example:
        >>> chain = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")])
        >>> turned = CausalGraph.from_edges("abc", directed=[("b", "a"), ("c", "b")])
        >>> found = ContinuousReport(chain, turned, 1.0, {("a", "b"): 0.9, ("b", "c"): -0.5, ("a", "c"): 0.1}, 0.3)
        >>> found.rests_on_variance_order, found.stable_thresholds, found.n_edges(0.6)
        (True, (0.1, 0.5), 1)
    """

    graph: CausalGraph
    standardised_graph: CausalGraph | None  # the same search on columns of variance one; None if it was left out
    varsortability: float | None  # of `graph` in the table's units; None without a directed path
    weights: Mapping[Pair, float]  # (cause, effect) -> weight, every one that is not zero, before the threshold
    threshold: float

    @property
    def agreement(self) -> Agreement | None:
        """Precision, recall and F1 of the standardised graph's directed edges, with `graph` for the truth."""
        if self.standardised_graph is None:
            return None
        ours, theirs = set(self.graph.directed), set(self.standardised_graph.directed)
        return Agreement(len(theirs), len(ours), len(ours & theirs))

    @property
    def rests_on_variance_order(self) -> bool:
        """Whether standardised columns give another graph, and variance grows along the arrows or there are none."""
        alike, share = self.agreement, self.varsortability
        by_size = share is None or share >= HIGH_VARSORTABILITY  # None: in small units no weight pays its penalty
        return alike is not None and alike.f1 < LOW_AGREEMENT and by_size

    @property
    def stable_thresholds(self) -> tuple[float, float]:
        """Thresholds (from, to), the first in and the second too, between which the same weights pass."""
        sizes = np.abs(np.array(list(self.weights.values())))
        below, above = sizes[sizes <= self.threshold], sizes[sizes > self.threshold]
        return float(below.max()) if len(below) else 0.0, float(above.min()) if len(above) else float("inf")

    @property
    def threshold_path(self) -> tuple[tuple[float, int], ...]:
        """(threshold, number of weights above it), at 0 and at each weight: how far the threshold decides."""
        sizes = np.sort(np.abs(np.array(list(self.weights.values()))))
        return (0.0, len(sizes)), *((float(w), int((sizes > w).sum())) for w in sizes)

    def n_edges(self, threshold: float) -> int:
        """How many weights are above a threshold."""
        return sum(abs(w) > threshold for w in self.weights.values())

    @property
    def verdict(self) -> Verdict:
        """Whether the answer would stand in other units, and how far the threshold decides it."""
        low, high = self.stable_thresholds
        said = f"thresholds from {low:.3g} to {high:.3g} keep the same {self.n_edges(self.threshold)} weights"
        evidence = {"varsortability": self.varsortability, "stable_thresholds": [low, high]}
        if self.agreement is None:
            meaning = f"not compared with standardised columns; {said}"
            return Verdict(check="variance order", status="warning", code="variance_order_unknown", meaning=meaning)
        n, both = len(self.graph.directed), len(set(self.graph.directed) & set(self.standardised_graph.directed))  # type: ignore[union-attr]
        meaning = f"on standardised columns {both} of {n} directed edges come out again; {said}"
        share = self.varsortability
        if self.rests_on_variance_order and share is None:
            n_hidden = len(self.standardised_graph.directed)  # type: ignore[union-attr]
            meaning = f"no edge in these units, {n_hidden} on standardised columns: the units decide the answer; {said}"
        elif self.rests_on_variance_order:
            meaning = f"variance grows along {share:.0%} of the paths found, and {meaning}"
        return Verdict(
            check="variance order",
            status="warning" if self.rests_on_variance_order else "passed",
            code="variance_order" if self.rests_on_variance_order else "",
            meaning=meaning,
            statistic=share,
            remedy="Trust the directions only if the columns share one unit; else take PC, BOSS or DirectLiNGAM."
            if self.rests_on_variance_order
            else "",
            evidence=evidence,
        )
