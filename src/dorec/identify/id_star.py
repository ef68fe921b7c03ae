"""The algorithms ID* and IDC*: the probability of events in several worlds at once (Shpitser, Pearl 2007, UAI; 2008,
jmlr.org/papers/v9/shpitser08a.html), in the form of Correa, Lee and Bareinboim (2021, NeurIPS, arXiv:2107.05418).

The ancestors of the events, each in its world, form the counterfactual graph; nodes of two worlds that have the same
parents at the same values are one node. It falls apart by hidden common causes, and a part can be told from
experiments if all in it can happen in one world. That form takes nested counterfactuals as well.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dorec.domain.counterfactual import Counterfactual, CounterfactualEstimand
from dorec.domain.errors import InputError, NotIdentifiable
from dorec.domain.expression import At, Constant, Expression, Fraction, Probability
from dorec.domain.graph import CausalGraph
from dorec.domain.regime import Regime
from dorec.domain.simplification import simplified
from dorec.identify.counterfactual_graph import CounterfactualGraph, Node, counterfactual_graph
from dorec.identify.id_algorithm import product_of, sum_over
from dorec.identify.separation import Names, as_names
from dorec.identify.separators import districts
from dorec.identify.surrogate_experiments import Experiment, Sources, Thicket

Events = Counterfactual | Iterable[Counterfactual]


@dataclass(frozen=True)
class Factor:
    """Nodes whose variables hidden common causes hold together, and what their parents are set to."""

    nodes: tuple[Node, ...]
    graph: CounterfactualGraph

    @property
    def key(self) -> tuple[object, ...]:
        """The same for factors that are the same probability."""
        return tuple(sorted((n.variable, repr(self.graph.value(n)), repr(self._parents(n))) for n in self.nodes))

    def conflict(self) -> str:
        """Why no single experiment shows this factor; empty if one does."""
        mine: dict[str, Node] = {}
        for node in self.nodes:
            other = mine.setdefault(node.variable, node)
            if other != node:
                return f"{self.graph.in_words(other)} and {self.graph.in_words(node)} belong to two worlds"
        settings: dict[str, tuple[Node, int | Node]] = {}
        for node in self.nodes:
            for name, value in self._parents(node):
                if name in mine and value != self.graph.value(mine[name]):
                    told = f"{self.graph.in_words(node)} asks for another {name} than {self.graph.in_words(mine[name])}"
                    return f"{told}, and hidden common causes tie them"
                first = settings.setdefault(name, (node, value))
                if first[1] != value:
                    return f"{self.graph.in_words(first[0])} and {self.graph.in_words(node)} differ in {name}"
        return ""

    def symbols(self) -> frozenset[Node]:
        """Nodes whose value is summed over that the factor depends on."""
        values = [self.graph.value(n) for n in self.nodes]
        values += [value for n in self.nodes for _, value in self._parents(n)]
        return frozenset(v for v in values if isinstance(v, Node))

    def touches(self) -> frozenset[Node]:
        """Nodes that are in the factor or are parents in it."""
        return frozenset(self.nodes).union(*(self.graph.parent_nodes(n) for n in self.nodes))

    def levels(self) -> tuple[tuple[str, int], ...]:
        """The variables that are held at a level."""
        held = {n.variable: self.graph.value(n) for n in self.nodes}
        for node in self.nodes:
            held |= {name: value for name, value in self._parents(node) if name not in held}
        return tuple(sorted((name, v) for name, v in held.items() if isinstance(v, int)))

    def expressions(self, sources: Sources) -> tuple[Expression, Expression]:
        """As an experiment, and as the sources have it (the experiment again where they do not)."""
        variables = frozenset(n.variable for n in self.nodes)
        around = {name for n in self.nodes for name, _ in self._parents(n)} - variables
        experiment = Probability(tuple(sorted(variables)), (), Regime(do=around))
        try:
            known = sources.c_factor(variables)
        except Thicket:
            known = experiment
        levels = self.levels()
        return (At(experiment, levels), At(known, levels)) if levels else (experiment, known)

    def _parents(self, node: Node) -> tuple[tuple[str, int | Node], ...]:
        return self.graph.parents(node)


def identify_counterfactual(
    graph: CausalGraph,
    events: Events,
    given: Events = (),
    experiments: Iterable[Experiment] = (),
    unobserved: Names = (),
) -> CounterfactualEstimand:
    """P(events | given), where each event may be of another world: the effect on the treated, who was harmed, ...

    Args:
        graph: directed and bidirected edges.
        events: what is asked for.
        given: what is known, in this world or in others.
        experiments: sources beside observation, as in `identify_from_experiments`.
        unobserved: nodes of the graph that were not measured.

    Returns:
        The estimand. Its expression keeps P(... | do(...)) where neither observation nor a source at hand can stand in
        for an experiment; `regimes` lists these.

    Raises:
        NotIdentifiable: not even all experiments on single worlds would tell.
        InputError: what is given can't happen.
        ColumnNotFound: an event names a node that the graph lacks.

    Example:
        >>> g = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y")], bidirected=[("x", "y")])
        >>> print(identify_counterfactual(g, Counterfactual("y", 1, do={"x": 0}), given=Counterfactual("x", 1)))
        P(y_{x=0} = 1 | x = 1) = Σ_{m} P(m | x=0) P(y=1 | x=1, m)
    """
    wanted, known = _as_events(events), _as_events(given)
    sources = Sources.of(graph, experiments, unobserved)
    named = as_names(graph, frozenset().union(*(e.variables for e in (*wanted, *known))))
    lost = sorted(named - set(sources.graph.nodes))
    if lost:
        raise NotIdentifiable(
            f"{', '.join(lost)} was not measured, and an event names it",
            remedy=f"measure {', '.join(lost)}, or ask without it",
            evidence={"unobserved": lost},
        )
    above = counterfactual_graph(sources.graph, (*wanted, *known))
    below = counterfactual_graph(sources.graph, known)
    if below is None:
        raise InputError(f"{', '.join(map(str, known))} can't happen together, so nothing is known given them.")
    if above is None:
        return _estimand(wanted, known, Constant(0.0), Constant(0.0))
    numerator = _groups(sources.graph, above, above.of_events[: len(wanted)])
    denominator = _groups(sources.graph, below, ())
    for key in list(numerator):
        if key in denominator:
            del numerator[key], denominator[key]
    try:
        top, bottom = _product(numerator.values(), sources), _product(denominator.values(), sources)
    except Thicket as clash:
        raise _refusal(wanted, known, clash) from None
    both = [a if isinstance(b, Constant) else Fraction(a, b) for a, b in zip(top, bottom, strict=True)]
    return _estimand(wanted, known, simplified(both[0]), simplified(both[1]))


def _groups(
    graph: CausalGraph, worlds: CounterfactualGraph, asked: Sequence[Node | None]
) -> dict[tuple[object, ...], list[Factor]]:
    """The factors, together where they share what is summed over or asked for."""
    variables = {node.variable for node in worlds.nodes}
    groups: list[tuple[set[Node], list[Factor]]] = []
    for district in districts(graph.subgraph(variables)):
        factor = Factor(tuple(n for n in worlds.nodes if n.variable in district), worlds)
        shared = set(factor.symbols() | (factor.touches() & set(asked)))
        factors = [factor]
        for other in [g for g in groups if g[0] & shared]:
            groups.remove(other)
            shared |= other[0]
            factors += other[1]
        groups.append((shared, factors))
    return {tuple(sorted((f.key for f in factors), key=repr)): factors for _, factors in groups}


def _product(groups: Iterable[list[Factor]], sources: Sources) -> tuple[Expression, Expression]:
    """The product over groups, each summed over its symbols: with experiments, and as the sources have it."""
    forms: tuple[list[Expression], list[Expression]] = ([], [])
    for factors in groups:
        for factor in factors:
            why = factor.conflict()
            if why:
                raise Thicket(frozenset(n.variable for n in factor.nodes), [why])
        over = tuple(sorted({n.variable for f in factors for n in f.symbols()}))
        for form, terms in zip(forms, zip(*(f.expressions(sources) for f in factors), strict=True), strict=True):
            form.append(sum_over(over, product_of(terms)))
    with_experiments, known = (product_of(form) if form else Constant(1.0) for form in forms)
    return with_experiments, known


def _estimand(
    events: tuple[Counterfactual, ...], given: tuple[Counterfactual, ...], interventional: Expression, known: Expression
) -> CounterfactualEstimand:
    return CounterfactualEstimand(
        events=events,
        given=given,
        interventional=interventional,
        expression=known,
        assumptions=(
            "the graph is right: no arrow and no hidden common cause is missing from it",
            "a unit's outcome under what it got is what it would be had it been given just that (consistency)",
            "one unit's treatment does not change another unit's outcome",
        ),
    )


def _as_events(events: Events) -> tuple[Counterfactual, ...]:
    found = (events,) if isinstance(events, Counterfactual) else tuple(events)
    for event in found:
        if event.value is None:
            raise InputError(f"{event} has no value; an event says which level the variable takes.")
    return found


def _refusal(events: tuple[Counterfactual, ...], given: tuple[Counterfactual, ...], clash: Thicket) -> NotIdentifiable:
    asked = ", ".join(map(str, events)) + (f" | {', '.join(map(str, given))}" if given else "")
    return NotIdentifiable(
        f"P({asked}) is no function of all that experiments can show: {'; '.join(clash.reasons)}",
        remedy="ask for one world at a time, or bound it",
        evidence={"variables": sorted(clash.part), "conflict": list(clash.reasons)},
    )
