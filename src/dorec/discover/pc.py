"""The PC algorithm."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from dorec.discover.allowed import allowed_edges
from dorec.discover.independence import IndependenceTest, TestName, independence_test
from dorec.discover.orientation import (
    PartlyDirected,
    meek,
    orient_by_knowledge,
    orient_colliders,
    unshielded_colliders,
)
from dorec.discover.pattern import as_graph
from dorec.discover.skeleton import Places, Skeleton, Triple, stable_skeleton
from dorec.domain.errors import ConfigError, InputError, did_you_mean
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext

ColliderRule = Literal["strongest", "first"]
DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True)
class PC:
    """The equivalence class of DAGs (a CPDAG) that the independences in a table support.

    PC-stable (Spirtes, Glymour, Scheines 2000; Colombo, Maathuis 2014): the skeleton from tests of conditional
    independence, then colliders, then Meek's rules. It assumes that no common cause is hidden, that the sample was not
    selected by what is measured, and that every independence comes from the graph.

    The graph does not depend on the order of rows or columns. A triple x - y - z is a collider if y is in none of the
    sets that separate x and z at the level that removed the pair. Where two colliders disagree over an edge, the one
    whose ends are more clearly independent wins (`colliders="strongest"`); `"first"` takes them in the order of the
    columns, as other programs do. Of colliders that would close a directed cycle, the later one is left out.

    Knowledge is never violated: an edge points forward in the tiers or within one, required edges are there whatever
    the tests say, and variables from the future of x are not conditioned on among the neighbours of x.

    Each edge's `confidence` is 1 - the largest p-value of its tests: how clearly the least clear of them spoke for it.

    Memory: 8 bytes x n x d for the table, then 40 bytes x d² (fisher_z) or 4 bytes x n x d (chi_square, g_square).

    Args:
        alpha: two variables are independent where the p-value is above it.
        test: "fisher_z" (numbers), "chi_square" or "g_square" (discrete columns).
        max_condition: the largest conditioning set; None for as far as the graph goes.
        colliders: which of two colliders that disagree wins.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(2, 1000))
        >>> c = a + b + rng.normal(size=1000)
        >>> graph = PC(alpha=0.01).discover({"a": a, "b": b, "c": c, "d": c + rng.normal(size=1000)})
        >>> graph.directed
        (('a', 'c'), ('b', 'c'), ('c', 'd'))
    """

    alpha: float = 0.05
    test: TestName = "fisher_z"
    max_condition: int | None = None
    colliders: ColliderRule = "strongest"

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ConfigError(f"alpha is {self.alpha}; give a level strictly between 0 and 1, as 0.05.")
        for name, allowed in (("test", get_args(TestName)), ("colliders", get_args(ColliderRule))):
            got = getattr(self, name)
            if got not in allowed:
                raise ConfigError(f"{name} is {got!r}; allowed: {', '.join(allowed)}.{did_you_mean(str(got), allowed)}")
        if self.max_condition is not None and self.max_condition < 0:
            raise ConfigError(f"max_condition is {self.max_condition}; give 0 or more, or None for no bound.")

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The CPDAG on the table's columns.

        Args:
            table: any frame, all of whose columns become nodes.
            knowledge: tiers, required and forbidden edges; priors are not used.
            context: progress; PC draws no random numbers.

        Raises:
            InputError: text columns for fisher_z, too many levels for the others, knowledge that names strangers or
                allows no acyclic graph.
            NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be tested; each is named.
        """
        names, test = independence_test(table, self.test, self.alpha)
        return self.search(names, test, knowledge, context)

    def search(
        self,
        names: tuple[str, ...],
        test: IndependenceTest,
        knowledge: Knowledge | None = None,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> CausalGraph:
        """The CPDAG from the answers of any test of independence, as one on statistics that a database summed.

        Example:
            >>> from dorec.discover.independence import FisherZ
            >>> chain = np.array([[1.0, 0.6, 0.36], [0.6, 1.0, 0.6], [0.36, 0.6, 1.0]])
            >>> PC().search(("a", "b", "c"), FisherZ(chain, n=1000, alpha=0.05)).undirected
            (('a', 'b'), ('b', 'c'))
        """
        known = knowledge or Knowledge()
        known.check_nodes(names)
        may_cause, required = allowed_edges(known, names)
        skeleton = stable_skeleton(test, may_cause, required | required.T, self.max_condition, context)
        graph = PartlyDirected.of(skeleton.adjacent, may_cause)
        edges = _edges_in_order(skeleton, names)
        cycle = orient_by_knowledge(graph, edges)
        if cycle:
            raise InputError(
                f"Knowledge forces the cycle {' -> '.join(names[i] for i in cycle)} on edges that the data have; "
                "drop one of the forbidden or required edges along it."
            )
        triples = unshielded_colliders(skeleton, graph)
        if self.colliders == "strongest":
            triples = _strongest_first(triples, skeleton, names)
        orient_colliders(graph, triples)
        meek(graph, edges if self.colliders == "strongest" else sorted(edges))
        provenance = f"PC {self.test} alpha={self.alpha:g}"
        return as_graph(graph, names, 1.0 - skeleton.p_value, required, provenance)


def _edges_in_order(skeleton: Skeleton, names: tuple[str, ...]) -> list[Places]:
    """Edges (i, j), clearest first and then by name, so that the columns' order does not matter."""
    pairs = np.argwhere(np.triu(skeleton.adjacent, k=1)).tolist()
    by_name = [(i, j) if names[i] < names[j] else (j, i) for i, j in pairs]
    return sorted(by_name, key=lambda e: (-round(float(skeleton.dependence[e]), 9), names[e[0]], names[e[1]]))


def _strongest_first(triples: list[Triple], skeleton: Skeleton, names: tuple[str, ...]) -> list[Triple]:
    def key(triple: Triple) -> tuple[float, str, str, str]:
        x, y, z = triple
        return (-round(float(skeleton.p_value[x, z]), 12), names[y], *sorted((names[x], names[z])))  # type: ignore[return-value]

    return sorted(triples, key=key)
