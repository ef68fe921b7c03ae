"""The PC algorithm."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np

from dorec.discover.allowed import allowed_edges
from dorec.discover.columns import Missing
from dorec.discover.independence import IndependenceTest, TestName, independence_test
from dorec.discover.orientation import (
    PartlyDirected,
    meek,
    orient_by_knowledge,
    orient_colliders,
    unshielded,
    unshielded_colliders,
)
from dorec.discover.pattern import as_graph
from dorec.discover.skeleton import Places, Skeleton, Triple, stable_skeleton
from dorec.discover.votes import count_votes
from dorec.domain.errors import ConfigError, InputError, did_you_mean
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext

ColliderRule = Literal["strongest", "first"]
Orientation = Literal["stable", "conservative", "majority"]
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

    With `orientation="conservative"` (Ramsey, Zhang, Spirtes 2006) x and z are tested given every set of neighbours of
    either in the final skeleton: y is a collider if it is in none of the sets that separate them, none if it is in all.
    With `"majority"` (Colombo, Maathuis 2014) it goes by more than half of the sets. Triples that stay ambiguous are
    oriented neither way, no rule builds on them, and the provenance of their edges names them.

    Knowledge is never violated: an edge points forward in the tiers or within one, required edges are there whatever
    the tests say, and variables from the future of x are not conditioned on among the neighbours of x.

    Each edge's `confidence` is 1 - the largest p-value of its tests: how clearly the least clear of them spoke for it.

    Memory: 8 bytes x n x d for the table, then 40 bytes x d² (fisher_z) or 4 bytes x n x d (chi_square, g_square).

    Args:
        alpha: two variables are independent where the p-value is above it.
        test: "fisher_z" (numbers, linear relations), "rcot" (numbers, any relation), "chi_square" or "g_square"
            (discrete columns), "degenerate_gaussian" or "conditional_gaussian" (both kinds side by side).
        max_condition: the largest conditioning set; None for as far as the graph goes.
        colliders: which of two colliders that disagree wins.
        orientation: what decides whether an unshielded triple is a collider.
        missing: "refuse", or "test_wise": each test takes the rows that know all its variables. The provenance of the
            edges then says the least and the median n of the tests.

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
    orientation: Orientation = "stable"
    missing: Missing = "refuse"

    def __post_init__(self) -> None:
        check_settings(
            self, {"test": TestName, "colliders": ColliderRule, "orientation": Orientation, "missing": Missing}
        )

    def discover(
        self, table: Any, knowledge: Knowledge | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> CausalGraph:
        """The CPDAG on the table's columns.

        Args:
            table: any frame, all of whose columns become nodes.
            knowledge: tiers, required and forbidden edges; priors are not used.
            context: progress, and the seed of rcot's random features; PC draws no other random numbers.

        Raises:
            InputError: text columns for fisher_z or rcot, too many levels for the others, knowledge that names
                strangers or allows no acyclic graph.
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
        ambiguous: list[Triple] = []
        if self.orientation == "stable":
            triples = unshielded_colliders(skeleton, graph)
        else:
            found = unshielded(skeleton, graph)
            votes = count_votes(test, skeleton, found, may_cause, self.max_condition, context)
            triples, ambiguous = votes.split(found, self.orientation)
        if self.colliders == "strongest":
            triples = _strongest_first(triples, skeleton, names)
        orient_colliders(graph, triples)
        meek(graph, edges if self.colliders == "strongest" else sorted(edges), ambiguous)
        said = "" if self.orientation == "stable" else f" {self.orientation}"
        provenance = f"PC {self.test} alpha={self.alpha:g}{said}{skeleton.sample()}"
        return _saying(as_graph(graph, names, 1.0 - skeleton.p_value, required, provenance), ambiguous)


def check_settings(learner: Any, choices: Mapping[str, Any]) -> None:
    """Refuse an alpha, a choice or a bound (a field called max_*) of a search that is out of its range."""
    if not 0 < learner.alpha < 1:
        raise ConfigError(f"alpha is {learner.alpha}; give a level strictly between 0 and 1, as 0.05.")
    for name, kind in choices.items():
        got, allowed = getattr(learner, name), get_args(kind)
        if got not in allowed:
            raise ConfigError(f"{name} is {got!r}; allowed: {', '.join(allowed)}.{did_you_mean(str(got), allowed)}")
    for name in (field.name for field in fields(learner) if field.name.startswith("max_")):
        bound = getattr(learner, name)
        if bound is not None and bound < 0:
            raise ConfigError(f"{name} is {bound}; give 0 or more, or None for no bound.")


def _saying(graph: CausalGraph, ambiguous: list[Triple]) -> CausalGraph:
    """The graph, with ambiguous triples in the provenance of their edges."""
    if not ambiguous:
        return graph
    notes: dict[frozenset[str], list[str]] = {}
    for triple in ambiguous:
        x, y, z = (graph.nodes[i] for i in triple)
        for end in (x, z):
            notes.setdefault(frozenset((end, y)), []).append(f"{min(x, z)} - {y} - {max(x, z)}")
    edges = [
        replace(e, provenance=f"{e.provenance}; ambiguous: {', '.join(sorted(said))}")
        if (said := notes.get(frozenset((e.a, e.b))))
        else e
        for e in graph.edges
    ]
    return CausalGraph(graph.nodes, tuple(edges))


def _edges_in_order(skeleton: Skeleton, names: tuple[str, ...]) -> list[Places]:
    """Edges (i, j), clearest first and then by name, so that the columns' order does not matter."""
    pairs = np.argwhere(np.triu(skeleton.adjacent, k=1)).tolist()
    by_name = [(i, j) if names[i] < names[j] else (j, i) for i, j in pairs]
    return sorted(by_name, key=lambda e: (-round(float(skeleton.dependence[e]), 9), names[e[0]], names[e[1]]))


def _strongest_first(triples: list[Triple], skeleton: Skeleton, names: tuple[str, ...]) -> list[Triple]:
    def key(triple: Triple) -> tuple[float, float, float, str, str, str]:
        """Clearest first: by how independent the ends are, then by the edges; names settle only what is equal."""
        x, y, z = triple
        weaker, stronger = sorted(round(float(skeleton.dependence[end, y]), 9) for end in (x, z))
        first, last = sorted((names[x], names[z]))
        return (-round(float(skeleton.p_value[x, z]), 12), -weaker, -stronger, names[y], first, last)

    return sorted(triples, key=key)
