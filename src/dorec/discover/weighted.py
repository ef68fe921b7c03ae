"""What every search for a weighted graph shares: the columns' own order, what is allowed, and the answer."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dorec.discover.allowed import allowed_edges, precedence
from dorec.discover.columns import correlation_of
from dorec.discover.variance_order import ContinuousReport, VarianceOrderWarning, path_share
from dorec.domain.errors import ConfigError, NotFinite
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.knowledge import Knowledge
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray

Solve = Callable[[FloatArray], FloatArray]  # scales of the columns (d,) -> weights (d, d), in the search's order


@dataclass(frozen=True)
class WeightedSearch:
    """The columns in an order of their own, what is allowed between them, and their variances."""

    names: tuple[str, ...]  # in the table's order
    order: IntArray  # (d,), positions in the table, in the search's order
    free: BoolArray  # (d, d) over the search's order: i -> j may be
    required: BoolArray  # (d, d)
    variances: FloatArray  # (d,)

    @classmethod
    def of(cls, names: tuple[str, ...], covariance: FloatArray, knowledge: Knowledge | None) -> "WeightedSearch":
        """The search's start; refuses knowledge that names strangers or contradicts itself."""
        known = knowledge or Knowledge()
        known.check_nodes(names)
        scale = np.sqrt(np.diag(covariance))
        central = np.round(((covariance / np.outer(scale, scale)) ** 2).sum(axis=0), 9)
        order = np.array(sorted(range(len(names)), key=lambda i: (-central[i], names[i])), dtype=np.int64)
        ordered = tuple(names[i] for i in order)
        may_cause, required = allowed_edges(known, ordered)
        free = may_cause & ~precedence(known, ordered).T  # no way back to what required edges put first
        return cls(names, order, free, required, np.diag(covariance)[order])

    @property
    def ordered(self) -> tuple[str, ...]:
        """The names in the search's order."""
        return tuple(self.names[i] for i in self.order)

    def report(
        self, solve: Solve, threshold: float, provenance: str, *, standardise: bool, compare: bool
    ) -> ContinuousReport:
        """The graph in the table's units and, with `compare`, on standardised columns; or on those alone."""
        spread, said = np.sqrt(self.variances), f"{provenance} on standardised columns"
        weights = solve(spread if standardise else np.ones(len(spread)))
        graph = self.graph(weights, threshold, said if standardise else provenance)
        again = graph if standardise else None
        if compare and not standardise:
            again = self.graph(solve(spread), threshold, said)
        edges = np.zeros_like(self.free)
        place = {name: i for i, name in enumerate(self.ordered)}
        for a, b in graph.directed:
            edges[place[a], place[b]] = True
        ordered = self.ordered
        found = {(ordered[i], ordered[j]): float(weights[i, j]) for i, j in np.argwhere(weights)}
        return ContinuousReport(graph, again, path_share(edges, self.variances), found, threshold)

    def graph(self, weights: FloatArray, threshold: float, provenance: str) -> CausalGraph:
        """The edges whose weight is above the threshold, and the required ones; of a cycle, not the weakest."""
        ordered, edges = self.ordered, []
        reaches = np.eye(len(ordered), dtype=bool)
        size = np.where(self.required, np.inf, np.abs(weights))
        rows = np.argwhere(size > threshold).tolist()
        for i, j in sorted(rows, key=lambda e: (-size[e[0], e[1]], ordered[e[0]], ordered[e[1]])):
            if reaches[j, i]:
                continue  # it would close a cycle with larger weights
            reaches |= np.outer(reaches[:, i], reaches[j])
            source = "required by knowledge" if self.required[i, j] else f"{provenance}: weight {weights[i, j]:.3g}"
            edges.append(Edge(ordered[i], ordered[j], "tail", "arrow", None, source))
        return CausalGraph(self.names, tuple(edges))


def covariance_of(names: tuple[str, ...], matrix: FloatArray) -> FloatArray:
    """The covariance (d, d) with divisor n, rounded, so that the order in which rows were summed leaves no trace.

    Raises:
        Collinear: a column is a linear function of others.
        NotFinite: the numbers are too large to be squared.
    """
    correlation = correlation_of(names, matrix)
    largest = np.abs(matrix).max(axis=0)
    scale = _rounded((matrix / largest).std(axis=0)) * largest
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        covariance: FloatArray = np.round(correlation, 12) * np.outer(scale, scale)
    if not np.isfinite(covariance).all() or not covariance.diagonal().all():
        raise NotFinite("numbers are too large or too small to be squared", remedy="give the columns in other units")
    return covariance


def rescaled(covariance: FloatArray, scale: FloatArray) -> FloatArray:
    """The covariance (d, d) of the columns divided by their scales (d,), without the divisions' last digits.

    A search of a surface with many minima may end elsewhere for a difference of 1e-16: units must leave none.
    """
    spread = np.sqrt(np.diag(covariance))
    left = _rounded(spread / scale)
    out: FloatArray = np.round(covariance / np.outer(spread, spread), 12) * np.outer(left, left)
    return out


def warn_of_variance_order(report: ContinuousReport, method: str) -> CausalGraph:
    """The report's graph; warns where it rests on the order of the variances."""
    if report.rests_on_variance_order:
        verdict = report.verdict
        said = f"{method}: {verdict.meaning}. {verdict.remedy} `report(table)` has both graphs."
        warnings.warn(said, VarianceOrderWarning, stacklevel=3)
    return report.graph


def check_at_least(values: dict[str, float], low: float, strictly: bool) -> None:
    """Refuse settings that are below a bound, or not finite."""
    for name, value in values.items():
        if not (low < value < np.inf if strictly else low <= value < np.inf):
            raise ConfigError(f"{name} is {value}; give a number {'above' if strictly else 'of at least'} {low:g}.")


def _rounded(values: FloatArray) -> FloatArray:
    digits = 10.0 ** (12 - np.ceil(np.log10(values)))
    out: FloatArray = np.round(values * digits) / digits
    return out
