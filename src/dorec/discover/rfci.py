"""The RFCI algorithm."""

from dataclasses import dataclass
from typing import Any

from dorec.discover.columns import Missing
from dorec.discover.fci import as_ancestral_graph, mark_by_knowledge, tiers_and_required
from dorec.discover.independence import IndependenceTest, TestName, independence_test
from dorec.discover.pag import (
    PartialAncestral,
    rule_1,
    rule_2,
    rule_3,
    rule_4,
    rule_5,
    rule_6,
    rule_7,
    rule_8,
    rule_9_and_10,
)
from dorec.discover.pc import check_settings
from dorec.discover.separating import Separation
from dorec.discover.skeleton import stable_skeleton
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class RFCI:
    """A partial ancestral graph as FCI's, for tables too wide for FCI: no search in Possible-D-SEP.

    RFCI (Colombo, Maathuis, Kalisch, Richardson 2012, arXiv:1104.5617): PC's skeleton; before a triple or a
    discriminating path is used, its edges are tested given the set that separates its ends. Marks mean what they mean
    in FCI's graph: an arrowhead at b on a - b, that b is no cause of a; a tail at a, that a is a cause of b (or of what
    the sample was selected by). An edge means less: some pairs that FCI would find separated given a set of distant
    variables stay adjacent.

    The graph does not depend on the order of rows or columns: edges that tests remove go together, and of the smallest
    sets that separate a pair the one with the largest p-value counts. Knowledge is respected as by FCI.

    Each edge's `confidence` is 1 - the largest p-value of its tests.

    Args:
        alpha: two variables are independent where the p-value is above it.
        test: as for `PC`.
        max_condition: the largest conditioning set; None for as far as the graph goes.
        missing: "refuse", or "test_wise": each test takes the rows that know all its variables.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> z, w, hidden = rng.normal(size=(3, 2000))
        >>> x = z + hidden + rng.normal(size=2000)
        >>> y = w + hidden + rng.normal(size=2000)
        >>> graph = RFCI(alpha=0.01).discover({"z": z, "x": x, "y": y, "w": w})
        >>> [str(edge) for edge in graph.edges]
        ['w o-> y', 'x <-> y', 'z o-> x']
    """

    alpha: float = 0.05
    test: TestName = "fisher_z"
    max_condition: int | None = None
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
        """The PAG from the answers of any test of independence.

        Example:
            >>> import numpy as np
            >>> from dorec.discover.independence import FisherZ
            >>> collider = np.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.6, 0.6, 1.0]])
            >>> graph = RFCI().search(("a", "b", "c"), FisherZ(collider, n=1000, alpha=0.05))
            >>> [str(edge) for edge in graph.edges]
            ['a o-> c', 'b o-> c']
        """
        known = knowledge or Knowledge()
        known.check_nodes(names)
        usable, required = tiers_and_required(known, names)
        skeleton = stable_skeleton(test, usable, required, self.max_condition, context)
        apart = Separation.of(skeleton, test, names, required)
        graph = PartialAncestral.of(skeleton)
        mark_by_knowledge(graph, known, names)
        changed = True
        while changed:
            apart.check_triples(graph)
            graph.orient_colliders(apart.skeleton())
            changed = _orient(graph, apart)
        said = f"RFCI {self.test} alpha={self.alpha:g}{skeleton.sample()}"
        return as_ancestral_graph(graph, apart.skeleton(), names, required, said)


def _orient(graph: PartialAncestral, apart: Separation) -> bool:
    """R1-R10 until none applies, or until a test of a discriminating path removes an edge: whether one did."""
    skeleton = apart.skeleton()
    changed = True
    while changed:
        while graph.mark([*rule_1(graph), *rule_2(graph), *rule_3(graph)]):
            pass
        if apart.check_paths(graph):
            return True
        changed = graph.mark(rule_4(graph, skeleton))
        changed = graph.mark(rule_5(graph)) or changed
        changed = graph.mark([*rule_6(graph), *rule_7(graph)]) or changed
        changed = graph.mark([*rule_8(graph), *rule_9_and_10(graph)]) or changed
    return False
