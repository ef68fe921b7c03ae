"""NOTEARS-MLP: nonlinear structure by continuous optimisation."""

from dataclasses import dataclass, field
from typing import Any

from dorec.discover.neural.network_search import NetworkSettings, network_report
from dorec.discover.variance_order import ContinuousReport
from dorec.discover.weighted import check_at_least, warn_of_variance_order
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray, FloatArray

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class NotearsMLP:
    """The DAG of smooth nonlinear equations with the least squared error: a network for each variable.

    Zheng, Dan, Aragam, Ravikumar, Xing (2020, arXiv:1909.13189), trained with Adam. Each network reads the other
    variables under a group lasso, and a growing price keeps what they read acyclic. An edge's weight is the root mean
    square of the effect's slope in the cause. It needs torch: `pip install 'dorec[deep]'`.

    Like `Notears` it tells direction from the sizes of errors, so it runs again on standardised columns and warns
    (`VarianceOrderWarning`) where the answer rests on variances; `report` gives both. Another seed may give another
    graph: the optimum is local. The graph does not depend on the order of rows or columns; knowledge is never violated.

    Memory: 50 bytes x n x d x (d + hidden).

    Args:
        reg: the group lasso's penalty, for columns of mean variance one.
        w_threshold: an edge's weight is above it.
        settings: width and training of the networks.
        standardise: whether to search on columns of variance one, and only there.
        compare: whether to run on standardised columns too; without it nothing warns.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 300))
        >>> table = {"a": a, "b": b, "c": a**2 + np.sin(2 * b) + 0.3 * rng.normal(size=300)}
        >>> quick = NetworkSettings(epochs=150, max_rounds=6)
        >>> time_order = Knowledge(tiers=(("a", "b"), ("c",)))
        >>> NotearsMLP(settings=quick).discover(table, time_order).directed
        (('a', 'c'), ('b', 'c'))
    """

    reg: float = 0.01
    w_threshold: float = 0.15
    settings: NetworkSettings = field(default_factory=NetworkSettings)
    standardise: bool = False
    compare: bool = True

    def __post_init__(self) -> None:
        check_at_least({"reg": self.reg, "w_threshold": self.w_threshold}, 0, strictly=False)

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The DAG on the table's columns.

        Args:
            table: any frame, all of whose columns become nodes.
            knowledge: tiers, required and forbidden edges; priors are not used.
            context: seed, device, threads and progress.

        Raises:
            ModuleNotFoundError: torch is not installed.
            InputError: text columns, knowledge that names strangers.
            NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be used; each is named.

        Warns:
            VarianceOrderWarning: the directions follow the columns' variances.
        """
        return warn_of_variance_order(self.report(table, knowledge, context), "NOTEARS-MLP")

    def report(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> ContinuousReport:
        """The DAG, that on standardised columns, and how far variances and the threshold decide."""

        def weights_of(rows: FloatArray, free: BoolArray, required: BoolArray) -> FloatArray:
            from dorec.discover.neural.column_networks import column_network_weights  # loads torch

            return column_network_weights(rows, free, required, reg=self.reg, settings=self.settings, context=context)

        return network_report(
            table,
            knowledge,
            weights_of,
            "NOTEARS-MLP",
            self.w_threshold,
            standardise=self.standardise,
            compare=self.compare,
        )
