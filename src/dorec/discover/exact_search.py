"""Exact search: the DAG with the best score of all."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.discover.scores import Score, ScoreName, check_score, score_of
from dorec.discover.searched import ScoreSearch
from dorec.domain.errors import ConfigError, InputError, TooFewUnits
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.exact_search import NEVER, best_dag, best_scores, best_sinks, set_values

DEFAULT_CONTEXT = RunContext(seed=0)
MAX_VARIABLES = 20


@dataclass(frozen=True)
class ExactSearch:
    """The equivalence class of the DAG that scores best of all DAGs, for up to 20 columns.

    Dynamic programming over sets of columns (Silander, Myllymäki 2006, arXiv:1206.6875): no other DAG within knowledge
    and `max_parents` scores higher. It assumes that no common cause is hidden and that the sample was not selected by
    what is measured.

    The graph does not depend on the order of rows or columns. Knowledge is never violated. Priors and confidence as in
    `BOSS`.

    Memory: 8 bytes x n x d for the table, then 8 bytes x (d / 2 + 3) x 2^d: 110 MB at 20 columns. Time doubles and more
    with each column; discrete scores pass over the rows once for each set of columns, which `max_parents` cuts short.

    Args:
        score: "bic" (numbers, linear-Gaussian), "discrete_bic" or "bdeu" (discrete columns), "mixed" (both).
        penalty_discount: factor on the penalty of BIC: larger gives fewer edges; by default as in `BOSS`.
        sample_size: equivalent sample size of BDeu; larger ones add false edges.
        max_parents: the most parents of a node; None is no limit.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 1000))
        >>> c = a + b + rng.normal(size=1000)
        >>> ExactSearch().discover({"a": a, "b": b, "c": c, "d": c + rng.normal(size=1000)}).directed
        (('a', 'c'), ('b', 'c'), ('c', 'd'))
    """

    score: ScoreName = "bic"
    penalty_discount: float | None = None
    sample_size: float = 1.0
    max_parents: int | None = None

    def __post_init__(self) -> None:
        check_score(self.score, self.penalty_discount, self.sample_size)
        if self.max_parents is not None and self.max_parents < 0:
            raise ConfigError(f"max_parents is {self.max_parents}; give 0 or more, or None.")

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The CPDAG on the table's columns.

        Args:
            table: any frame with up to 20 columns, all of which become nodes.
            knowledge: tiers, required and forbidden edges, priors.
            context: progress; nothing is random.

        Raises:
            InputError: more than 20 columns, text columns for "bic", too many levels for the others, knowledge that
                names strangers or requires more parents than `max_parents`.
            TooFewUnits: parents up to the limit would fit numbers without any rest.
            NotFinite, ConstantColumn, Collinear: the columns can't be scored; each is named.
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
        """The CPDAG that is best by any score, as one on statistics that a database summed."""
        d = len(names)
        if d > MAX_VARIABLES:
            raise InputError(
                f"ExactSearch takes up to {MAX_VARIABLES} columns, got {d}; leave columns out, or take BOSS, which "
                "searches orders instead of all graphs."
            )
        on = ScoreSearch.of(names, score, knowledge)
        limit = d - 1 if self.max_parents is None else min(self.max_parents, d - 1)
        crowded = [on.ordered[y] for y in np.flatnonzero(on.required.sum(axis=0) > limit)]
        if crowded:
            raise InputError(
                f"{', '.join(crowded)} have more required parents than max_parents={limit}; raise it or drop edges."
            )
        if len(on.data.codes) == 0 and on.data.n <= limit + 2:
            raise TooFewUnits(
                f"{on.data.n:,.0f} rows are too few for up to {limit} parents, which would fit them without any rest",
                remedy="give more rows, or a max_parents of two and more below their number",
            )
        f = set_values(on.data, limit + 1)
        best = np.empty((d, 1 << (d - 1)))
        for y in context.track(range(d), "best parents", d):
            best[y] = best_scores(on.data, f, y, on.may_cause, on.required, limit)
        total, last = best_sinks(best)
        if total[-1] == NEVER:
            raise TooFewUnits(
                "required parents explain a column without any rest, so that no graph with them has a score",
                remedy="give more rows than a column has parents, or require fewer edges",
            )
        return on.graph(best_dag(best, last), f"ExactSearch {score.name}")
