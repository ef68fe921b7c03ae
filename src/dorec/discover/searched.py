"""What every score search shares: an order of the columns that the table's does not change, and the answer."""

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


def searched_graph(
    dag: BoolArray,
    data: ScoreData,
    knowledge: Knowledge,
    ordered: tuple[str, ...],
    names: tuple[str, ...],
    provenance: str,
) -> CausalGraph:
    """The equivalence class of a DAG (d, d) over `ordered`, within knowledge, on the table's `names`."""
    may_cause, required = allowed_edges(knowledge, ordered)
    gain = gains(data, dag)
    confidence = expit(gain + gain.T)
    graph = as_graph(pattern_of_dag(dag, may_cause), ordered, confidence, required, provenance)
    return CausalGraph(names, graph.edges)
