"""What `dorec estimate` is asked, as an estimand with its assumptions: by a graph, a coin, covariates, instruments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dorec.domain.errors import BadControl, ConfigError, InputError
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Fraction, Probability, Product, Renamed, Sum
from dorec.domain.graph import CausalGraph
from dorec.domain.mediation import STAR, MediationEstimand
from dorec.domain.query import CausalQuery, Population
from dorec.domain.study import Missing
from dorec.identify import (
    find_instruments,
    identify,
    identify_from_covariates,
    identify_mediation,
    identify_randomised,
)
from dorec.loop.graph_file import read_graph

AnyEstimand = Estimand | MediationEstimand


@dataclass(frozen=True, kw_only=True)
class EstimateRequest:
    """What `dorec estimate` is asked.

    Example:
        >>> EstimateRequest(source=Path("shop.csv"), outcome="spent", treatment="ad", covariates=["age"]).population
        'all'
    """

    source: Path
    outcome: str
    treatment: str
    covariates: Sequence[str] = ()  # every common cause is among them, and all are from before the treatment
    graph: str | None = None  # a graph file, or edges written out
    randomised: bool = False
    instruments: Sequence[str] = ()
    mediators: Sequence[str] = ()
    method: str | None = None  # by default, what the estimand's strategy calls for
    settings: Mapping[str, Any] = field(default_factory=dict)
    population: Population = "all"
    control: Any = None  # the reference level of the treatment
    dose: bool = False  # the treatment is an amount
    unit: str | None = None
    cluster: str | None = None
    weight: str | None = None
    missing: Missing = "refuse"
    refute: bool = False

    @property
    def query(self) -> CausalQuery:
        """The causal query."""
        return CausalQuery(
            (self.treatment,), (self.outcome,), population=self.population, mediators=tuple(self.mediators)
        )


def estimand_of(request: EstimateRequest, columns: Sequence[str]) -> tuple[AnyEstimand, CausalGraph | None]:
    """The estimand of a request, and the graph where one was given; nodes that are no columns were not measured.

    Raises:
        ConfigError: nothing says why treated and untreated units can be compared, or two options say it differently.
        BadControl: the graph does not allow one of the instruments.
        NotIdentifiable: the graph does not let the data tell; the refusal says what would help.

    Example:
        >>> graph = "z -> t; z -> y; t -> y"
        >>> request = EstimateRequest(source=Path("shop.csv"), outcome="y", treatment="t", graph=graph)
        >>> estimand_of(request, ["z", "t", "y"])[0].adjustment_set
        ('z',)
    """
    if request.graph is not None:
        if request.covariates or request.randomised:
            raise ConfigError("A graph says itself what to adjust for: leave out --covariates and --randomised.")
        graph = read_graph(request.graph)
        return _by_graph(request, graph, [node for node in graph.nodes if node not in columns]), graph
    if request.randomised and request.instruments:
        raise ConfigError("--randomised says that chance decided the treatment: then no instrument is needed.")
    if request.instruments:
        return by_instruments(request.query, request.instruments, request.covariates), None
    if request.mediators:
        return by_mediators(request.query, request.covariates, randomised=request.randomised), None
    if request.randomised:
        return identify_randomised(request.query, request.covariates), None
    if request.covariates:
        return identify_from_covariates(request.query, request.covariates), None
    others = [name for name in columns if name not in (request.treatment, request.outcome)]
    raise ConfigError(
        "Nothing says why units with and without the treatment can be compared. Give --covariates a,b (every common "
        "cause is among them), --graph FILE, --instruments z, or --randomised. Columns: " + ", ".join(others[:30]) + "."
    )


def _by_graph(request: EstimateRequest, graph: CausalGraph, hidden: Sequence[str]) -> AnyEstimand:
    query = request.query
    if request.instruments:
        found = {one.name: one for one in find_instruments(graph, query, hidden)}
        for name in request.instruments:
            if name not in found:
                raise BadControl(
                    f"{name} is no instrument for {request.treatment} and {request.outcome} in the graph",
                    remedy=f"take {' or '.join(found)}" if found else "the graph has none; see dorec identify",
                    evidence={"instruments": sorted(found)},
                )
        given = sorted({node for name in request.instruments for node in found[name].given})
        return by_instruments(query, request.instruments, given)
    return identify_mediation(graph, query, hidden) if request.mediators else identify(graph, query, hidden)


def by_instruments(query: CausalQuery, instruments: Sequence[str], covariates: Sequence[str]) -> Estimand:
    """The estimand of instruments: change of the outcome with them over change of the treatment with them.

    Example:
        >>> found = by_instruments(CausalQuery("took", "spent"), ["letter"], [])
        >>> found.strategy, found.assumptions[1]
        ('instrument', 'letter reaches spent only through took')
    """
    z, x = tuple(instruments), tuple(covariates)
    (t,), (y,) = query.treatments, query.outcomes
    both = sorted({*z} & {t, y, *x} | {*x} & {t, y})
    if both:
        raise InputError(f"{', '.join(both)} stand in more than one role; give each column one role.")
    listed, given = ", ".join(z), f" given {', '.join(x)}" if x else ""
    return Estimand(
        query=query,
        strategy="instrument",
        expression=Fraction(Probability((y,), (*z, *x)), Probability((t,), (*z, *x))),
        adjustment_set=x,
        instruments=z,
        assumptions=(
            f"nothing causes both {listed} and {y}{given}",
            f"{listed} reaches {y} only through {t}",
            f"{listed} moves {t}, and nobody's the other way (or the effect is the same for all)",
            f"one unit's {t} does not change another unit's outcome",
        ),
    )


def by_mediators(query: CausalQuery, covariates: Sequence[str], *, randomised: bool) -> MediationEstimand:
    """The mediation formula, where the covariates close every path behind treatment, mediators and outcome.

    Example:
        >>> print(by_mediators(CausalQuery("t", "y", mediators="m"), ["z"], randomised=False))
        P(y_{t, m_{t*}}) = Σ_{m, z} P(y | t, m, z) P(m | t*, z) P(z)
    """
    z, m, t, y = tuple(covariates), query.mediators, query.treatments, query.outcomes
    starred = Renamed(Probability(m, (*t, *z)), tuple((name, name + STAR) for name in t))
    factors = (Probability(y, (*t, *m, *z)), starred, *((Probability(z),) if z else ()))
    shown, what, through, to = ", ".join(z) or "no covariate", ", ".join(t), ", ".join(m), ", ".join(y)
    causes = (
        f"{what} was assigned at random"
        if randomised
        else f"every common cause of {what} and {through} or {to} is among: {shown}"
    )
    return MediationEstimand(
        query=query,
        nested=Sum((*m, *z), Product(factors)),
        assumptions=(
            causes,
            f"every common cause of {through} and {to} is among: {shown}",
            f"{what} causes none of these common causes",
            f"one unit's {what} does not change another unit's outcome",
        ),
    )
