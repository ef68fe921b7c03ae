"""`dorec discover` and `dorec identify`: what may cause what, and whether the data can tell."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dorec.domain.errors import ConfigError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines instead of tables.")]


def discover(
    file: Annotated[Path | None, typer.Argument(help="A table: CSV, TSV, JSON lines or Parquet.")] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="boss (the default), ges, pc, fci, ...; give it twice or more for what they agree on."),
    ] = None,
    knowledge: Annotated[
        Path | None, typer.Option(help="TOML or JSON with tiers, required, forbidden, groups and priors.")
    ] = None,
    column: Annotated[list[str] | None, typer.Option(help="A column to take as a node; default: all that can.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the method, as --set alpha=0.01.")
    ] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Resamples, for the confidence of each edge.")] = 0,
    drop_missing: Annotated[bool, typer.Option("--drop-missing", help="Leave out rows with missing values.")] = False,
    truth: Annotated[Path | None, typer.Option(help="A graph (.json, .dot, .gml, .bif, .txt) to compare with.")] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for graph.json, graph.svg and report.html.")] = None,
    methods: Annotated[bool, typer.Option("--methods", help="Say what each method is for, and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Learn what may cause what from a table, and hold the graph against it.

    Examples:
      dorec discover table.csv

      dorec discover table.csv --method fci --knowledge known.toml --out graph

      dorec discover table.csv --method pc --method boss --method ges --json
    """
    from dorec.cli import show
    from dorec.loop.discovering import DiscoverRequest, discover_file, purposes
    from dorec.loop.graph_page import write_graph

    if methods:
        show.print_json(purposes()) if as_json else show.purposes(purposes())
        return
    if file is None:
        raise ConfigError("discover needs a table: dorec discover FILE. What each method is for: discover --methods.")
    request = DiscoverRequest(
        source=file,
        methods=tuple(method or ("boss",)),
        settings=settings_of_options(set_ or ()),
        knowledge=knowledge,
        columns=tuple(column or ()),
        missing="drop" if drop_missing else "refuse",
        bootstrap=bootstrap,
        truth=truth,
    )
    found = discover_file(request, context=show.context(quiet=as_json))
    page = None if out is None else write_graph(found, out)
    if as_json:
        show.print_json({**found.to_dict(), "report": None if page is None else str(page)})
    else:
        show.discovered(found, page)


def identify(
    graph: Annotated[str, typer.Argument(help='A graph file, or edges: "z -> t; z -> y; t -> y".')],
    treatment: Annotated[list[str], typer.Option("--treatment", "-t", help="What is done; give it twice for two.")],
    outcome: Annotated[list[str], typer.Option("--outcome", "-y", help="What is asked about.")],
    given: Annotated[list[str] | None, typer.Option(help="Within levels of this node.")] = None,
    unobserved: Annotated[list[str] | None, typer.Option(help="A node that was not measured.")] = None,
    cost: Annotated[
        list[str] | None, typer.Option(help="What measuring or randomising a node costs, as --cost income=20.")
    ] = None,
    experiment: Annotated[
        list[str] | None, typer.Option(help="Nodes that one experiment randomised, as --experiment price,ad.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A table of classes: a refusal then says in which range the effect lies.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Whether a graph lets the data answer a causal question, by which formula, or what would have to be measured.

    Examples:
      dorec identify "z -> t; z -> y; t -> y" -t t -y y

      dorec identify graph.json --treatment ad --outcome buy --unobserved mood --cost mood=5
    """
    from dorec.cli import show
    from dorec.domain.query import CausalQuery
    from dorec.loop.identifying import costs_of, identify_in

    query = CausalQuery(tuple(treatment), tuple(outcome), tuple(given or ()))
    context = show.context(quiet=as_json)
    found = identify_in(
        graph,
        query,
        unobserved=tuple(unobserved or ()),
        experiments=tuple(experiment or ()),
        costs=costs_of(cost or ()),
        data=data,
        context=context,
    )
    show.print_json(found.to_dict()) if as_json else show.identified(found)


def names_of(options: Sequence[str]) -> tuple[str, ...]:
    """Column names from options that may be given several times or joined by commas.

    >>> names_of(["age,visits", "city"])
    ('age', 'visits', 'city')
    """
    return tuple(dict.fromkeys(name.strip() for one in options for name in one.split(",") if name.strip()))


def settings_of_options(lines: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """Settings from "name=value", values as JSON has them, else as text."""
    found: dict[str, Any] = {}
    for line in lines:
        name, sign, value = line.partition("=")
        if not sign:
            raise ConfigError(f"{line!r} is no setting. Write NAME=VALUE, as --set alpha=0.01.")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value.strip()
    return found
