"""How far an effect that can't be told can be: bounds by linear programmes over response types.

Balke, Pearl (1997, doi:10.1080/01621459.1997.10474074) for instruments, generalised to graphs in which one set of
nodes that hidden causes tie together carries all that is not identified (Sachs, Jonzon, Sjölander, Gabriel 2023,
doi:10.1080/10618600.2022.2071905; Duarte et al. 2023, doi:10.1080/01621459.2023.2216909).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np

from dorec.domain.errors import ContradictsGraph, InputError, NoOverlap, NotIdentifiable, TooLarge
from dorec.domain.expression import Expression, Joint, as_joint
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.regime import Regime
from dorec.identify.id_algorithm import Set
from dorec.identify.response_types import ResponseTypes
from dorec.identify.separation import Names
from dorec.identify.separators import districts
from dorec.identify.surrogate_experiments import Sources, Thicket
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.linear_programme import Infeasible, smallest_and_largest

MAX_TYPES = 1 << 18
TOLERANCE = 1e-7


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The smallest and the largest value that an effect can have, given the joint distribution and the graph.

    Example:
        >>> free = Bounds(query=CausalQuery("x", "y"), lower=np.zeros((2, 2)), upper=np.ones((2, 2)))
        >>> free.width.tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """

    query: CausalQuery
    lower: FloatArray  # a dimension for each outcome, then for each treatment; of a contrast, for each outcome
    upper: FloatArray
    sharp: bool = True  # whether a model of the graph attains each bound
    n_types: int = 0  # response types of the nodes in `tied`
    tied: tuple[str, ...] = ()  # the nodes that hidden causes hold together
    assumptions: tuple[str, ...] = ()

    @property
    def width(self) -> FloatArray:
        """How much is left open."""
        return self.upper - self.lower


def bounds(
    graph: CausalGraph,
    query: CausalQuery,
    joint: Joint | Mapping[str, object],
    unobserved: Names = (),
    *,
    max_types: int = MAX_TYPES,
) -> Bounds:
    """The range of P(outcomes | do(treatments)) over all models of the graph that fit a discrete joint distribution.

    Args:
        graph: directed and bidirected edges.
        query: treatments and outcomes. With `contrast=(reference, treated)`, indices of levels of the one treatment,
            the bounds are those of the difference between the two arms, which are tighter than a difference of bounds.
        joint: of all measured nodes.
        unobserved: nodes of the graph that were not measured.
        max_types: how many response types the programme may have.

    Raises:
        NotIdentifiable: the bounds are no linear programme: two separately confounded sets carry the effect.
        TooLarge: there are more response types than allowed; the evidence has their number.
        ContradictsGraph: no model of the graph has this joint (an instrument's inequality is violated, say).
        NoOverlap: a level that the effect needs has probability 0.
        InputError: the joint lacks a measured node, or the query has conditions.

    Example:
        >>> bow = CausalGraph.from_edges("xy", directed=[("x", "y")], bidirected=[("x", "y")])
        >>> found = bounds(bow, CausalQuery("x", "y"), Joint(("x", "y"), np.array([[0.4, 0.1], [0.2, 0.3]])))
        >>> found.lower[1].round(2).tolist(), found.upper[1].round(2).tolist()  # P(y=1 | do(x)), no assumptions
        ([0.1, 0.3], [0.6, 0.8])
    """
    observed = as_joint(joint)
    sources = Sources.of(graph, (), unobserved)
    _check(sources.graph, query, observed)
    problem = _Problem.of(sources, query, observed)
    if problem.types.size > max_types:  # effects of the outcomes tell little more, and cost types
        smaller = Sources.of(sources.graph.subgraph(sources.graph.ancestors(query.outcomes) | {*query.treatments}), ())
        problem = _Problem.of(smaller, query, observed, whole=False)
    if problem.types.size > max_types:
        raise TooLarge(
            f"{', '.join(problem.types.nodes)} have {problem.types.size:,} response types; the limit is {max_types:,}",
            remedy="merge levels, leave out nodes, or raise max_types",
            evidence={"types": problem.types.size, "limit": max_types, "nodes": list(problem.types.nodes)},
        )
    return problem.solve()


