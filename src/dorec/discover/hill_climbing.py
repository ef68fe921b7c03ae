"""Hill climbing over DAGs with a tabu list."""

from dataclasses import dataclass
from typing import Any

from dorec.discover.scores import Score, ScoreName, check_score, score_of
from dorec.discover.searched import ScoreSearch
from dorec.domain.errors import ConfigError
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.tabu_search import tabu_search

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class HillClimbing:
    """The equivalence class (a CPDAG) of the best DAG met by adding, deleting and reversing one edge at a time.

    With a tabu list (Glover 1989; Koller, Friedman 2009, 18.4.2): the best step is taken even where it loses, and a
    pair of variables that was just changed rests for a while. It assumes that no common cause is hidden and that the
    sample was not selected by what is measured. A baseline: `BOSS` finds better graphs.

    The graph does not depend on the order of rows or columns. Knowledge is never violated. Priors and
    confidence as in `BOSS`.

    Memory: 8 bytes x n x d for the table, then 60 bytes x d².

    Args:
        score: "bic" (numbers, linear-Gaussian), "discrete_bic" or "bdeu" (discrete columns), "mixed" (both).
        penalty_discount: factor on the penalty of BIC: larger gives fewer edges; by default as in `BOSS`.
        sample_size: equivalent sample size of BDeu; larger ones add false edges.
        tabu_length: for so many steps, at most half of the pairs, a changed pair of variables stays as it is.
        patience: the search ends after so many steps without a new best; 0 is plain hill climbing.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 1000))
        >>> c = a + b + rng.normal(size=1000)
        >>> HillClimbing().discover({"a": a, "b": b, "c": c, "d": c + rng.normal(size=1000)}).directed
        (('a', 'c'), ('b', 'c'), ('c', 'd'))
    """

    score: ScoreName = "bic"
    penalty_discount: float | None = None
    sample_size: float = 1.0
    tabu_length: int = 10
    patience: int = 100

    def __post_init__(self) -> None:
        check_score(self.score, self.penalty_discount, self.sample_size)
        for name in ("tabu_length", "patience"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; give 0 or more steps.")

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The CPDAG on the table's columns; arguments and errors as those of `BOSS.discover`."""
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
        dag = tabu_search(on.data, on.required.copy(), on.may_cause, on.required, self.tabu_length, self.patience)
        return on.graph(dag, f"HillClimbing {score.name}")
