"""The graph autoencoder: structure by message passing."""

from dataclasses import dataclass
from typing import Any

from dorec.discover.neural.network_search import NetworkSearch
from dorec.discover.variance_order import ContinuousReport
from dorec.discover.weighted import check_at_least, warn_of_variance_order
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray, FloatArray

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class GraphAutoencoder:
    """The DAG of equations that share their form: each variable reads the weighted sum of what its causes send.

    The graph autoencoder of Ng, Zhu, Chen, Fang (2019, arXiv:1911.07420), trained by L-BFGS: one network turns a
    variable's value into its message, messages pass along the weighted graph, and a second network reads their sum;
    a growing price keeps the graph acyclic. It suits columns of one kind, as the same measurement of many things,
    where it needs few rows; where each effect has a form of its own, take `NotearsMLP`. An edge's weight is the root
    mean square of the effect's slope in the cause. It needs torch: `pip install 'dorec[deep]'`.

    Like `Notears` it tells direction from the sizes of errors, in the table's units: right where noise is about equal.
    It runs again on standardised columns and warns (`VarianceOrderWarning`) where the answer rests on variances;
    `report` gives both. The optimum is local, so another seed may give another graph. The order of rows and columns
    changes weights by rounding alone; knowledge is never violated.

    Args:
        reg: the L1 penalty on the graph's weights, for columns of mean variance one.
        w_threshold: an edge's weight is above it; in units of the effect for each unit of the cause.
        hidden: hidden units of each of the two networks.
        max_steps: steps of L-BFGS in a round.
        max_rounds: multipliers of the augmented Lagrangian.
        h_tolerance: how far from acyclic the weights may be.
        standardise: whether to search on columns of variance one, and only there.
        compare: whether to run on standardised columns too, which takes twice as long; without it nothing warns.

    Example:
        >>> GraphAutoencoder(hidden=5).hidden
        5
    """

    reg: float = 0.02
    w_threshold: float = 0.4
    hidden: int = 10
    max_steps: int = 60
    max_rounds: int = 10
    h_tolerance: float = 1e-6
    standardise: bool = False
    compare: bool = True

    def __post_init__(self) -> None:
        check_at_least({"reg": self.reg, "w_threshold": self.w_threshold}, 0, strictly=False)
        check_at_least({"h_tolerance": self.h_tolerance}, 0, strictly=True)
        whole: dict[str, float] = {"hidden": self.hidden, "max_steps": self.max_steps, "max_rounds": self.max_rounds}
        check_at_least(whole, 1, strictly=False)

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The DAG on the table's columns.

        Args:
            table: any frame, all of whose columns become nodes.
            knowledge: tiers, required and forbidden edges; priors are not used.
            context: seed, device, threads and progress.

        Raises:
            ConfigError: torch is not installed.
            InputError: text columns, knowledge that names strangers.
            NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be used; each is named.

        Warns:
            VarianceOrderWarning: the directions follow the columns' variances.
        """
        return warn_of_variance_order(self.report(table, knowledge, context), "Graph autoencoder")

    def report(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> ContinuousReport:
        """The DAG, that on standardised columns, and how far variances and the threshold decide."""

        def weights_of(rows: FloatArray, free: BoolArray, required: BoolArray) -> FloatArray:
            from dorec.discover.neural.acyclic_training import AcyclicTraining  # loads torch
            from dorec.discover.neural.message_network import message_network_slopes

            training = AcyclicTraining(self.reg, self.max_steps, self.max_rounds, self.h_tolerance, "Graph autoencoder")
            return message_network_slopes(rows, free, required, self.hidden, training, context)

        search = NetworkSearch("Graph autoencoder", self.w_threshold, self.standardise, self.compare)
        return search.report(table, knowledge, weights_of)