@dataclass(frozen=True, eq=False)
class _Problem:
    """One set of tied nodes whose response types are unknown; all else is identified."""

    sources: Sources
    query: CausalQuery
    levels: dict[str, int]
    types: ResponseTypes
    known: tuple[tuple[tuple[str, ...], FloatArray], ...]  # c-factors of what else the effect needs
    observed: tuple[tuple[str, ...], FloatArray]  # c-factor of the tied nodes
    needed: Set
    whole: bool

    @classmethod
    def of(cls, sources: Sources, query: CausalQuery, joint: Joint, *, whole: bool = True) -> "_Problem":
        graph = sources.graph
        levels = dict(zip(joint.variables, joint.table.shape, strict=True))
        needed = graph.subgraph(frozenset(graph.nodes) - {*query.treatments}).ancestors(query.outcomes)
        parts = {part: _c_factor(sources, part) for part in districts(graph.subgraph(needed))}
        unknown = [part for part, expression in parts.items() if expression is None]
        tied = [d for d in districts(graph) if any(part <= d for part in unknown)]
        if len(tied) > 1:
            sets = " and ".join(f"{{{', '.join(sorted(d))}}}" for d in tied)
            raise NotIdentifiable(
                f"the bounds of {query} are no linear programme: {sets} are confounded separately and both carry it",
                remedy="measure a hidden cause in one of them, or randomise a node of one",
                evidence={"tied": [sorted(d) for d in tied]},
            )
        inside = tied[0] if tied else frozenset[str]()
        known = tuple(
            _table(graph, part, e, joint) for part, e in parts.items() if e is not None and not part <= inside
        )
        observed = _table(graph, inside, sources.c_factor(inside), joint) if inside else ((), np.ones(()))
        return cls(sources, query, levels, ResponseTypes.of(graph, inside, levels), known, observed, needed, whole)

    def solve(self) -> Bounds:
        objective = self._objective()  # (outcome cells, treatment cells, n_types)
        rows, right, complete = self._constraints()
        shape = [self.levels[y] for y in self.query.outcomes]
        if self.query.contrast is None:
            shape += [self.levels[x] for x in self.query.treatments]
        else:
            reference, treated = self.query.contrast
            objective = (objective[:, treated] - objective[:, reference])[:, None]
        try:
            found = smallest_and_largest(objective.reshape(-1, objective.shape[-1]), rows, right)
        except Infeasible as error:
            raise ContradictsGraph(
                f"no model of the graph has this joint distribution of {', '.join(sorted(self.observed[0]))}",
                remedy="correct the graph (an arrow or a hidden cause is missing), or take a joint that fits it",
                evidence={"nodes": sorted(self.observed[0])},
            ) from error
        tied = self.types.nodes
        pairs = {frozenset(pair) for pair in self.sources.graph.bidirected}
        clique = all(frozenset(pair) in pairs for pair in combinations(tied, 2))
        return Bounds(
            query=self.query,
            lower=found[:, 0].reshape(shape),
            upper=found[:, 1].reshape(shape),
            sharp=clique and complete and self.whole,
            n_types=self.types.size if tied else 0,
            tied=tied,
            assumptions=(
                "the graph is right: no arrow and no hidden common cause is missing from it",
                "the joint distribution is known, without error of sampling",
            ),
        )

    def _objective(self) -> FloatArray:
        """P(outcomes | do(treatments)) of each type, averaged over what else is known."""
        query, types = self.query, self.types
        outer = [n for n in self.sources.graph.topological_order() if n in self.needed and n not in types.nodes]
        inner = [n for n in types.nodes if n in self.needed]
        cells = [self.levels[y] for y in query.outcomes]
        arms = [self.levels[x] for x in query.treatments]
        total = np.zeros((int(np.prod(cells)), int(np.prod(arms)), types.size))
        everyone = np.arange(types.size)
        for arm, setting in enumerate(np.ndindex(*arms)):
            for values in np.ndindex(*(self.levels[n] for n in outer)):
                at: dict[str, int | IntArray] = {
                    **dict(zip(query.treatments, setting, strict=True)),
                    **dict(zip(outer, values, strict=True)),
                }
                for node in inner:
                    at[node] = types.respond(node, at)
                weight = np.ones(types.size)
                for names, table in self.known:
                    weight = weight * table[tuple(at[n] for n in names)]
                cell = reduce(lambda c, y: c * self.levels[y] + at[y], query.outcomes, np.zeros(types.size, dtype=int))
                total[cell, arm, everyone] += weight
        return total

    def _constraints(self) -> tuple[IntArray, FloatArray, bool]:
        """Which row each type falls in under each level of the outer parents, the rows' sums, and whether all are told.

        Returns:
            (n_settings, n_types) rows; (n_rows,) probabilities; whether every setting occurs.
        """
        types = self.types
        names, table = self.observed
        outer = [n for n in names if n not in types.nodes]
        table = np.transpose(table, [names.index(n) for n in (*outer, *types.nodes)])
        settings = list(np.ndindex(*(self.levels[n] for n in outer)))
        cells = table.reshape(len(settings), -1)
        occurs = np.abs(cells.sum(axis=1) - 1.0) < TOLERANCE
        rows: list[IntArray] = []
        for values in [v for v, there in zip(settings, occurs, strict=True) if there]:
            at: dict[str, int | IntArray] = dict(zip(outer, values, strict=True))
            for node in types.nodes:
                at[node] = types.respond(node, at)
            place = np.zeros(types.size, dtype=np.int64)
            for node in types.nodes:
                place = place * self.levels[node] + at[node]
            rows.append(place + len(rows) * cells.shape[1])
        if not rows:
            return np.zeros((1, types.size), dtype=np.int64), np.ones(1), False
        return np.array(rows), cells[occurs].ravel(), bool(occurs.all())


