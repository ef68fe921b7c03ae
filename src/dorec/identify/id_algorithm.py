"""The complete algorithms ID and IDC (Shpitser, Pearl 2006, AAAI; UAI, arXiv:1206.6876): every effect that can be told.

Comments give the lines of the published algorithm.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dorec.domain.expression import Expression, Fraction, Probability, Product, Sum
from dorec.domain.graph import CausalGraph
from dorec.domain.regime import OBSERVED, Regime
from dorec.identify.separation import is_d_separated
from dorec.identify.separators import districts

Set = frozenset[str]


class Hedge(Exception):
    """Why ID fails: `outer` and `inner` are tied by hidden common causes so that two models differ in the effect only.

    Both agree in everything that can be observed. Internal: `identify` turns it into NotIdentifiable.
    """

    def __init__(self, outer: Set, inner: Set) -> None:
        super().__init__(f"hedge of {sorted(outer)} over {sorted(inner)}")
        self.outer = outer
        self.inner = inner


@dataclass(frozen=True)
class Distribution:
    """A distribution over the nodes of `graph`: a marginal of a data source's, or a product of conditionals."""

    graph: CausalGraph
    expression: Expression | None = None  # None: a marginal of the data
    regime: Regime = OBSERVED
    context: tuple[str, ...] = ()  # what everything is conditioned on: no effect of a node of ours, causes first
    around: CausalGraph | None = None  # the graph with those nodes in it

    def marginal(self, names: Set) -> Expression:
        """P(names)."""
        ordered = self._sorted(names)
        if self.expression is None:
            return Probability(ordered, self.context, self.regime)
        return sum_over(self._sorted(frozenset(self.graph.nodes) - names), self.expression)

    def conditional(self, name: str, order: Sequence[str]) -> Expression:
        """P(name | all before it in the causal order)."""
        before = frozenset(order[: order.index(name)])
        if self.expression is None:
            blanket = _blanket(self.around or self.graph, name, before | frozenset(self.context))
            given = (*(n for n in self.context if n in blanket), *self._sorted(blanket))
            return Probability((name,), given, self.regime)
        top = self.marginal(before | {name})
        return Fraction(top, self.marginal(before)) if before else top

    def restricted(self, names: Set) -> "Distribution":
        """The marginal over an ancestral set, with its graph."""
        if names == frozenset(self.graph.nodes):
            return self
        if self.expression is None:
            return replace(self, graph=self.graph.subgraph(names))
        return replace(self, graph=self.graph.subgraph(names), expression=self.marginal(names))

    def _sorted(self, names: Iterable[str]) -> tuple[str, ...]:
        wanted = frozenset(names)
        return tuple(n for n in self.graph.topological_order() if n in wanted)


def identify_effect(graph: CausalGraph, outcomes: Iterable[str], treatments: Iterable[str]) -> Expression:
    """P(outcomes | do(treatments)) in terms of the observed distribution (ID).

    Raises:
        Hedge: it is no function of the observed distribution.

    Example:
        >>> front_door = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y")], bidirected=[("x", "y")])
        >>> print(identify_effect(front_door, "y", "x"))
        Σ_{m} P(m | x) Σ_{x} P(y | x, m) P(x)
    """
    return _identify(frozenset(outcomes), frozenset(treatments), Distribution(graph))


def identify_c_factor(source: Distribution, part: Set) -> Expression:
    """Q[part]: the distribution of `part`, held together by hidden causes, when everything else is set.

    Args:
        source: a distribution whose mechanisms for `part` are those of the population.
        part: some of its nodes.

    Raises:
        Hedge: it is no function of that distribution.

    Example:
        >>> g = CausalGraph.from_edges("xzy", directed=[("x", "z"), ("z", "y")], bidirected=[("x", "y")])
        >>> print(identify_c_factor(Distribution(g), frozenset("y")))
        Σ_{x} P(y | x, z) P(x)
    """
    return _identify(part, frozenset(source.graph.nodes) - part, source)


