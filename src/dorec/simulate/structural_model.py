"""A structural causal model fitted to data: each variable follows from its causes in a graph and from noise of its own.

What the data were drawn from, what they would be under an intervention, and what these very units would have had: the
three rungs of Pearl (2009, section 1.4), all of them under the graph and the mechanisms, which are assumptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.errors import ColumnNotFound, ConfigError, TooFewUnits
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext
from dorec.domain.table import to_arrow
from dorec.simulate.fitted_model import DEFAULT_CONTEXT, FittedStructuralModel, must_be_dag
from dorec.simulate.mechanism_fit import OF_CONTINUOUS, OF_DISCRETE, MechanismFit, Rows, check_kind
from dorec.simulate.mechanisms import Mechanism
from dorec.simulate.predictors import Boosting
from dorec.simulate.variables import Variable, is_number, looks_discrete, plain


@dataclass(frozen=True, kw_only=True)
class StructuralModel:
    """Learns a mechanism for each node of a DAG, by the kind of its column or as named.

    Text, truth values and whole numbers with few levels are discrete, other numbers continuous. "auto" gives a discrete
    node of discrete causes a `table`; any other node with causes gets trees (`additive_trees`, `classifier_trees`)
    where they predict held-out rows better than a line does (`linear`, `logistic`) by more than two standard errors.
    `linear_gaussian` has Gaussian noise; that of the other continuous kinds are residuals, of trees cross-fitted ones.

    Memory: about 8 bytes a row for each node, and for each cause of the node at hand.

    Args:
        mechanisms: "auto", or node -> kind for some nodes; the others are "auto".
        n_folds: of the cross-fits.
        sample_size: equivalent sample size of BDeu: rows that the prior of each table is worth; 0 gives plain shares.
        max_levels: a column of whole numbers with more is continuous.
        n_trees, learning_rate, max_leaf_nodes: how trees are grown.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z = rng.normal(size=2_000)
        >>> x = z + rng.normal(size=2_000)
        >>> y = 2 * x - 3 * z + rng.normal(size=2_000)
        >>> graph = CausalGraph.from_edges(["z", "x", "y"], directed=[("z", "x"), ("z", "y"), ("x", "y")])
        >>> model = StructuralModel().fit(graph, {"z": z, "x": x, "y": y})
        >>> round(model.ate("x", "y", arms=(0.0, 1.0)).value, 2), round(float(np.polyfit(x, y, 1)[0]), 2)
        (1.98, 0.48)
        >>> model.counterfactual({"z": [0.0], "x": [1.0], "y": [2.5]}, do={"x": 2.0}).mean("y").round(2).tolist()
        [4.48]
    """

    mechanisms: str | Mapping[str, str] = "auto"
    n_folds: int = 5
    sample_size: float = 1.0
    max_levels: int = 10
    n_trees: int = 100
    learning_rate: float = 0.1
    max_leaf_nodes: int = 15

    def __post_init__(self) -> None:
        bounds = {
            "n_folds": self.n_folds >= 2,
            "sample_size": 0 <= self.sample_size < np.inf,
            "max_levels": self.max_levels >= 2,
            "n_trees": self.n_trees >= 1,
            "learning_rate": 0 < self.learning_rate <= 1,
            "max_leaf_nodes": self.max_leaf_nodes >= 2,
        }
        for name, good in bounds.items():
            if not good:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; a StructuralModel needs 2 folds, levels and leaves or more, "
                    "a prior of 0 rows or more, 1 tree or more, and a learning rate in (0, 1]."
                )
        for node, kind in self._named.items():
            check_kind(node, kind)

    @property
    def _named(self) -> dict[str, str]:
        if isinstance(self.mechanisms, Mapping):
            return dict(self.mechanisms)
        if self.mechanisms != "auto":
            raise ConfigError(f"mechanisms is {self.mechanisms!r}; give 'auto', or a kind for each node that is named.")
        return {}

    def fit(self, graph: CausalGraph, table: Any, *, context: RunContext = DEFAULT_CONTEXT) -> FittedStructuralModel:
        """The model of a graph and a table with a column for each of its nodes; other columns are left alone.

        Raises:
            NotIdentifiable: an edge has no direction, or stands for a hidden cause.
            ColumnNotFound: a node has no column, or a mechanism is named for no node.
            NotFinite, ConstantColumn, TooFewUnits: with the column and the remedy.
        """
        must_be_dag(graph)
        for node in self._named:
            if node not in graph.nodes:
                raise ColumnNotFound(node, graph.nodes, where="the nodes of the graph")
        rows = self._rows(to_arrow(table, graph.nodes))
        how = MechanismFit(
            self.n_folds,
            self.sample_size,
            Boosting(self.n_trees, self.learning_rate, self.max_leaf_nodes),
        )
        found: dict[str, Mechanism] = {}
        verdicts = []
        for name in context.track(graph.topological_order(), "mechanisms", len(graph.nodes)):
            parents = tuple(sorted(graph.parents(name)))
            found[name], said = how.fit(rows, name, parents, self._named.get(name, "auto"), context)
            verdicts += [said] if said is not None else []
        return FittedStructuralModel(graph, rows.variables, found, rows.n, tuple(verdicts))

    def _rows(self, table: "pa.Table") -> Rows:
        n = table.num_rows
        if n < 2 * self.n_folds:
            raise TooFewUnits(f"{n} rows can't be cut into {self.n_folds} folds", remedy="add rows")
        variables, values = {}, {}
        for name in table.column_names:
            column = plain(name, table.column(name))
            kind = self._named.get(name, "auto")
            discrete = looks_discrete(column, self.max_levels)
            if kind in OF_CONTINUOUS and is_number(column):  # numbers can be taken as such
                discrete = False
            if kind in OF_DISCRETE and pa.types.is_integer(column.type):
                discrete = True
            variables[name] = Variable.of(name, column, discrete)
            values[name] = variables[name].encode(column)
        return Rows(variables, values, n)
