"""Effects for everyone from units that were selected: buyers, responders, those who stayed.

Three ways, in this order: c-factors that selection does not touch (Bareinboim, Tian 2015, AAAI); generalised
adjustment with data on everyone for some covariates (Correa, Tian, Bareinboim 2018, AAAI); the ID algorithm given what
selection depends on (after Bareinboim, Tian, Pearl 2014, AAAI).
"""

from collections.abc import Callable, Sequence
from itertools import combinations

from dorec.domain.errors import InputError, NotIdentifiable
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Expression, Probability, Product, Sum
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.regime import Regime
from dorec.domain.simplification import simplified
from dorec.identify.adjustment import BackDoor
from dorec.identify.id_algorithm import Distribution, Hedge, Set, identify_in, sum_over
from dorec.identify.projection import latent_projection
from dorec.identify.separation import Names, as_names, in_words, is_d_separated, open_path
from dorec.identify.separators import districts
from dorec.identify.surrogate_experiments import Sources, Thicket

MAX_REMEDY = 2  # variables in a suggested census


def identify_from_selected(
    graph: CausalGraph, query: CausalQuery, selected: Names, external: Names = (), unobserved: Names = ()
) -> Estimand:
    """P(outcomes | do(treatments)) for everyone, from units with `selected` = 1.

    Args:
        graph: directed and bidirected edges, with the nodes that say who was selected.
        query: treatments and outcomes.
        selected: the selecting nodes.
        external: nodes whose joint distribution is known for everyone, as from a census or the whole customer base.
        unobserved: nodes that were not measured among the selected either.

    Returns:
        The estimand; its regimes are `Regime(selected=...)` and, where `external` is drawn on, the population.

    Raises:
        NotIdentifiable: none of the three ways leads there; the reason names how selection and outcome hang together,
            the remedy what would have to be known of everyone.

    Example:
        >>> g = CausalGraph.from_edges("ztys", directed=[("z", "t"), ("z", "y"), ("t", "y"), ("z", "s")])
        >>> print(identify_from_selected(g, CausalQuery("t", "y"), "s", external="z"))
        P(y | do(t)) = Σ_{z} P(y | t, z, s=1) P(z)
    """
    chosen = as_names(graph, selected)
    known, hidden = as_names(graph, external) - chosen, as_names(graph, unobserved) - chosen
    if not chosen:
        raise InputError("Name the nodes that say who was selected; for everyone's data there is `identify`.")
    if query.conditions:
        raise InputError(f"{query} has conditions; selection is corrected for everyone. Leave them out.")
    expression, adjustment = _recover(graph, query, chosen, known, hidden)
    if expression is None:
        raise _refusal(graph, query, chosen, known, hidden)
    told = f"; {', '.join(sorted(known))} known of everyone" if known else ""
    return Estimand(
        query=query,
        strategy="selection",
        expression=expression,
        adjustment_set=adjustment,
        assumptions=(
            "the graph is right: no arrow and no hidden common cause is missing from it",
            f"units entered the data by {', '.join(sorted(chosen))} as the graph has it{told}",
            "every combination of levels that the formula conditions on occurs among the selected",
        ),
    )


Found = tuple[Expression | None, tuple[str, ...]]
Criterion = Callable[[Set], bool]


def _recover(graph: CausalGraph, query: CausalQuery, selected: Set, known: Set, hidden: Set) -> Found:
    regime = Regime(selected=selected)
    sources = Sources.of(graph, [regime], hidden, observed=False)
    try:
        return simplified(sources.effect(frozenset(query.outcomes), frozenset(query.treatments))), ()
    except Thicket:
        pass
    adjusted = _adjusted(graph, query, regime, known - hidden, hidden)
    if adjusted[0] is not None:
        return adjusted
    return _given_causes_of_selection(sources, query, regime, known)


def _adjusted(graph: CausalGraph, query: CausalQuery, regime: Regime, known: Set, hidden: Set) -> Found:
    """Σ_z P(y | x, z, S=1) P(z - t | t, S=1) P(t), with t known of everyone (generalised adjustment, type 3)."""
    door = BackDoor.of(graph, query, hidden | frozenset(regime.selected))
    x, y, s = door.treatments, door.outcomes, frozenset(regime.selected)

    def frees(census: Set) -> bool:
        return is_d_separated(door.graph, y, s, census)

    def blocks(z: Set) -> bool:
        return is_d_separated(door.graph, x, y, z | s)

    census = door.allowed & known & door.graph.ancestors(y | s)
    if not frees(census):
        return None, ()
    for start in (census, _thinned(census, frees)):
        z = start | (door.allowed & door.graph.ancestors(x | y | s | start))
        if blocks(z):
            inside, rest = _smallest(start, z - start, frees, blocks)
            return _adjustment(query, regime, inside, rest), tuple(sorted(inside | rest))
    return None, ()


