"""`dorec estimate`: how big is the effect, and does it survive attack."""

from pathlib import Path
from typing import Annotated, cast

import typer

from dorec.cli.graphs import Json, settings_of_options
from dorec.domain.errors import ConfigError
from dorec.domain.query import Population
from dorec.domain.study import Missing


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
    """
    from dorec.cli import show
    from dorec.loop.effect_page import write_effect_page
    from dorec.loop.effect_question import EstimateRequest
    from dorec.loop.estimating import estimate_file, names_of, purposes

    if methods:
        show.print_json(purposes()) if as_json else show.purposes(purposes())
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
    found = estimate_file(request, context=show.context(quiet=as_json).with_seed(seed))
    written = None if page is None else write_effect_page(found, page)
    if as_json:
        show.print_json({**found.to_dict(), "seed": seed, "page": None if written is None else str(written)})
    else:
        show.estimated(found, written)


def _one_of(option: str, given: str, allowed: tuple[str, ...]) -> str:
    if given not in allowed:
        raise ConfigError(f"--{option} is {given!r}; allowed: {', '.join(allowed)}.")
    return given
