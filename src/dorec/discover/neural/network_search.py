"""From a table to a network's weighted graph and back: what the neural searches share, without torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.discover.columns import numeric_columns
from dorec.discover.variance_order import ContinuousReport
from dorec.discover.weighted import WeightedSearch, check_at_least, covariance_of
from dorec.domain.knowledge import Knowledge
from dorec.numeric.arrays import BoolArray, FloatArray

Weights = Callable[[FloatArray, BoolArray, BoolArray], FloatArray]  # rows (n, d), free, required -> weights (d, d)


@dataclass(frozen=True)
class NetworkSettings:
    """How a network is trained under a growing price of cycles.

    >>> NetworkSettings(hidden=16).epochs
    300
    """

    hidden: int = 10  # width of each network
    learning_rate: float = 0.02
    epochs: int = 300  # of each round, at most
    batch_size: int | None = None  # rows of a step; None for all of them
    h_tolerance: float = 1e-6  # how far from acyclic the answer may be
    max_rounds: int = 15  # multipliers of the augmented Lagrangian

    def __post_init__(self) -> None:
        whole = {"hidden": self.hidden, "epochs": self.epochs, "max_rounds": self.max_rounds}
        check_at_least({**whole, "batch_size": self.batch_size or 1}, 1, strictly=False)
        check_at_least({"learning_rate": self.learning_rate, "h_tolerance": self.h_tolerance}, 0, strictly=True)


def network_report(
    table: Any,
    knowledge: Knowledge | None,
    weights_of: Weights,
    method: str,
    threshold: float,
    *,
    standardise: bool,
    compare: bool,
) -> ContinuousReport:
    """The report of a network on the table and on its standardised columns.

    Rows are sorted and columns put in an order of their own, so that neither order decides what a seed draws. One
    factor for all columns makes their mean variance 1, which changes no weight and suits the networks' first draws.
    """
    names, matrix = numeric_columns(table, method, "PC(test='chi_square')")
    on = WeightedSearch.of(names, covariance_of(names, matrix), knowledge)
    centred = matrix[:, on.order] - matrix[:, on.order].mean(axis=0)
    centred = centred[np.lexsort(centred.T)]

    def solve(scale: FloatArray) -> FloatArray:
        rows = centred / scale
        return weights_of(rows / np.sqrt((rows * rows).mean()), on.free, on.required)

    provenance = f"{method} w_threshold={threshold:g}"
    return on.report(solve, threshold, provenance, standardise=standardise, compare=compare)