def _smallest(census: Set, rest: Set, frees: Criterion, blocks: Criterion) -> tuple[Set, Set]:
    """Both sets without what they can spare: first what only the selected tell, then what everyone does."""
    rest = _thinned(rest, blocks, census)

    def suffices(names: Set) -> bool:
        return frees(names - rest) and blocks(names)

    return _thinned(census, suffices, rest), rest


def _adjustment(query: CausalQuery, regime: Regime, census: Set, rest: Set) -> Expression:
    outside, inside = tuple(sorted(census)), tuple(sorted(rest))
    factors: list[Expression] = [Probability(query.outcomes, (*query.treatments, *outside, *inside), regime)]
    if inside:
        factors.append(Probability(inside, outside, regime))
    if outside:
        factors.append(Probability(outside))
    return sum_over((*outside, *inside), factors[0] if len(factors) == 1 else Product(tuple(factors)))


def _thinned(names: Set, suffices: Criterion, beside: Set = frozenset()) -> Set:
    """The set without what it can spare, taken out in the order of names; `beside` stays."""
    for name in sorted(names):
        if suffices(names - {name} | beside):
            names = names - {name}
    return names


def _given_causes_of_selection(sources: Sources, query: CausalQuery, regime: Regime, known: Set) -> Found:
    """Among units alike in what selection depends on, selection says nothing more, so ID goes through there."""
    graph = sources.graph
    given = sources.selecting(regime)
    x, y = frozenset(query.treatments), frozenset(query.outcomes)
    if given & (x | y) or sources.moved_by_selection(regime) & graph.ancestors(y):
        return None, ()
    census = given & known
    cut = graph.without_edges_into(x)

    def is_enough(some: Set) -> bool:
        return given == some or is_d_separated(cut, y, given - some, some | x)

    if not is_enough(census):
        return None, ()
    census = _thinned(census, is_enough)
    context = tuple(n for n in graph.topological_order() if n in given)
    source = Distribution(_given(graph, given), regime=regime, context=context, around=graph)
    try:
        effect = identify_in(source, y, x)
    except Hedge:
        return None, ()
    over = tuple(sorted(census))
    return simplified(Sum(over, Product((effect, Probability(over)))) if over else effect), ()


def _given(graph: CausalGraph, given: Set) -> CausalGraph:
    """The graph of the other nodes when an ancestral set is held: hidden causes that met there are now one."""
    left = graph.subgraph(frozenset(graph.nodes) - given)
    pairs = set(left.bidirected)
    for district in districts(graph.subgraph(given)):
        tied = sorted(frozenset().union(*(graph.spouses(n) for n in district)) - given)
        pairs |= set(combinations(tied, 2))
    return CausalGraph.from_edges(left.nodes, directed=left.directed, bidirected=sorted(pairs))


def _refusal(graph: CausalGraph, query: CausalQuery, selected: Set, known: Set, hidden: Set) -> NotIdentifiable:
    census = _census(graph, query, selected, known, hidden)
    who, to = ", ".join(sorted(selected)), " and ".join(query.outcomes)
    path = open_path(graph, query.outcomes, selected, known)
    how = f": selection hangs together with {to} by {in_words(path)}" if path else ""
    ways = [f"learn the distribution of {', '.join(census)} for everyone"] if census else []
    projected = latent_projection(graph, hidden)
    return NotIdentifiable(
        f"{query} for everyone is not recovered from units selected by {who}{how}",
        remedy=", or ".join([*ways, f"take units without regard to {who}"]),
        evidence={
            "open_path": in_words(path),
            "external": sorted(known),
            "census": list(census),
            "tried": ["c-factors", "generalised adjustment", "ID given the causes of selection"],
            "causes_of_selection": sorted(projected.ancestors(selected) - selected),
        },
    )


def _census(graph: CausalGraph, query: CausalQuery, selected: Set, known: Set, hidden: Set) -> Sequence[str]:
    """The fewest further variables whose joint distribution for everyone would do, up to two; else nothing."""
    more = sorted(graph.ancestors({*query.outcomes, *selected}) - known - hidden - selected - {*query.outcomes})
    for size in range(1, MAX_REMEDY + 1):
        for names in combinations([n for n in more if n not in query.treatments], size):
            if _recover(graph, query, selected, known | frozenset(names), hidden)[0] is not None:
                return (*sorted(known), *names)
    return ()
