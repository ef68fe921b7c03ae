"""Random discrete structural models of a graph, in which any effect can be worked out by brute force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.expression import Joint
from dorec.domain.graph import CausalGraph
from dorec.domain.regime import Regime
from dorec.numeric.arrays import FloatArray
from dorec.numeric.elimination import Factor, sum_product

MAX_PARENTS = 16


@dataclass(frozen=True, eq=False)
class DiscreteModel:
    """P(node | parents) for each node of a DAG; what is hidden is a node as well.

    Example:
        >>> graph = CausalGraph.from_edges("xy", directed=[("x", "y")])
        >>> model = random_model(graph, np.random.default_rng(0))
        >>> bool(np.allclose(model.marginal(["x", "y"]), model.joint(["x", "y"]).table))
        True
    """

    tables: Mapping[str, Factor]  # node -> variables (parents first, the node last) and their table
    parents: Mapping[str, tuple[str, ...]]

    def joint(self, names: Sequence[str]) -> Joint:
        """The joint distribution of some nodes."""
        return Joint(tuple(names), self.marginal(names))

    def marginal(self, names: Sequence[str], do: Sequence[str] = ()) -> FloatArray:
        """P(names | do(...)) for every level of what is set: truncated factorisation, a dimension for each name.

        Raises:
            InputError: the tables on the way are too large.
        """
        cut = frozenset(do)
        needed, stack = set(names), [n for n in names if n not in cut]
        while stack:
            for parent in self.parents[stack.pop()]:
                if parent not in needed:
                    needed.add(parent)
                    if parent not in cut:
                        stack.append(parent)
        factors = [self.tables[node] for node in self.tables if node in needed and node not in cut]
        factors += [((node,), np.ones(self.tables[node][1].shape[-1])) for node in do if node in names]
        try:
            return sum_product(factors, list(names))
        except OverflowError as error:
            raise InputError(f"The model is too densely connected for brute force: {error}.") from error

    def joint_in(self, regime: Regime, names: Sequence[str]) -> Joint:
        """What a source with this regime shows: each level of what was randomised is as frequent as any other.

        Units are selected at the last level of each selecting node. Another population is another model: see
        `elsewhere`.
        """
        table = self.marginal([*names, *regime.selected], do=regime.do)
        chosen = table.reshape(*table.shape[: len(names)], -1)[..., -1]
        return Joint(tuple(names), chosen / chosen.sum())

    def elsewhere(self, differs: Sequence[str], rng: np.random.Generator) -> "DiscreteModel":
        """The model of a population in which some nodes have another mechanism."""
        tables = dict(self.tables)
        for node in differs:
            names, table = tables[node]
            tables[node] = (names, _random_table(table.shape, rng))
        return DiscreteModel(tables, self.parents)

    def effect(self, outcomes: Sequence[str], treatments: Sequence[str], conditions: Sequence[str] = ()) -> FloatArray:
        """P(outcomes | do(treatments), conditions), with dimensions in that order."""
        table = self.marginal([*outcomes, *treatments, *conditions], do=treatments)
        return table / table.sum(axis=tuple(range(len(outcomes))), keepdims=True) if conditions else table


def random_model(graph: CausalGraph, rng: np.random.Generator, levels: int = 2, low: float = 0.1) -> DiscreteModel:
    """A model of the graph with random tables; each bidirected edge is a hidden cause of its own.

    Args:
        graph: directed and bidirected edges.
        rng: random numbers.
        levels: of every variable.
        low: the smallest probability; the others share the rest at random.

    Raises:
        InputError: a node has more than 16 causes.
    """
    hidden = {f"{a} <-> {b}": (a, b) for a, b in graph.bidirected}
    parents: dict[str, tuple[str, ...]] = dict.fromkeys(hidden, ())
    for node in graph.nodes:
        parents[node] = (*sorted(graph.parents(node)), *(name for name, ends in hidden.items() if node in ends))
        if len(parents[node]) > MAX_PARENTS:
            raise InputError(f"{node} has {len(parents[node])} causes, too many for a table of each combination.")
    tables: dict[str, Factor] = {}
    for node, causes in parents.items():
        tables[node] = ((*causes, node), _random_table((levels,) * (len(causes) + 1), rng, low))
    return DiscreteModel(tables, parents)


def _random_table(shape: Sequence[int], rng: np.random.Generator, low: float = 0.1) -> FloatArray:
    return low + (1.0 - shape[-1] * low) * rng.dirichlet(np.ones(shape[-1]), size=tuple(shape[:-1]))
