"""DirectLiNGAM: linear non-Gaussian structure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.discover.allowed import allowed_edges, precedence
from dorec.discover.columns import correlation_of, numeric_columns
from dorec.domain.errors import TooFewUnits
from dorec.domain.graph import CausalGraph, Edge, Pair
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.numeric.adaptive_lasso import chosen_regressors
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.entropy_order import entropy_order

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class LingamReport:
    """A linear non-Gaussian model: its DAG, causal order and weights, and whether the noise is non-Gaussian.

    Example:
        >>> graph = CausalGraph.from_edges("ab", directed=[("a", "b")])
        >>> LingamReport(graph, ("a", "b"), {("a", "b"): 2.0}, {"a": 1e-9, "b": 0.4}).verdict.status
        'passed'
    """

    graph: CausalGraph
    order: tuple[str, ...]  # causes first; between nodes that no path joins it means nothing
    weights: Mapping[Pair, float]  # (cause, effect) -> effect for each unit of the cause
    normality: Mapping[str, float]  # p-value of Jarque and Bera for each variable's noise

    @property
    def verdict(self) -> Verdict:
        """Whether at most one noise looks Gaussian: among several that do, directions are a guess."""
        gaussian = sorted(name for name, p in self.normality.items() if p > 0.05)
        if len(gaussian) <= 1:
            said = "at most one variable's noise looks Gaussian, as LiNGAM needs"
            return Verdict(check="non-Gaussian noise", status="passed", meaning=said, statistic=float(len(gaussian)))
        return Verdict(
            check="non-Gaussian noise",
            status="warning",
            code="gaussian_noise",
            meaning=f"the noise of {', '.join(gaussian)} looks Gaussian: directions among them are a guess",
            remedy="Take PC or BOSS, which leave such edges undirected, or give more rows.",
            statistic=float(len(gaussian)),
            evidence={"normality": dict(self.normality)},
        )


@dataclass(frozen=True)
class DirectLiNGAM:
    """The DAG of linear equations with non-Gaussian noise, every edge directed.

    DirectLiNGAM (Shimizu et al. 2011) with the entropy measure of Hyvärinen, Smith (2013): the causal order from the
    dependence between a variable and what regression on it leaves, then the causes of each variable among the earlier
    ones by the adaptive lasso (Zou 2006) with BIC, and their weights by least squares. It assumes that no common cause
    is hidden, and that the noise of at most one variable is Gaussian: `report(table).verdict` says if it looks so.

    Variances play no part: other units give the same graph, as does another order of rows or columns. Knowledge is
    never violated; required edges are there whatever the lasso says. `confidence` is None; the weight stands in the
    provenance.

    Memory: 24 bytes x n x d.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> noise = rng.uniform(-1, 1, size=(3, 1000))
        >>> a = noise[0]
        >>> b = a + noise[1]
        >>> DirectLiNGAM().discover({"c": b - a + noise[2], "b": b, "a": a}).directed
        (('a', 'b'), ('a', 'c'), ('b', 'c'))
    """

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The DAG on the table's columns.

        Args:
            table: any frame, all of whose columns become nodes.
            knowledge: tiers, required and forbidden edges; priors are not used.
            context: progress; no random numbers are drawn.

        Raises:
            InputError: text columns, knowledge that names strangers.
            NotFinite, ConstantColumn, Collinear: the columns can't be used; each is named.
            TooFewUnits: there are not more rows than columns + 1.
        """
        return self.report(table, knowledge, context).graph

    def report(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> LingamReport:
        """The DAG with its causal order, weights, and a check of the noise.

        Example:
            >>> rng = np.random.default_rng(0)
            >>> a = rng.uniform(size=1000)
            >>> found = DirectLiNGAM().report({"b": 2 * a + rng.uniform(size=1000), "a": a})
            >>> found.order, round(found.weights["a", "b"], 1)
            (('a', 'b'), 2.0)
        """
        from scipy.stats import jarque_bera  # loaded on use: it takes half a second

        names, matrix = numeric_columns(table, "DirectLiNGAM", "PC(test='chi_square')")
        known = knowledge or Knowledge()
        known.check_nodes(names)
        n, d = matrix.shape
        if n <= d + 1:
            raise TooFewUnits(f"{n:,} rows are too few for {d:,} columns", remedy=f"give at least {d + 2:,} rows")
        correlation = correlation_of(names, matrix)
        by_name = np.array(sorted(range(d), key=lambda i: names[i]), dtype=np.int64)
        ordered = tuple(names[i] for i in by_name)
        scaled = matrix / np.abs(matrix).max(axis=0)
        order = by_name[entropy_order(np.ascontiguousarray(scaled.T[by_name]), precedence(known, ordered))]
        may_cause, required = allowed_edges(known, names)
        weights, normality = np.zeros((d, d)), {}
        centred = matrix - matrix.mean(axis=0)
        for k in context.track(range(d), "DirectLiNGAM causes", d):
            target, earlier = int(order[k]), np.array([i for i in order[:k] if may_cause[i, order[k]]], dtype=np.int64)
            kept = earlier[chosen_regressors(correlation, target, earlier, n) | required[earlier, target]]
            weights[kept, target] = _least_squares(centred, kept, target)
            noise = centred[:, target] - centred[:, kept] @ weights[kept, target]
            normality[names[target]] = float(jarque_bera(noise / noise.std()).pvalue)
        edges = [
            _edge(names, i, j, weights[i, j], bool(required[i, j])) for i, j in np.argwhere((weights != 0) | required)
        ]
        found = {(names[i], names[j]): float(weights[i, j]) for i, j in np.argwhere(weights)}
        return LingamReport(CausalGraph(names, tuple(edges)), tuple(names[i] for i in order), found, normality)


def _least_squares(centred: FloatArray, regressors: IntArray, target: int) -> FloatArray:
    if not len(regressors):
        return np.zeros(0)
    scale = np.abs(centred).max(axis=0)  # squares of very large or small numbers are out of range
    x, y = centred[:, regressors] / scale[regressors], centred[:, target] / scale[target]
    found: FloatArray = np.linalg.solve(x.T @ x, x.T @ y) * scale[target] / scale[regressors]
    return found


def _edge(names: tuple[str, ...], i: int, j: int, weight: float, required: bool) -> Edge:
    source = "required by knowledge" if required else f"DirectLiNGAM: weight {weight:.3g}"
    return Edge(names[i], names[j], "tail", "arrow", None, source)
