"""Effects from several sources: observation, experiments on other nodes, selected units, other populations.

The pieces of an effect (its c-factors) are each taken from a source that has their mechanisms. For experiments this
is g-identification (Lee, Correa, Bareinboim 2019, proceedings.mlr.press/v115/lee20b.html), which with every subset of
the surrogates as a source is z-identification (Bareinboim, Pearl 2012, arXiv:1210.4842); with margins it is Lee and
Shpitser (2020), with other populations gTR (Lee, Correa, Bareinboim 2020, AAAI), with selected units the recovery of
c-factors (Bareinboim, Tian 2015, AAAI).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from dorec.domain.errors import InputError, NotIdentifiable
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Expression, Fraction, regimes_of
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.regime import OBSERVED, Regime
from dorec.domain.simplification import simplified
from dorec.identify.id_algorithm import Distribution, Hedge, Set, identify_c_factor, product_of, sum_over
from dorec.identify.projection import latent_projection
from dorec.identify.separation import Names, as_names, is_d_separated, needs_directions
from dorec.identify.separators import districts

Experiment = Regime | str | Iterable[str]


class Thicket(Exception):
    """Why no source has a piece: internal, the functions that identify turn it into NotIdentifiable."""

    def __init__(self, part: Set, reasons: Sequence[str]) -> None:
        super().__init__(f"{sorted(part)}: {'; '.join(reasons)}")
        self.part = part
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class Sources:
    """A graph over what can be measured, and the distributions that were."""

    graph: CausalGraph  # directed and bidirected edges over the measured nodes
    whole: CausalGraph  # the same with the nodes that say who was selected
    regimes: tuple[Regime, ...]

    @classmethod
    def of(
        cls, graph: CausalGraph, experiments: Iterable[Experiment], unobserved: Names = (), *, observed: bool = True
    ) -> "Sources":
        """The sources, those closest to plain observation first.

        Raises:
            ColumnNotFound: an experiment names a node that the graph lacks.
            InputError: the measured nodes of a source leave out causes of them.
        """
        needs_directions(graph)
        regimes = [one if isinstance(one, Regime) else Regime(do=one) for one in experiments]
        regimes = list(dict.fromkeys(([OBSERVED] if observed else []) + regimes))
        for regime in regimes:
            as_names(graph, [*regime.do, *regime.selected, *regime.differs, *(regime.measured or ())])
        selectors = frozenset(name for regime in regimes for name in regime.selected)
        whole = latent_projection(graph, as_names(graph, unobserved) - selectors)
        regimes.sort(key=lambda r: (bool(r.domain), bool(r.selected), len(r.do), str(r)))
        sources = cls(latent_projection(whole, selectors), whole, tuple(regimes))
        for regime in regimes:
            sources._measured(regime)
        return sources

    def c_factor(self, part: Set) -> Expression:
        """Q[part] from the first source that has it.

        Raises:
            Thicket: none has.
        """
        reasons = []
        for regime in self.regimes:
            why = self._lacks(part, regime)
            if why:
                reasons.append(f"{regime}: {why}")
                continue
            try:
                return identify_c_factor(self._distribution(part, regime), part)
            except Hedge as hedge:
                outer, inner = (", ".join(sorted(s)) for s in (hedge.outer, hedge.inner))
                reasons.append(f"{regime}: hidden common causes tie {{{inner}}} into {{{outer}}}")
        raise Thicket(part, reasons)

    def effect(self, outcomes: Set, treatments: Set) -> Expression:
        """P(outcomes | do(treatments)) as a sum over products of c-factors.

        Raises:
            Thicket: no source has one of them.
        """
        rest = self.graph.subgraph(frozenset(self.graph.nodes) - treatments)
        needed = rest.ancestors(outcomes)
        parts = districts(rest.subgraph(needed))
        over = tuple(n for n in self.graph.topological_order() if n in needed - outcomes)
        return sum_over(over, product_of([self.c_factor(part) for part in parts]))

    def conditional_effect(self, outcomes: Set, treatments: Set, conditions: Set) -> Expression:
        """P(outcomes | do(treatments), conditions).

        Raises:
            Thicket: no source has one of its c-factors.
        """
        for node in sorted(conditions):  # a condition that may as well have been set, as in IDC
            cut = self.graph.without_edges_into(treatments).without_edges_out_of({node})
            if is_d_separated(cut, outcomes, node, treatments | (conditions - {node})):
                return self.conditional_effect(outcomes, treatments | {node}, conditions - {node})
        joint = self.effect(outcomes | conditions, treatments)
        return Fraction(joint, sum_over(tuple(sorted(outcomes)), joint)) if conditions else joint

    def _lacks(self, part: Set, regime: Regime) -> str:
        """Why a source does not hold the mechanisms of these nodes; empty if it does."""
        if part & set(regime.do):
            return f"{', '.join(sorted(part & set(regime.do)))} was set"
        if part & set(regime.differs):
            return f"{', '.join(sorted(part & set(regime.differs)))} differs there"
        if regime.measured is not None and not part <= set(regime.measured):
            return f"{', '.join(sorted(part - set(regime.measured)))} was not measured there"
        frozen = sorted(part & self.moved_by_selection(regime))
        if frozen:
            return f"{', '.join(frozen)} answers to {', '.join(regime.selected)}, which has one value there"
        tied = self._district(part, regime) & self.selecting(regime) if regime.selected else frozenset()
        return f"units were selected by {', '.join(sorted(tied))}" if tied else ""

    def selecting(self, regime: Regime) -> Set:
        """What selection depends on: it and what shares a hidden cause with it, and their causes."""
        if not regime.selected:
            return frozenset()
        cut = self.whole.without_edges_into(regime.do)
        around = frozenset().union(*(d for d in districts(cut) if d & set(regime.selected)))
        return cut.ancestors(around) - frozenset(regime.selected) - frozenset(regime.do)

    def moved_by_selection(self, regime: Regime) -> Set:
        """Effects of the selecting nodes: among the selected their mechanism is that for one value of those."""
        return frozenset().union(*(self.whole.children(name) for name in regime.selected))

    def _district(self, part: Set, regime: Regime) -> Set:
        left = self.graph.subgraph(self._measured(regime))
        return frozenset().union(*(d for d in districts(left) if d & part))

    def _measured(self, regime: Regime) -> Set:
        nodes = frozenset(self.graph.nodes)
        if regime.measured is not None:
            kept = frozenset(regime.measured) & nodes
            cut = self.graph.without_edges_into(regime.do)
            missing = cut.ancestors(kept) - kept - set(regime.do)
            if missing:
                raise InputError(
                    f"The source {regime} measured {', '.join(sorted(kept))} without {', '.join(sorted(missing))}, "
                    "which are among the causes. Name those as measured too, or leave out their effects."
                )
            nodes = kept
        return nodes - frozenset(regime.do)

    def _distribution(self, part: Set, regime: Regime) -> Distribution:
        around = self.graph.subgraph(self._measured(regime))
        given = self.selecting(regime) & frozenset(around.nodes)
        context = tuple(n for n in around.topological_order() if n in given)
        mine = around.subgraph(frozenset(around.nodes) - given)
        return Distribution(mine, regime=regime, context=context, around=around)


def identify_from_experiments(
    graph: CausalGraph,
    query: CausalQuery,
    experiments: Iterable[Experiment],
    unobserved: Names = (),
    *,
    observed: bool = True,
) -> Estimand:
    """P(outcomes | do(treatments), conditions) from observation and from experiments on other nodes.

    Args:
        graph: directed and bidirected edges.
        query: treatments, outcomes and conditions.
        experiments: each the nodes that one experiment randomised, or a `Regime` (another population, selected
            units, some nodes measured only). An experiment on two nodes together says nothing of one alone:
            `every_subset` lists them all, as z-identification has them.
        unobserved: nodes of the graph that no source measured.
        observed: whether the population was observed as well.

    Raises:
        NotIdentifiable: no formula over these sources exists; the evidence names the piece, and what each source lacks.

    Example:
        >>> g = CausalGraph.from_edges("xzy", directed=[("x", "z"), ("z", "y")], bidirected=[("x", "z"), ("x", "y")])
        >>> print(identify_from_experiments(g, CausalQuery("x", "y"), ["x"]))
        P(y | do(x)) = P(y | do(x))
        >>> g = CausalGraph.from_edges("zxy", directed=[("z", "x"), ("x", "y")], bidirected=[("z", "x"), ("z", "y")])
        >>> print(identify_from_experiments(g, CausalQuery("x", "y"), ["z"], observed=False))
        P(y | do(x)) = P(y | do(z), x)
    """
    sources = Sources.of(graph, experiments, unobserved, observed=observed)
    y, x, c = (as_names(graph, names) for names in (query.outcomes, query.treatments, query.conditions))
    lost = sorted((y | x | c) - set(sources.graph.nodes))
    if lost:
        raise NotIdentifiable(
            f"{', '.join(lost)} was not measured, and {query} asks for it",
            remedy=f"measure {', '.join(lost)}, or a stand-in that the graph shows",
            evidence={"unobserved": lost},
        )
    try:
        expression = simplified(sources.conditional_effect(y, x, c))
    except Thicket as thicket:
        raise _refusal(query, thicket) from None
    return Estimand(
        query=query,
        strategy="experiments",
        expression=expression,
        assumptions=_assumptions(sources, expression),
    )


def every_subset(names: Names) -> list[Regime]:
    """The experiments of z-identification: one for each set of the surrogates.

    >>> [str(regime) for regime in every_subset(["z1", "z2"])]
    ['do(z1)', 'do(z2)', 'do(z1, z2)']
    """
    ordered = sorted({names} if isinstance(names, str) else set(names))
    return [Regime(do=z) for k in range(1, len(ordered) + 1) for z in combinations(ordered, k)]


def _assumptions(sources: Sources, expression: Expression) -> tuple[str, ...]:
    used = [regime for regime in sources.regimes if regime in regimes_of(expression)]
    words = ["the graph is right: no arrow and no hidden common cause is missing from it"]
    words += [f"in one source, {', '.join(r.do)} was set by chance and by nothing else" for r in used if r.do]
    words += [
        f"{r.domain} differs from the population in the mechanism of {', '.join(r.differs) or 'nothing'} alone"
        for r in used
        if r.domain
    ]
    words += [f"who entered the data depends on {', '.join(r.selected)} as in the graph" for r in used if r.selected]
    return (*words, "every combination of levels that the formula conditions on occurs in its source")


def _refusal(query: CausalQuery, thicket: Thicket) -> NotIdentifiable:
    part = ", ".join(sorted(thicket.part))
    return NotIdentifiable(
        f"{query} is no function of these sources: none has how {part} answers when all else is set "
        f"({'; '.join(thicket.reasons)})",
        remedy=f"randomise {' and '.join(query.treatments)}, or add an experiment that leaves {part} as it is",
        evidence={"part": sorted(thicket.part), "sources": list(thicket.reasons)},
    )
