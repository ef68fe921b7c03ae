"""RCD and CAM-UV, as lingam has them."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dorec.discover.peers import acyclic, clean_columns, credit, load, quiet, refuse_knowledge
from dorec.domain.errors import ConfigError, InputError, did_you_mean
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import FloatArray

PACKAGE = "lingam"
DEFAULT_CONTEXT = RunContext(seed=0)
Independence = Literal["hsic", "fcorr"]


@dataclass(frozen=True)
class RCD:
    """Direct causes in linear data with non-Gaussian noise, and pairs with a hidden common cause, by lingam.

    Repetitive causal discovery (Maeda, Shimizu 2020, proceedings.mlr.press/v108/maeda20a.html). Pairs whose direction
    is lost to a hidden common cause are joined by <->.

    Args:
        max_explanatory_num: the most causes that a variable's ancestors are sought among at a time.
        alpha: of the tests of independence and of correlation.
        shapiro_alpha: of the test that residuals are not Gaussian.
        independence: "hsic", or "fcorr", which is faster.
        max_rows: tables with more are refused; "hsic" compares all pairs of rows.

    Example:
        >>> RCD(alpha=0.05).max_explanatory_num
        2
    """

    max_explanatory_num: int = 2
    alpha: float = 0.01
    shapiro_alpha: float = 0.01
    independence: Independence = "hsic"
    max_rows: int = 3000

    def __post_init__(self) -> None:
        _check(self, ("alpha", "shapiro_alpha"), ("max_explanatory_num", "max_rows"))

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The graph (an ADMG) on the table's columns of numbers.

        Args:
            table: any frame.
            knowledge: refused, but for priors, which are not used.
            context: seeds what the tests draw.

        Raises:
            ConfigError: lingam is not installed.
            TooLarge: more rows than max_rows.
            InputError, Refusal: as `PC` says of the columns.
        """
        peer = load("lingam", PACKAGE).RCD
        refuse_knowledge(knowledge, "RCD", "FCI")
        names, matrix, given = clean_columns(table, "RCD", self.max_rows)
        with quiet(context):
            model = peer(
                max_explanatory_num=self.max_explanatory_num,
                cor_alpha=self.alpha,
                ind_alpha=self.alpha,
                shapiro_alpha=self.shapiro_alpha,
                independence=self.independence,
            ).fit(matrix)
        return acyclic(given, _edges(model.adjacency_matrix_, names, credit("RCD", PACKAGE)), "RCD")


@dataclass(frozen=True)
class CAMUV:
    """Direct causes in additive data, any smooth relation, and pairs with a hidden variable between them, by lingam.

    CAM-UV (Maeda, Shimizu 2021, proceedings.mlr.press/v161/maeda21a.html). Pairs with a hidden common cause, or a
    hidden step on the way from one to the other, are joined by <->.

    Args:
        max_explanatory_num: the most causes that are looked at together.
        alpha: of the tests.
        independence: "hsic", or "fcorr", which is faster.
        max_rows: tables with more are refused; "hsic" compares all pairs of rows.

    Example:
        >>> CAMUV().alpha
        0.01
    """

    max_explanatory_num: int = 2
    alpha: float = 0.01
    independence: Independence = "hsic"
    max_rows: int = 3000

    def __post_init__(self) -> None:
        _check(self, ("alpha",), ("max_explanatory_num", "max_rows"))

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The graph (an ADMG) on the table's columns of numbers.

        Args:
            table: any frame.
            knowledge: tiers and forbidden edges; required ones are refused, and priors not used.
            context: seeds what the tests draw.

        Raises:
            ConfigError: lingam is not installed.
            TooLarge: more rows than max_rows.
            InputError, Refusal: as `PC` says of the columns and of knowledge.
        """
        peer = load("lingam", PACKAGE).CAMUV
        known = knowledge or Knowledge()
        if known.required:
            raise InputError("CAMUV takes no required edges, and might leave them out in silence; take PC or BOSS.")
        names, matrix, given = clean_columns(table, "CAMUV", self.max_rows)
        known.check_nodes(given)
        d = range(len(names))
        cannot = [(i, j) for i in d for j in d if i != j and known.forbids(names[i], names[j])]
        with quiet(context):
            model = peer(
                alpha=self.alpha,
                num_explanatory_vals=self.max_explanatory_num,
                independence=self.independence,
                prior_knowledge=cannot or None,
            )
            model.fit(matrix)
        return acyclic(given, _edges(model.adjacency_matrix_, names, credit("CAMUV", PACKAGE)), "CAMUV")


def _check(learner: Any, levels: tuple[str, ...], counts: tuple[str, ...]) -> None:
    for name in levels:
        if not 0 < getattr(learner, name) < 1:
            raise ConfigError(f"{name} is {getattr(learner, name)}; give a level strictly between 0 and 1, as 0.01.")
    for name in counts:
        if getattr(learner, name) < 1:
            raise ConfigError(f"{name} is {getattr(learner, name)}; give 1 or more.")
    got = learner.independence
    if got not in ("hsic", "fcorr"):
        raise ConfigError(f"independence is {got!r}; allowed: hsic, fcorr.{did_you_mean(str(got), ('hsic', 'fcorr'))}")


def _edges(weight: FloatArray, names: tuple[str, ...], provenance: str) -> list[Edge]:
    """The edges of lingam's matrix: [i, j] is the effect of j on i, NaN on both sides of a hidden common cause.

    >>> [str(e) for e in _edges(np.array([[0, np.nan, 0], [np.nan, 0, 0], [0.5, 0, 0]]), ("a", "b", "c"), "")]
    ['a <-> b', 'a --> c']
    """
    edges = []
    for i, j in np.argwhere(np.triu(np.isnan(weight) | np.isnan(weight).T, k=1)).tolist():
        edges.append(Edge(names[i], names[j], "arrow", "arrow", None, provenance))
    for i, j in np.argwhere(np.nan_to_num(weight) != 0).tolist():
        edges.append(Edge(names[j], names[i], "tail", "arrow", None, provenance))
    return edges