def identify_in(source: Distribution, outcomes: Set, treatments: Set) -> Expression:
    """P(outcomes | do(treatments)) in terms of one source.

    Raises:
        Hedge: it is no function of that distribution.

    Example:
        >>> g = CausalGraph.from_edges("xy", directed=[("x", "y")])
        >>> print(identify_in(Distribution(g, regime=Regime(selected="s")), frozenset("y"), frozenset("x")))
        P(y | x, s=1)
    """
    return _identify(outcomes, treatments, source)


def identify_conditional_effect(
    graph: CausalGraph, outcomes: Iterable[str], treatments: Iterable[str], conditions: Iterable[str]
) -> Expression:
    """P(outcomes | do(treatments), conditions) in terms of the observed distribution (IDC).

    Raises:
        Hedge: it is no function of the observed distribution.

    Example:
        >>> g = CausalGraph.from_edges("xzy", directed=[("x", "z"), ("z", "y")], bidirected=[("x", "z")])
        >>> print(identify_conditional_effect(g, "y", "x", "z"))
        P(y | z)
    """
    y, x, z = frozenset(outcomes), frozenset(treatments), frozenset(conditions)
    for node in sorted(z):  # line 1: a condition that may as well have been set
        cut = graph.without_edges_into(x).without_edges_out_of({node})
        if is_d_separated(cut, y, node, x | (z - {node})):
            return identify_conditional_effect(graph, y, x | {node}, z - {node})
    joint = identify_effect(graph, y | z, x)  # line 2
    return Fraction(joint, sum_over(tuple(sorted(y)), joint)) if z else joint


def _identify(y: Set, x: Set, p: Distribution) -> Expression:
    graph, nodes = p.graph, frozenset(p.graph.nodes)
    if not x:  # line 1
        return p.marginal(y)
    ancestors = graph.ancestors(y)
    if nodes - ancestors:  # line 2
        return _identify(y, x & ancestors, p.restricted(ancestors))
    idle = nodes - x - graph.without_edges_into(x).ancestors(y)
    if idle:  # line 3
        return _identify(y, x | idle, p)
    parts = districts(graph.subgraph(nodes - x))
    if len(parts) > 1:  # line 4
        terms = [_identify(part, nodes - part, p) for part in parts]
        return sum_over(_in_order(graph, nodes - y - x), product_of(terms))
    (part,) = parts
    whole = districts(graph)
    if len(whole) == 1:  # line 5
        raise Hedge(nodes, part)
    order = graph.topological_order()
    around = next(district for district in whole if part <= district)
    factors = product_of([p.conditional(node, order) for node in reversed(order) if node in around])
    if around == part:  # line 6
        return sum_over(_in_order(graph, part - y), factors)
    return _identify(y, x & around, replace(p, graph=graph.subgraph(around), expression=factors))  # line 7


def _blanket(graph: CausalGraph, name: str, before: Set) -> Set:
    """What P(name | before) depends on: name's district among the nodes so far, and that district's parents."""
    district, queue = {name}, [name]
    while queue:
        new = (graph.spouses(queue.pop()) & before) - district
        district |= new
        queue += new
    return frozenset(district.union(*(graph.parents(node) & before for node in district)) - {name})


def _in_order(graph: CausalGraph, names: Set) -> tuple[str, ...]:
    return tuple(n for n in graph.topological_order() if n in names)


def sum_over(over: tuple[str, ...], term: Expression) -> Expression:
    """Σ over the names; the term itself where there is none.

    >>> print(sum_over((), Probability(("y",))))
    P(y)
    """
    return Sum(over, term) if over else term


def product_of(factors: Sequence[Expression]) -> Expression:
    """The product, flat, and of one factor that factor itself.

    >>> print(product_of([Probability(("y",), ("x",)), Product((Probability(("x",)), Probability(("z",))))]))
    P(y | x) P(x) P(z)
    """
    if len(factors) == 1:
        return factors[0]
    flat: list[Expression] = []
    for factor in factors:
        flat += factor.factors if isinstance(factor, Product) else [factor]
    return Product(tuple(flat))
