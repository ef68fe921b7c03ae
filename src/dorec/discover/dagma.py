"""DAGMA: linear structure by continuous optimisation under a log-determinant barrier."""

from dataclasses import dataclass
from typing import Any

from dorec.discover.columns import numeric_columns
from dorec.discover.variance_order import ContinuousReport
from dorec.discover.weighted import WeightedSearch, check_at_least, covariance_of, rescaled, warn_of_variance_order
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import FloatArray
from dorec.numeric.continuous_search import barrier_weights

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class Dagma:
    """The DAG of linear equations with the least squared error plus an L1 penalty.

    DAGMA (Bello, Aragam, Ravikumar 2022, arXiv:2209.08037): the weights follow the central path of a log-determinant
    that is finite only near acyclic graphs. The loss needs the data only through their covariance, so the cost doesn't
    depend on the number of rows. Each stage is solved by OWL-QN instead of tens of thousands of steps of Adam.

    Least squares tells direction from the variances alone: with equal noise they grow along the arrows. The search
    therefore runs a second time on standardised columns; `discover` warns (`VarianceOrderWarning`) where the two differ
    and variance explains the first, and `report` gives both, with how far the threshold decides.

    The graph does not depend on the order of rows or columns. Knowledge is never violated: required edges are there,
    whatever their weight, and are not penalised. `confidence` is None: a weight, which stands in the provenance, is no
    probability. If weights above the threshold close a cycle, its smallest is left out.

    Args:
        reg: the L1 penalty (lambda1 elsewhere), in the squared units of the columns.
        w_threshold: an edge's |weight| is above it; in units of the effect for each unit of the cause.
        n_stages: how often the loss loses weight against the barrier, from 1 by factors of ten.
        radii: the bound on the squared weights' spectral radius, for each stage; the last serves all later ones.
        standardise: whether to search on columns of variance one, and only there.
        compare: whether to run on standardised columns too; without it nothing warns.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 1000))
        >>> table = {"a": a, "b": b, "c": a + b + 0.5 * rng.normal(size=1000)}
        >>> time_order = Knowledge(tiers=(("a", "b"), ("c",)))
        >>> Dagma().discover(table, time_order).directed
        (('a', 'c'), ('b', 'c'))
    """

    reg: float = 0.03
    w_threshold: float = 0.3
    n_stages: int = 5
    radii: tuple[float, ...] = (1.0, 0.9, 0.8, 0.7, 0.6)
    standardise: bool = False
    compare: bool = True

    def __post_init__(self) -> None:
        check_at_least({"reg": self.reg, "w_threshold": self.w_threshold}, 0, strictly=False)
        check_at_least({"n_stages": self.n_stages, "the number of radii": len(self.radii)}, 1, strictly=False)
        check_at_least({f"radii[{i}]": r for i, r in enumerate(self.radii)}, 0, strictly=True)

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The DAG on the table's columns.

        Args:
            table: any frame, all of whose columns become nodes.
            knowledge: tiers, required and forbidden edges; priors are not used.
            context: progress; DAGMA draws no random numbers.

        Raises:
            InputError: text columns, knowledge that names strangers.
            NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be used; each is named.

        Warns:
            VarianceOrderWarning: the directions follow the columns' variances.
        """
        return warn_of_variance_order(self.report(table, knowledge, context), "DAGMA")

    def report(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> ContinuousReport:
        """The DAG, that on standardised columns, and how far variances and the threshold decide.

        Example:
            >>> import numpy as np
            >>> rng = np.random.default_rng(0)
            >>> a = rng.normal(size=1000)
            >>> found = Dagma().report({"a": a, "b": a + rng.normal(size=1000)})
            >>> found.graph.directed, found.varsortability
            ((('a', 'b'),), 1.0)
        """
        names, matrix = numeric_columns(table, "DAGMA", "PC(test='chi_square')")
        return self.search(names, covariance_of(names, matrix), knowledge, context)

    def search(
        self,
        names: tuple[str, ...],
        covariance: FloatArray,
        knowledge: Knowledge | None = None,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> ContinuousReport:
        """The report from a covariance (d, d), as one that a database summed.

        Example:
            >>> import numpy as np
            >>> Dagma().search(("x", "y"), np.array([[1.0, 0.8], [0.8, 1.64]])).graph.directed
            (('x', 'y'),)
        """
        on = WeightedSearch.of(names, covariance, knowledge)
        ours = covariance[on.order][:, on.order]

        last = len(self.radii) - 1
        path = [(0.1**t, self.radii[min(t, last)]) for t in range(self.n_stages)]

        def solve(scale: FloatArray) -> FloatArray:
            stages = context.track(path, "DAGMA stages", self.n_stages)
            return barrier_weights(rescaled(ours, scale), on.free, on.required, self.reg, stages)

        provenance = f"DAGMA reg={self.reg:g} w_threshold={self.w_threshold:g}"
        return on.report(solve, self.w_threshold, provenance, standardise=self.standardise, compare=self.compare)
