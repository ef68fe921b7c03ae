"""BOSS: best order score search."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.discover.allowed import precedence
from dorec.discover.scores import Score, ScoreName, check_score, score_of
from dorec.discover.searched import ScoreSearch
from dorec.domain.errors import ConfigError
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray, IntArray
from dorec.numeric.equivalence_search import complete, graph_score, greedy_steps
from dorec.numeric.order_search import BETTER, empty_trees, order_parents, order_search

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class BOSS:
    """The equivalence class of DAGs (a CPDAG) with the best score, found by moving variables in a causal order.

    Best order score search (Andrews, Ramsey, Sanchez-Romero, Camchong, Kummerfeld 2023, arXiv:2310.17679): each
    variable in turn moves to the place in the order at which the graph scores best, until no move gains. The parents
    that an order gives a variable come from its grow-shrink tree, which remembers every score it has needed. Deletions
    as in `GES` end each start. It assumes that no common cause is hidden and that the sample was not selected by what
    is measured.

    The graph does not depend on the order of rows or columns. Knowledge is never violated: no edge leads to an
    earlier tier; required edges are there whatever the score says. A prior adds its log odds to the score of every
    graph that has its edge; where the two directions of an edge are not equally believed, the edge points as in the
    likeliest member of the class.

    Each edge's `confidence` is the posterior probability that the score gives it against the same DAG without it,
    1 / (1 + exp(-gain)), with even odds before (Kass, Raftery 1995).

    Memory: 8 bytes x n x d for the table, then about 300 bytes x d² for the trees.

    Args:
        score: "bic" (numbers, linear-Gaussian), "discrete_bic" or "bdeu" (discrete columns), "mixed" (both).
        penalty_discount: factor on the penalty of BIC: larger gives fewer edges. By default 2 for "bic" and "mixed",
            where with the textbook's 1 a search over many graphs adds false edges, and 1 for "discrete_bic".
        sample_size: equivalent sample size of BDeu; larger ones add false edges.
        n_starts: orders to start from, the best wins: the first by how central the columns are (for discrete columns
            one of the graph that `GES` finds), the others at random.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 1000))
        >>> c = a + b + rng.normal(size=1000)
        >>> BOSS().discover({"a": a, "b": b, "c": c, "d": c + rng.normal(size=1000)}).directed
        (('a', 'c'), ('b', 'c'), ('c', 'd'))
    """

    score: ScoreName = "bic"
    penalty_discount: float | None = None
    sample_size: float = 1.0
    n_starts: int = 5

    def __post_init__(self) -> None:
        check_score(self.score, self.penalty_discount, self.sample_size)
        if self.n_starts < 1:
            raise ConfigError(f"n_starts is {self.n_starts}; give 1 or more.")

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The CPDAG on the table's columns.

        Args:
            table: any frame, all of whose columns become nodes.
            knowledge: tiers, required and forbidden edges, priors.
            context: seed of the random starts, and progress.

        Raises:
            InputError: text columns for "bic", too many levels for the others, knowledge that names strangers.
            NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be scored; each is named.
        """
        names, score = score_of(table, self.score, self.penalty_discount, self.sample_size)
        return self.search(names, score, knowledge, context)

    def search(
        self,
        names: tuple[str, ...],
        score: Score,
        knowledge: Knowledge | None = None,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> CausalGraph:
        """The CPDAG that is best by any score, as one on statistics that a database summed.

        Example:
            >>> from dorec.discover.scores import GaussianBIC
            >>> chain = np.array([[1.0, 0.6, 0.36], [0.6, 1.0, 0.6], [0.36, 0.6, 1.0]])
            >>> BOSS().search(("a", "b", "c"), GaussianBIC(chain, n=1000)).undirected
            (('a', 'b'), ('b', 'c'))
        """
        on = ScoreSearch.of(names, score, knowledge)
        precedes = precedence(on.knowledge, on.ordered)
        directional = bool(on.directional())
        trees = empty_trees(len(names))
        rng = context.rng("boss starts")
        best, dag = -np.inf, on.required
        first = np.arange(len(names))
        if len(on.data.codes) > 0:  # how central a column is misleads where columns are discrete
            dag = _greedy_graph(on)
            best, first = float(graph_score(on.data, dag)), agreeing(first, dag)
        for start in context.track(range(self.n_starts), "BOSS starts", self.n_starts):
            tried = first if start == 0 else rng.permutation(len(names))
            tried = agreeing(tried, precedes)
            order_search(on.data, tried, on.may_cause, on.required, precedes, trees)
            pruned = order_parents(on.data, tried, on.may_cause, on.required, trees)
            if not directional:  # deletions within a class need scores that are equal for all of its members
                pruned = greedy_steps(on.data, complete(pruned, on.may_cause), on.may_cause, on.required, False)
            found = float(graph_score(on.data, pruned))
            if found > best + BETTER:
                best, dag = found, pruned
        return on.graph(dag, f"BOSS {score.name}")


def _greedy_graph(on: ScoreSearch) -> BoolArray:
    """The DAG (d, d) at which `GES` ends."""
    arrow = complete(on.required, on.may_cause)
    greedy_steps(on.data, arrow, on.may_cause, on.required, True)
    return greedy_steps(on.data, arrow, on.may_cause, on.required, False)


def agreeing(order: IntArray, precedes: BoolArray) -> IntArray:
    """The order (d,), changed as little as `precedes` (d, d) asks: each next is the first with nothing before it.

    >>> agreeing(np.array([0, 1, 2]), np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=bool)).tolist()
    [1, 2, 0]
    """
    left, out = order.tolist(), []
    waits = precedes.sum(axis=0)
    while left:
        v = next(u for u in left if waits[u] == 0)
        left.remove(v)
        out.append(v)
        waits = waits - precedes[v]
    return np.array(out, dtype=np.int64)
