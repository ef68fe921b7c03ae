"""GRaSP, CD-NOD, PC with a kernel test, and GIN, as causal-learn has them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from dorec.discover.levels import Answers, Level, level_of_tests
from dorec.discover.pc import PC, check_settings
from dorec.discover.peers import acyclic, clean_columns, credit, load, quiet, refuse_knowledge
from dorec.domain.errors import ColumnNotFound, ConfigError, ConstantColumn, NotFinite
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray

PACKAGE = "causal-learn"
DEFAULT_CONTEXT = RunContext(seed=0)
ShiftTest = Literal["fisher_z", "kci"]
LatentTest = Literal["kci", "hsic"]
_THEIR_NAME = {"fisher_z": "fisherz", "kci": "kci"}


@dataclass(frozen=True)
class GRaSP:
    """The CPDAG with the best BIC that greedy relaxations of the sparsest permutation find, by causal-learn.

    Lam, Andrews, Ramsey (2022, proceedings.mlr.press/v180/lam22a.html). `BOSS`, which is dorec's own, searches
    permutations too, and takes knowledge.

    Args:
        penalty_discount: of the BIC; 1 is Schwarz's.
        depth: of the search for tucks that raise the score.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 500))
        >>> GRaSP().discover({"a": a, "b": b, "c": a + b + rng.normal(size=500)}).directed
        (('a', 'c'), ('b', 'c'))
    """

    penalty_discount: float = 1.0
    depth: int = 3

    def __post_init__(self) -> None:
        if not self.penalty_discount > 0:
            raise ConfigError(f"penalty_discount is {self.penalty_discount}; give a positive number.")
        if self.depth < 1:
            raise ConfigError(f"depth is {self.depth}; give 1 or more.")

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The CPDAG on the table's columns of numbers.

        Args:
            table: any frame.
            knowledge: refused, but for priors, which are not used.
            context: the seed of the first permutation.

        Raises:
            ConfigError: causal-learn is not installed.
            InputError, Refusal: as `PC` says of the columns.
        """
        grasp = load("causallearn.search.PermutationBased.GRaSP", PACKAGE).grasp
        refuse_knowledge(knowledge, "GRaSP", "BOSS")
        names, matrix, given = clean_columns(table, "GRaSP")
        with quiet(context):
            found = grasp(matrix, depth=self.depth, parameters={"lambda_value": self.penalty_discount}, verbose=False)
        return acyclic(given, _edges(found, names, credit("GRaSP", PACKAGE)), "GRaSP")


@dataclass(frozen=True)
class CDNOD:
    """The causal graph of data whose mechanisms change over time or between domains, by causal-learn.

    CD-NOD (Huang, Zhang et al. 2020, jmlr.org/papers/v21/19-232.html): the index of time or domain joins the graph as a
    node that nothing causes; what it points to has a mechanism that changes, and its edges orient others.

    Args:
        index: the column that says when or where: numbers, or labels of domains.
        alpha: two variables are independent where the p-value is above it.
        test: "fisher_z" (linear), or "kci" (any relation; slow).
        max_rows: with "kci", whose time grows with the cube of the rows.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> market = np.repeat([0, 1], 300)
        >>> price = 2.0 * market + rng.normal(size=600)
        >>> table = {"market": market, "price": price, "sales": rng.normal(size=600) - price}
        >>> CDNOD(index="market").discover(table).directed
        (('market', 'price'), ('price', 'sales'))
    """

    index: str = "domain"
    alpha: float = 0.05
    test: ShiftTest = "fisher_z"
    max_rows: int = 2000

    def __post_init__(self) -> None:
        check_settings(self, {"test": ShiftTest})

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The graph over the columns, the index among them.

        Args:
            table: any frame.
            knowledge: refused, but for priors, which are not used.
            context: seeds what the test draws.

        Raises:
            ConfigError: causal-learn is not installed.
            ColumnNotFound: the table lacks the index.
            InputError, Refusal: as `PC` says of the columns.
        """
        cdnod = load("causallearn.search.ConstraintBased.CDNOD", PACKAGE).cdnod
        refuse_knowledge(knowledge, "CDNOD", "PC with the index in the first tier")
        arrow = to_arrow(table)
        order = tuple(arrow.column_names)
        if self.index not in order:
            raise ColumnNotFound(self.index, order)
        index = _index(column(arrow, self.index), self.index)
        coded = {name: index if name == self.index else column(arrow, name) for name in order}
        names, matrix, _ = clean_columns(coded, "CDNOD", self.max_rows if self.test == "kci" else None)
        last = names.index(self.index)
        others = [i for i in range(len(names)) if i != last]
        with quiet(context):
            found = cdnod(
                matrix[:, others], matrix[:, [last]], self.alpha, _THEIR_NAME[self.test],
                verbose=False, show_progress=False,
            )  # fmt: skip
        ordered = (*(names[i] for i in others), self.index)
        return acyclic(order, _edges(found.G, ordered, credit(f"CDNOD {self.test}", PACKAGE)), "CDNOD")


@dataclass(frozen=True)
class KernelPC:
    """PC with the kernel test of conditional independence: any relation between numbers, at a price in time.

    KCI (Zhang, Peters, Janzing, Schölkopf 2011, arXiv:1202.3775), as causal-learn computes it, answers the questions of
    `PC`; skeleton, orientation and knowledge are PC's. The time of a test grows with the cube of the rows; `PC` with
    test="rcot" asks nearly the same in linear time.

    Args:
        alpha: two variables are independent where the p-value is above it.
        max_condition: the largest conditioning set; None for as far as the graph goes.
        max_rows: tables with more are refused.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 150))
        >>> table = {"a": a, "b": b, "c": a**2 + b + 0.3 * rng.normal(size=150)}
        >>> KernelPC(alpha=0.01).discover(table).directed
        (('a', 'c'), ('b', 'c'))
    """

    alpha: float = 0.05
    max_condition: int | None = None
    max_rows: int = 2000

    def __post_init__(self) -> None:
        check_settings(self, {})

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The CPDAG on the table's columns of numbers.

        Args:
            table: any frame.
            knowledge: tiers, required and forbidden edges, never violated; priors are not used.
            context: progress.

        Raises:
            ConfigError: causal-learn is not installed.
            TooLarge: more rows than max_rows.
            InputError, Refusal: as `PC` says of the columns and of knowledge.
        """
        tests = load("causallearn.utils.cit", PACKAGE)
        names, matrix, given = clean_columns(table, "KernelPC", self.max_rows)
        with quiet():
            test = _KernelTest(tests.CIT(matrix, "kci"), self.alpha, len(names))
        graph = PC(alpha=self.alpha, max_condition=self.max_condition).search(names, test, knowledge, context)
        said = f"PC kci alpha={self.alpha:g} ({credit('kci', PACKAGE)})"
        edges = [
            e if "required" in e.provenance else replace(e, provenance=said + e.provenance.partition(";")[2])
            for e in graph.edges
        ]
        return CausalGraph(given, tuple(edges))


