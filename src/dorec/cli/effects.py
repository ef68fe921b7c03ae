"""`dorec estimate`: how big is the effect, and does it survive attack."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from dorec.cli.graphs import Json, names_of, settings_of_options
from dorec.domain.errors import ConfigError
from dorec.domain.query import Population
from dorec.domain.study import Missing

if TYPE_CHECKING:
    from dorec.loop.designing import DesignRequest
    from dorec.loop.effect_question import EstimateRequest


def estimate(
    file: Annotated[Path | None, typer.Argument(help="A table, one row a unit: CSV, JSON lines or Parquet.")] = None,
    outcome: Annotated[str, typer.Option("--outcome", "-y", help="The column that may be affected.")] = "",
    treatment: Annotated[str, typer.Option("--treatment", "-t", help="The column whose effect is asked.")] = "",
    covariates: Annotated[
        list[str] | None,
        typer.Option(help="Columns from before the treatment, a,b,c, that hold every common cause."),
    ] = None,
    graph: Annotated[
        str | None, typer.Option(help='In their place, a graph file or edges: "z -> t; z -> y; t -> y".')
    ] = None,
    randomised: Annotated[bool, typer.Option("--randomised", help="Chance decided who was treated.")] = False,
    instruments: Annotated[
        list[str] | None, typer.Option(help="Columns that move the treatment and nothing else.")
    ] = None,
    mediators: Annotated[
        list[str] | None, typer.Option(help="Columns at which the effect is split into direct and indirect.")
    ] = None,
    design: Annotated[
        str | None, typer.Option(help="did, synthetic (both with --unit, --time) or rdd (--running, --cutoff).")
    ] = None,
    time: Annotated[str | None, typer.Option(help="Of a panel: the column with the time.")] = None,
    treated_from: Annotated[
        str | None, typer.Option("--treated-from", help="Of a panel, in place of -t: each unit's first treated time.")
    ] = None,
    running: Annotated[str | None, typer.Option(help="The column with the threshold.")] = None,
    cutoff: Annotated[float | None, typer.Option(help="The threshold; units at it belong above.")] = None,
    method: Annotated[str | None, typer.Option(help="aipw, causal_forest, ...; see --methods.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the method, as --set n_folds=10.")
    ] = None,
    population: Annotated[str, typer.Option(help="Whose average: all, treated, control or overlap.")] = "all",
    control: Annotated[str | None, typer.Option(help="The level that the others are compared with.")] = None,
    dose: Annotated[bool, typer.Option("--dose", help="The treatment is an amount, not a set of arms.")] = False,
    unit: Annotated[str | None, typer.Option(help="The column with the unit's id; repeated ids are clusters.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Groups of rows that are not independent.")] = None,
    weight: Annotated[str | None, typer.Option(help="The column with weights of the rows.")] = None,
    missing: Annotated[
        str, typer.Option(help="Missing covariates: refuse, drop the rows, or indicator (median and a marker).")
    ] = "refuse",
    drop_missing: Annotated[bool, typer.Option("--drop-missing", help="Short for --missing drop.")] = False,
    refute: Annotated[bool, typer.Option("--refute", help="Attack the estimate; about ten more fits.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other folds.")] = 0,
    page: Annotated[Path | None, typer.Option(help="An HTML file with figures, attacks and assumptions.")] = None,
    methods: Annotated[bool, typer.Option("--methods", help="Say what each method is for, and stop.")] = False,
    as_json: Json = False,
) -> None:
    """How big an effect is, with an interval that holds, what it assumes, and whether it survives attack.

    Why treated and untreated units can be compared has to be said: by the covariates that hold every common cause, by a
    graph, by chance (--randomised), or by an instrument. The estimator follows from that; --method takes another one.

    Examples:
      dorec estimate shop.csv -y spent -t voucher --covariates age,visits,segment --refute --page effect.html

      dorec estimate shop.csv -y spent -t voucher --graph graph.json --population treated

      dorec estimate letters.csv -y spent -t opened --instruments letter --covariates age

      dorec estimate prices.csv -y sold -t price --covariates week,store --dose --json

      dorec estimate shops.csv -y sales --design did --unit shop --time week --treated-from promo_start

      dorec estimate vip.csv -y visits -t vip --design rdd --running spent --cutoff 60
    """
    from dorec.cli import show
    from dorec.loop.effect_question import EstimateRequest
    from dorec.loop.estimating import purposes

    if methods:
        show.print_json(purposes()) if as_json else show.purposes(purposes())
        return
    if design is not None and file is not None and outcome:
        from dorec.loop.designing import DesignRequest

        by_design = DesignRequest(
            source=file,
            design=design,
            outcome=outcome,
            treatment=treatment,
            treated_from=treated_from or "",
            unit=unit or "",
            time=time or "",
            running=running or "",
            cutoff=cutoff,
            covariates=names_of(covariates or ()),
            cluster=cluster,
            missing=cast(Missing, "drop" if drop_missing else missing),
            settings=settings_of_options(set_ or ()),
        )
        _show_design(by_design, page, seed, as_json)
        return
    if file is None or not outcome or not treatment:
        raise ConfigError("estimate needs a table and two columns: dorec estimate FILE -y OUTCOME -t TREATMENT.")
    request = EstimateRequest(
        source=file,
        outcome=outcome,
        treatment=treatment,
        covariates=names_of(covariates or ()),
        graph=graph,
        randomised=randomised,
        instruments=names_of(instruments or ()),
        mediators=names_of(mediators or ()),
        method=method,
        settings=settings_of_options(set_ or ()),
        population=cast(Population, _one_of("population", population, ("all", "treated", "control", "overlap"))),
        control=control,
        dose=dose,
        unit=unit,
        cluster=cluster,
        weight=weight,
        missing=cast(Missing, "drop" if drop_missing else _one_of("missing", missing, ("refuse", "drop", "indicator"))),
        refute=refute,
    )
    _show_effect(request, page, seed, as_json)


def _show_effect(request: "EstimateRequest", page: Path | None, seed: int, as_json: bool) -> None:
    from dorec.cli import show
    from dorec.loop.effect_page import write_effect_page
    from dorec.loop.estimating import estimate_file

    found = estimate_file(request, context=show.context(quiet=as_json).with_seed(seed))
    written = None if page is None else write_effect_page(found, page)
    if as_json:
        show.print_json({**found.to_dict(), "seed": seed, "page": None if written is None else str(written)})
    else:
        show.estimated(found, written)


def _show_design(request: "DesignRequest", page: Path | None, seed: int, as_json: bool) -> None:
    from dorec.cli import show
    from dorec.loop.designing import estimate_by_design, write_design_page

    found = estimate_by_design(request, context=show.context(quiet=as_json).with_seed(seed))
    written = None if page is None else write_design_page(found, page)
    if as_json:
        show.print_json({**found.to_dict(), "seed": seed, "page": None if written is None else str(written)})
    else:
        show.designed(found, written)


def _one_of(option: str, given: str, allowed: tuple[str, ...]) -> str:
    if given not in allowed:
        raise ConfigError(f"--{option} is {given!r}; allowed: {', '.join(allowed)}.")
    return given