def _c_factor(sources: Sources, part: Set) -> Expression | None:
    try:
        return sources.c_factor(part)
    except Thicket:
        return None


def _table(graph: CausalGraph, part: Set, expression: Expression, joint: Joint) -> tuple[tuple[str, ...], FloatArray]:
    """A c-factor as numbers over the part and its parents."""
    wanted = tuple(n for n in graph.topological_order() if n in part.union(*(graph.parents(v) for v in part)))
    names, array = expression.values({Regime(): joint})
    for free in [n for n in names if n not in wanted]:
        array = np.take(array, 0, axis=names.index(free))
        names = tuple(n for n in names if n != free)
    levels = dict(zip(joint.variables, joint.table.shape, strict=True))
    moved = np.transpose(array, [names.index(n) for n in wanted if n in names])
    shaped = moved.reshape([levels[n] if n in names else 1 for n in wanted])
    return wanted, np.broadcast_to(shaped, [levels[n] for n in wanted])


def _check(graph: CausalGraph, query: CausalQuery, joint: Joint) -> None:
    if query.conditions:
        raise InputError(f"{query} has conditions; bounds are for everyone. Ask within each level, on its joint.")
    missing = [n for n in graph.nodes if n not in joint.variables]
    if missing:
        raise InputError(f"The joint lacks {', '.join(missing)}, measured in the graph. Name what is not `unobserved`.")
    levels = query.contrast or ()
    if levels and (len(query.treatments) != 1 or not all(isinstance(k, int) for k in levels)):
        raise InputError("A contrast is a pair of indices of levels of one treatment, as in contrast=(0, 1).")
    n_levels = joint.table.shape[joint.variables.index(query.treatments[0])]
    if any(not 0 <= k < n_levels for k in levels):
        raise InputError(f"contrast is {levels}; {query.treatments[0]} has levels 0 to {n_levels - 1} in the joint.")
    for name in query.treatments:
        if not joint.marginal((name,)).all():
            raise NoOverlap(f"{name} never takes one of its levels", remedy="drop that level from the joint")