@dataclass(frozen=True)
class GIN:
    """Hidden variables behind groups of columns, and the order in which they cause each other, by causal-learn.

    The generalised independent noise condition (Xie, Cai, Huang, Glymour, Hao, Zhang 2020, arXiv:2010.04917), for
    linear relations with noise that is not Gaussian, where columns only measure what is hidden. Hidden variables are
    the nodes `hidden 1`, `hidden 2`, ...; columns that belong to none stay without edges. From a hidden variable to the
    later ones every edge is drawn: it is their order.

    Args:
        alpha: of the tests.
        independence: "kci", or "hsic", which is faster.
        max_rows: tables with more are refused; the tests compare all pairs of rows.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> taste, noise = rng.uniform(-1, 1, 400), rng.uniform(-1, 1, (4, 400))
        >>> table = {f"q{i}": taste + 0.3 * noise[i] for i in range(4)}
        >>> GIN().discover(table).directed
        (('hidden 1', 'q0'), ('hidden 1', 'q1'), ('hidden 1', 'q2'), ('hidden 1', 'q3'))
    """

    alpha: float = 0.05
    independence: LatentTest = "hsic"
    max_rows: int = 2000

    def __post_init__(self) -> None:
        check_settings(self, {"independence": LatentTest})

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The graph over hidden variables and columns.

        Args:
            table: any frame.
            knowledge: refused, but for priors, which are not used.
            context: seeds what the test draws.

        Raises:
            ConfigError: causal-learn is not installed.
            TooLarge: more rows than max_rows.
            InputError, Refusal: as `PC` says of the columns.
        """
        gin = load("causallearn.search.HiddenCausal.GIN.GIN", PACKAGE).GIN
        refuse_knowledge(knowledge, "GIN", "FCI")
        names, matrix, given = clean_columns(table, "GIN", self.max_rows)
        with quiet(context):
            found = gin(matrix, self.independence, self.alpha)[0]
        hidden = tuple(n.get_name() for n in found.get_nodes() if n.get_name().startswith("L"))
        called = {name: f"hidden {name[1:]}" for name in hidden} | {f"X{i + 1}": name for i, name in enumerate(names)}
        edges = _renamed_edges(found, called, credit(f"GIN {self.independence}", PACKAGE))
        return acyclic((*given, *(called[name] for name in hidden)), edges, "GIN")


@dataclass(frozen=True, eq=False)
class _KernelTest:
    """causal-learn's KCI as a test of independence of PC."""

    test: Any
    alpha: float
    d: int

    @property
    def deepest(self) -> int:
        """No bound but the number of variables."""
        return max(self.d - 2, 0)

    def answer(self, rows: AnyArray) -> Answers:
        """The tests of rows (x, y, s1, s2, ..)."""
        with quiet():
            p = np.array([float(self.test(x, y, tuple(given))) for x, y, *given in rows.tolist()])
        return Answers(p, 1.0 - p)

    def level(self, size: int, adjacent: BoolArray, pool: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level."""
        return level_of_tests(self, size, adjacent, pool, kept)


def _index(values: AnyArray, name: str) -> FloatArray:
    """Numbers as they are; labels, dates and truth values as their places in the order."""
    if values.dtype.kind in "iuf":
        index: FloatArray = values.astype(np.float64)
        return index
    missing = np.isnat(values) if values.dtype.kind == "M" else np.array([v is None for v in values.tolist()])
    if missing.any():
        raise NotFinite(f"{int(missing.sum()):,} rows have no {name}", remedy="drop these rows")
    levels, codes = np.unique(values.astype(str) if values.dtype == object else values, return_inverse=True)
    if len(levels) < 2:
        raise ConstantColumn(f"{name} has one value in all rows", remedy="name another column as index=")
    return codes.astype(np.float64)


def _edges(graph: Any, names: tuple[str, ...], provenance: str) -> list[Edge]:
    called = {node.get_name(): name for node, name in zip(graph.get_nodes(), names, strict=True)}
    return _renamed_edges(graph, called, provenance)


def _renamed_edges(graph: Any, called: Mapping[str, str], provenance: str) -> list[Edge]:
    """The edges of one of causal-learn's graphs, with its marks."""
    edges = []
    for edge in graph.get_graph_edges():
        ends = called[edge.get_node1().get_name()], called[edge.get_node2().get_name()]
        marks = edge.get_endpoint1().name.lower(), edge.get_endpoint2().name.lower()
        edges.append(Edge(*ends, *marks, None, provenance))
    return edges
