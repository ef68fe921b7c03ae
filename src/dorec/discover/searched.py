"""What every score search shares: an order of the columns that the table's does not change, and the answer."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from dorec.discover.allowed import allowed_edges
from dorec.discover.pattern import as_graph, pattern_of_dag
from dorec.discover.scores import Score, gains
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.numeric.arrays import BoolArray, IntArray
from dorec.numeric.local_score import ScoreData


def canonical_order(names: tuple[str, ...], score: Score) -> IntArray:
    """Positions of the columns, the most central first and then by name, (d,)."""
    central = np.round(score.central(), 9)
    return np.array(sorted(range(len(names)), key=lambda i: (-central[i], names[i])), dtype=np.int64)


@dataclass(frozen=True)
class ScoreSearch:
    """What every score search works on: the columns in an order of their own, their statistics, what is allowed."""

    names: tuple[str, ...]  # in the table's order
    ordered: tuple[str, ...]  # in the search's order, which no order of columns changes
    data: ScoreData
    knowledge: Knowledge
    may_cause: BoolArray  # (d, d) over `ordered`
    required: BoolArray  # (d, d)

    @classmethod
    def of(cls, names: tuple[str, ...], score: Score, knowledge: Knowledge | None) -> "ScoreSearch":
        """The search's start; refuses knowledge that names strangers or contradicts itself."""
        known = knowledge or Knowledge()
        known.check_nodes(names)
        order = canonical_order(names, score)
        ordered = tuple(names[i] for i in order)
        return cls(names, ordered, score.data(order), known, *allowed_edges(known, ordered))

    def graph(self, dag: BoolArray, provenance: str) -> CausalGraph:
        """The equivalence class of the DAG found (d, d), within knowledge, on the table's names."""
        gain = gains(self.data, dag)
        pattern = pattern_of_dag(dag, self.may_cause)
        graph = as_graph(pattern, self.ordered, expit(gain + gain.T), self.required, provenance)
        return CausalGraph(self.names, graph.edges)
