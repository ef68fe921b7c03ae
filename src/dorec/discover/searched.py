"""What every score search shares: an order of the columns that the table's does not change, and the answer."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from dorec.discover.allowed import allowed_edges
from dorec.discover.orientation import PartlyDirected, meek
from dorec.discover.pattern import as_graph, pattern_of_dag
from dorec.discover.scores import Score, gains
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.knowledge import Knowledge
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.equivalence_search import extension
from dorec.numeric.local_score import ScoreData

TIED = 1e-9  # a difference in log odds below this is rounding error


def canonical_order(names: tuple[str, ...], score: Score) -> IntArray:
    """Positions of the columns, the most central first and then by name, (d,)."""
    central = np.round(score.central(), 9)
    return np.array(sorted(range(len(names)), key=lambda i: (-central[i], names[i])), dtype=np.int64)


def log_odds_of(knowledge: Knowledge, names: tuple[str, ...]) -> FloatArray:
    """Log odds of i -> j before the data are seen, (d, d); (0, 0) where nothing is believed.

    >>> from dorec.domain.knowledge import Prior
    >>> log_odds_of(Knowledge(priors={("a", "b"): Prior(0.9)}), ("a", "b")).round(2).tolist()
    [[0.0, 2.2], [0.0, 0.0]]
    """
    out = np.zeros((len(names), len(names)) if knowledge.priors else (0, 0))
    place = {name: i for i, name in enumerate(names)}
    for (a, b), prior in knowledge.priors.items():
        out[place[a], place[b]] = prior.log_odds
    return out


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
        data = score.data(order)._replace(log_odds=log_odds_of(known, ordered))
        return cls(names, ordered, data, known, *allowed_edges(known, ordered))

    def directional(self) -> list[tuple[int, int]]:
        """Pairs whose directions are both allowed and not equally believed, the likelier first, the surest on top."""
        odds = self.data.log_odds
        if len(odds) == 0:
            return []
        lead = np.where(self.may_cause & self.may_cause.T, odds - odds.T, 0.0)
        pairs = [(int(i), int(j)) for i, j in np.argwhere(lead > 0)]
        return sorted(pairs, key=lambda pair: (-lead[pair], pair))

    def graph(self, dag: BoolArray, provenance: str) -> CausalGraph:
        """The equivalence class of the DAG found (d, d), within knowledge, on the table's names.

        Directions in which priors differ are those of the class's likeliest member.
        """
        pattern, member = self._likeliest(dag)
        gain = gains(self.data, member)
        graph = as_graph(pattern, self.ordered, expit(gain + gain.T), self.required, provenance)
        return CausalGraph(self.names, tuple(self._with_prior(edge) for edge in graph.edges))

    def _likeliest(self, dag: BoolArray) -> tuple[PartlyDirected, BoolArray]:
        """The class with the directions that priors give it, and a DAG of it."""
        pairs = self.directional()
        open_class = pattern_of_dag(dag, self.may_cause)
        if not pairs:
            return open_class, dag
        edges = [(int(i), int(j)) for i, j in np.argwhere(dag)]
        for a, b in pairs:  # the surest first: each that is still open may point either way
            if b in open_class.open[a]:
                open_class.orient(a, b)
                meek(open_class, edges)
        member, _ = extension(_arrows(open_class))
        odds = self.data.log_odds
        if odds[member].sum() >= odds[dag].sum() - TIED:
            return open_class, member
        as_found = pattern_of_dag(dag, self.may_cause)
        for a, b in [*pairs, *((b, a) for a, b in pairs)]:
            if dag[a, b] and b in as_found.open[a]:
                as_found.orient(a, b)
        meek(as_found, edges)
        return as_found, dag

    def _with_prior(self, edge: Edge) -> Edge:
        """The edge, with what was believed of it in its provenance."""
        said = [
            f"prior {prior.confidence:g} of {a} -> {b}{f' ({prior.provenance})' if prior.provenance else ''}"
            for a, b in ((edge.a, edge.b), (edge.b, edge.a))
            if (prior := self.knowledge.priors.get((a, b)))
        ]
        return replace(edge, provenance="; ".join([edge.provenance, *said])) if said else edge


def _arrows(pattern: PartlyDirected) -> BoolArray:
    """(d, d), whether the edge may lead from i to j."""
    out = np.zeros((len(pattern.adjacent), len(pattern.adjacent)), dtype=bool)
    for i, (children, unoriented) in enumerate(zip(pattern.children, pattern.open, strict=True)):
        out[i, [*children, *unoriented]] = True
    return out
