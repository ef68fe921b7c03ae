"""The FCI algorithm."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.discover.columns import Missing
from dorec.discover.independence import IndependenceTest, TestName, independence_test
from dorec.discover.pag import PartialAncestral, orient_ancestral
from dorec.discover.pc import check_settings
from dorec.discover.possible_d_sep import possible_d_sep, separate_by_possible_d_sep
from dorec.discover.skeleton import Skeleton, stable_skeleton
from dorec.domain.graph import CausalGraph, Edge, Mark
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.ancestral_rules import ARROW, CIRCLE, TAIL
from dorec.numeric.arrays import BoolArray

DEFAULT_CONTEXT = RunContext(seed=0)
_MARKS: dict[int, Mark] = {CIRCLE: "circle", ARROW: "arrow", TAIL: "tail"}


@dataclass(frozen=True)
class FCI:
    """What the independences in a table say about causes when common causes may be hidden: a partial ancestral graph.

    FCI (Spirtes, Glymour, Scheines 2000) in its order-independent form (Colombo, Maathuis 2014), with the complete
    orientation rules R0-R10 (Zhang 2008, doi:10.1016/j.artint.2008.08.001): PC's skeleton, further tests given subsets
    of Possible-D-SEP, then marks. In the graph, an arrowhead at b on a - b says that b is no cause of a, a tail at a
    that a is a cause of b (or of what the sample was selected by), a circle that the independences leave both open.
    So `a --> b` is a cause, `a <-> b` a hidden common cause and no effect either way, `a o-> b` one or the other.

    The graph does not depend on the order or names of the columns, nor on the order of the rows: each round applies all
    that the rules say of the graph as it was. Where samples contradict themselves, a mark that is there stays, an
    arrowhead wins over a tail, and tails that would close a directed cycle are left as circles.

    Knowledge is never violated. Tiers and forbidden edges b -> a say that b is no cause of a, so the edge, if there is
    one, has an arrowhead at b; a pair forbidden both ways may still have a hidden common cause. Required edges are
    there, and directed. Nothing from a later tier than both of a pair is conditioned on. Arrowheads from tiers assume
    that the sample was not selected by what comes later.

    Each edge's `confidence` is 1 - the largest p-value of its tests.

    Possible-D-SEP may be most of the table, and its subsets without number: `max_possible_d_sep` bounds those that are
    tried. Without a bound the answer is complete; with one, an edge may stay that a larger set would have removed.

    Args:
        alpha: two variables are independent where the p-value is above it.
        test: as for `PC`.
        max_condition: the largest conditioning set; None for as far as the graph goes.
        max_possible_d_sep: the largest set from Possible-D-SEP; None for no bound but `max_condition`, 0 for no such
            tests.
        missing: "refuse", or "test_wise": each test takes the rows that know all its variables.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z, w, hidden = rng.normal(size=(3, 2000))
        >>> x = z + hidden + rng.normal(size=2000)
        >>> y = w + hidden + rng.normal(size=2000)
        >>> graph = FCI(alpha=0.01).discover({"z": z, "x": x, "y": y, "w": w})
        >>> [str(edge) for edge in graph.edges]
        ['w o-> y', 'x <-> y', 'z o-> x']
    """

    alpha: float = 0.05
    test: TestName = "fisher_z"
    max_condition: int | None = None
    max_possible_d_sep: int | None = 3
    missing: Missing = "refuse"

    def __post_init__(self) -> None:
        check_settings(self, {"test": TestName, "missing": Missing})

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The PAG on the table's columns.

        Args:
            table: any frame, all of whose columns become nodes.
            knowledge: tiers, required and forbidden edges; priors are not used.
            context: progress, and the seed of rcot's random features.

        Raises:
            InputError: text columns for fisher_z or rcot, too many levels for the others, knowledge that names
                strangers.
            NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be tested; each is named.
        """
        names, test = independence_test(table, self.test, self.alpha, self.missing, context)
        return self.search(names, test, knowledge, context)

    def search(
        self,
        names: tuple[str, ...],
        test: IndependenceTest,
        knowledge: Knowledge | None = None,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> CausalGraph:
        """The PAG from the answers of any test of independence, as one on statistics that a database summed.

        Example:
            >>> from dorec.discover.independence import FisherZ
            >>> collider = np.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.6, 0.6, 1.0]])
            >>> graph = FCI().search(("a", "b", "c"), FisherZ(collider, n=1000, alpha=0.05))
            >>> [str(edge) for edge in graph.edges]
            ['a o-> c', 'b o-> c']
        """
        known = knowledge or Knowledge()
        known.check_nodes(names)
        usable, required = tiers_and_required(known, names)
        skeleton = stable_skeleton(test, usable, required, self.max_condition, context)
        start = PartialAncestral.of(skeleton)
        start.orient_colliders(skeleton)
        pool = possible_d_sep(start.marks == ARROW, skeleton.adjacent)
        bounds = [b for b in (self.max_condition, self.max_possible_d_sep) if b is not None]
        largest = min(bounds, default=None)
        skeleton = separate_by_possible_d_sep(skeleton, pool & usable, test, required, largest, context)
        graph = PartialAncestral.of(skeleton)
        mark_by_knowledge(graph, known, names)
        graph.orient_colliders(skeleton)
        orient_ancestral(graph, skeleton)
        said = f"FCI {self.test} alpha={self.alpha:g}{skeleton.sample()}"
        return as_ancestral_graph(graph, skeleton, names, required, said)


def tiers_and_required(knowledge: Knowledge, names: tuple[str, ...]) -> tuple[BoolArray, BoolArray]:
    """Whether i is in no later tier than j, and whether the pair is required, (d, d) each."""
    place = {name: i for i, name in enumerate(names)}
    tier = np.array([np.nan if (t := knowledge.tier(name)) is None else float(t) for name in names])
    usable: BoolArray = ~(tier[:, None] > tier[None, :])
    required = np.zeros((len(names), len(names)), dtype=bool)
    for a, b in knowledge.required:
        required[place[a], place[b]] = required[place[b], place[a]] = True
    return usable, required


def mark_by_knowledge(graph: PartialAncestral, knowledge: Knowledge, names: tuple[str, ...]) -> None:
    """Arrowheads where knowledge forbids a cause, tails where it requires one."""
    for i, j in np.argwhere(graph.adjacent).tolist():
        if knowledge.forbids(names[j], names[i]):
            graph.marks[i, j] = ARROW
        if knowledge.requires(names[j], names[i]):
            graph.marks[i, j] = TAIL


def as_ancestral_graph(
    graph: PartialAncestral, skeleton: Skeleton, names: tuple[str, ...], required: BoolArray, provenance: str
) -> CausalGraph:
    """The causal graph with these marks; the confidence of an edge is 1 - the largest p-value of its tests."""
    edges = []
    for i, j in np.argwhere(np.triu(graph.adjacent)).tolist():
        at_i, at_j = _MARKS[int(graph.marks[j, i])], _MARKS[int(graph.marks[i, j])]
        source = "required by knowledge" if required[i, j] else provenance
        edges.append(Edge(names[i], names[j], at_i, at_j, float(1.0 - skeleton.p_value[i, j]), source))
    return CausalGraph(names, tuple(edges))
