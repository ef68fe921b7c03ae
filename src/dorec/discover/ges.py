"""GES: greedy equivalence search."""

from dataclasses import dataclass
from typing import Any

from dorec.discover.scores import Score, ScoreName, check_score, score_of
from dorec.discover.searched import ScoreSearch
from dorec.domain.errors import InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.equivalence_search import complete, greedy_steps

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class GES:
    """The equivalence class of DAGs (a CPDAG) reached by the best insertions, then the best deletions, of an edge.

    Greedy equivalence search (Chickering 2002): with a consistent score and enough data it ends in the true class. It
    assumes that no common cause is hidden and that the sample was not selected by what is measured.

    The graph does not depend on the order of rows or columns. Knowledge is never violated: an edge points forward in
    the tiers or within one, and required edges are there whatever the score says. Confidence as in `BOSS`, which finds
    better graphs where effects nearly cancel each other, and with knowledge, for which the guarantee does not hold.

    Memory: 8 bytes x n x d for the table, then 60 bytes x d².

    Args:
        score: "bic" (numbers, linear-Gaussian), "discrete_bic" or "bdeu" (discrete columns), "mixed" (both).
        penalty_discount: factor on the penalty of BIC: larger gives fewer edges; by default as in `BOSS`.
        sample_size: equivalent sample size of BDeu; larger ones add false edges.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 1000))
        >>> c = a + b + rng.normal(size=1000)
        >>> GES().discover({"a": a, "b": b, "c": c, "d": c + rng.normal(size=1000)}).directed
        (('a', 'c'), ('b', 'c'), ('c', 'd'))
    """

    score: ScoreName = "bic"
    penalty_discount: float | None = None
    sample_size: float = 1.0

    def __post_init__(self) -> None:
        check_score(self.score, self.penalty_discount, self.sample_size)

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The CPDAG on the table's columns.

        Args:
            table: any frame, all of whose columns become nodes.
            knowledge: tiers, required and forbidden edges, and priors of adjacencies: the same in both directions, or
                with one direction forbidden.
            context: not used: GES draws no random numbers.

        Raises:
            InputError: text columns for "bic", too many levels for the others, knowledge that names strangers, a prior
                of one direction only, by which equivalent DAGs would not score alike.
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
        """The CPDAG by any score, as one on statistics that a database summed."""
        del context
        on = ScoreSearch.of(names, score, knowledge)
        _refuse_directional(on)
        arrow = complete(on.required, on.may_cause)
        greedy_steps(on.data, arrow, on.may_cause, on.required, True)
        dag = greedy_steps(on.data, arrow, on.may_cause, on.required, False)
        return on.graph(dag, f"GES {score.name}")


def _refuse_directional(on: ScoreSearch) -> None:
    """Steps between classes are only right where all members of a class score alike."""
    said = [f"{on.ordered[a]} and {on.ordered[b]}" for a, b in on.directional()]
    if said:
        raise InputError(
            f"The priors of {'; '.join(said[:5])}{'; ...' if len(said) > 5 else ''} differ by direction, and GES "
            "searches classes whose members score alike. Give both directions the same prior, forbid one, or take "
            "BOSS, HillClimbing or ExactSearch."
        )
