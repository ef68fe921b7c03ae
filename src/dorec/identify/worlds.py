"""Random functional models: every node a function of its parents and noise, so that worlds can be held side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dorec.domain.counterfactual import Counterfactual, Setting
from dorec.domain.errors import InputError
from dorec.domain.expression import Joint
from dorec.domain.graph import CausalGraph
from dorec.domain.regime import Regime
from dorec.numeric.arrays import FloatArray, IntArray

MAX_STATES = 1 << 20
N_RESPONSES = 4  # levels of each node's own noise: one constant for each level, and functions of the parents


@dataclass(frozen=True, eq=False)
class FunctionalModel:
    """All states of the noise, their probabilities, and each node's level as a function of parents and state.

    Example:
        >>> graph = CausalGraph.from_edges("xy", directed=[("x", "y")])
        >>> model = random_functional_model(graph, np.random.default_rng(0))
        >>> one, both = Counterfactual("y", 1, do={"x": 0}), Counterfactual("y", 0, do={"x": 1})
        >>> bool(model.probability([one]) >= model.probability([one, both]))
        True
    """

    parents: Mapping[str, tuple[str, ...]]  # causes before effects
    responses: Mapping[str, IntArray]  # node -> (n_states, 2, 2, ...): its level in a state at levels of its parents
    weights: FloatArray  # (n_states,)

    def level(self, variable: str, do: Mapping[str, Setting]) -> IntArray:
        """The level of a variable in each state, in the world where others are set. Shape (n_states,)."""
        states = np.arange(self.weights.size)
        done: dict[str, IntArray] = {}
        for node in self.parents:
            setting = do.get(node)
            if isinstance(setting, Counterfactual):
                done[node] = self.level(setting.variable, dict(setting.do))
            elif setting is not None:
                done[node] = np.full(states.size, setting)
            else:
                done[node] = self.responses[node][(states, *(done[p] for p in self.parents[node]))]
        return done[variable]

    def probability(self, events: Sequence[Counterfactual], given: Sequence[Counterfactual] = ()) -> float:
        """P(events | given); NaN where what is given has probability 0."""
        known = np.ones(self.weights.size, dtype=bool)
        for event in given:
            known &= self.level(event.variable, dict(event.do)) == event.value
        both = known.copy()
        for event in events:
            both &= self.level(event.variable, dict(event.do)) == event.value
        total = float(self.weights[known].sum())
        return float(self.weights[both].sum()) / total if total else float("nan")

    def joint_in(self, regime: Regime, names: Sequence[str]) -> Joint:
        """What an experiment (or observation) shows, each level of what was randomised equally often."""
        if not names:
            return Joint((), np.ones(()))
        table = np.zeros((2,) * len(names))
        for setting in np.ndindex(*(2,) * len(regime.do)):
            do: dict[str, Setting] = dict(zip(regime.do, setting, strict=True))
            np.add.at(table, tuple(self.level(name, do) for name in names), self.weights)
        return Joint(tuple(names), table / table.sum())


def random_functional_model(graph: CausalGraph, rng: np.random.Generator) -> FunctionalModel:
    """A model of the graph with binary nodes, random functions, and a hidden binary cause for each bidirected edge.

    Raises:
        InputError: there are more than about a million states of the noise.
    """
    hidden = {f"{a} <-> {b}": (a, b) for a, b in graph.bidirected}
    sizes = [2] * len(hidden) + [N_RESPONSES] * len(graph.nodes)
    if float(np.prod(np.asarray(sizes, dtype=float))) > MAX_STATES:
        raise InputError(f"The noise of {len(graph.nodes)} nodes and {len(hidden)} hidden causes has too many states.")
    state = dict(zip((*hidden, *graph.nodes), np.indices(sizes).reshape(len(sizes), -1), strict=True))
    weights = np.ones(state[graph.nodes[0]].size)
    for name, size in zip(state, sizes, strict=True):
        weights = weights * (0.05 + (1 - 0.05 * size) * rng.dirichlet(np.ones(size)))[state[name]]
    parents, responses = {}, {}
    for node in graph.topological_order():
        parents[node] = tuple(sorted(graph.parents(node)))
        causes = [state[name] for name, ends in hidden.items() if node in ends]
        table = rng.integers(0, 2, size=(*(2 for _ in causes), N_RESPONSES, *(2 for _ in parents[node])))
        for level in (0, 1):  # so that every combination of levels occurs
            table[(slice(None),) * len(causes) + (level,)] = level
        responses[node] = table[(*causes, state[node])]
    return FunctionalModel(parents, responses, weights)
