"""From a table to a network's weighted graph and its report: what the neural searches share, without torch."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from dorec.discover.columns import numeric_columns
from dorec.discover.variance_order import ContinuousReport
from dorec.discover.weighted import WeightedSearch, covariance_of
from dorec.domain.knowledge import Knowledge
from dorec.numeric.arrays import BoolArray, FloatArray

Weights = Callable[[FloatArray, BoolArray, BoolArray], FloatArray]  # rows (n, d), free, required -> weights (d, d)


@dataclass(frozen=True)
class NetworkSearch:
    """The search of a method whose weights come from the rows.

    Example:
        >>> def slopes(rows, free, required):
        ...     return np.where(free, np.abs(np.corrcoef(rows.T)), 0)
        >>> a, b = np.random.default_rng(0).normal(size=(2, 200))
        >>> search = NetworkSearch("Shared variance", 0.3, standardise=True, compare=False)
        >>> search.report({"a": a, "b": a + b}, Knowledge(tiers=(("a",), ("b",))), slopes).graph.directed
        (('a', 'b'),)
    """

    method: str
    threshold: float
    standardise: bool
    compare: bool

    def report(self, table: Any, knowledge: Knowledge | None, weights_of: Weights) -> ContinuousReport:
        """The report on the table's columns, and on standardised ones where that is asked.

        Rows are sorted and columns put in an order of their own, so that neither order decides what a seed draws. One
        factor for all columns makes their mean variance 1, which changes no slope and suits the networks' first draws.

        Raises:
            ConfigError: torch is not installed.
        """
        import_module("dorec.neural")  # which says what to install where torch is missing
        names, matrix = numeric_columns(table, self.method, "PC(test='chi_square')")
        on = WeightedSearch.of(names, covariance_of(names, matrix), knowledge)
        ours = matrix[:, on.order]
        ours = ours[np.lexsort(ours.T)]
        centred = ours - ours.mean(axis=0)

        def solve(scale: FloatArray) -> FloatArray:
            rows = centred / scale
            return weights_of(rows / np.sqrt((rows * rows).mean()), on.free, on.required)

        provenance = f"{self.method} w_threshold={self.threshold:g}"
        return on.report(solve, self.threshold, provenance, standardise=self.standardise, compare=self.compare)
