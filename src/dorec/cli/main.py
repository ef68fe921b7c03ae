"""`dorec`: the commands. Each is a thin skin over one call of the library."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import dorec
from dorec.cli import effects, graphs, policies, recommending
from dorec.domain.errors import DorecError, Refusal, UnreadableSource

# read when scikit-learn loads OpenMP: threads that wait on a busy machine sleep instead of spinning
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

app = typer.Typer(
    name="dorec",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
    help="From behaviour logs: what to show or offer to whom, what that causes, and how sure that is.\n\n"
    "Start with [bold]dorec demo[/bold], or with your own data:\n\n"
    "  dorec init shop --events events.csv\n\n  dorec run shop",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines instead of tables.")]
Folder = Annotated[Path, typer.Argument(help="The study's folder, with its dorec.toml.")]


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demo's study goes.")] = Path("demo-study"),
    users: Annotated[int, typer.Option(min=500, help="Users of the simulated shop.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another shop.")] = 0,
    as_json: Json = False,
) -> None:
    """Simulate a shop whose truth is known, run the whole loop on its log, and print estimates beside the truth."""
    from dorec.cli import show
    from dorec.loop.demo import run_demo

    result = run_demo(folder, n_users=users, seed=seed, context=show.context(quiet=as_json))
    show.print_json(result.to_dict()) if as_json else show.demo(result)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The study's folder; it is made if it does not exist.")],
    events: Annotated[str | None, typer.Option(help="File, folder, glob or database URL with events.")] = None,
    items: Annotated[list[str] | None, typer.Option(help="Table of items; give it twice to join two.")] = None,
    users: Annotated[list[str] | None, typer.Option(help="Table of users; give it twice to join two.")] = None,
    treatments: Annotated[
        list[str] | None, typer.Option(help="Who was treated, how and when; or an experiment.")
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table of the database that --events names.")] = None,
    randomised: Annotated[
        bool, typer.Option("--randomised", help="A coin decided who was treated (A/B test).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a dorec.toml that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Look at the data and write a commented dorec.toml.

    Examples:
      dorec init shop --events events.csv --items items.csv

      dorec init test --treatments experiment.csv --randomised
    """
    from dorec.cli import show
    from dorec.loop.init import Sources, init_study

    sources = Sources(events=events, items=items or (), users=users or (), treatments=treatments or (), table=table)
    path = init_study(folder, sources, randomised=randomised, force=force)
    show.print_json({"study_file": str(path)}) if as_json else show.study_file(path)


@app.command()
def run(
    folder: Folder,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do every stage again, even if nothing changed.")] = False,
    as_json: Json = False,
) -> None:
    """Do everything that the data allow; say what was left out and why. Run it again to go on where it stopped."""
    from dorec.cli import show
    from dorec.loop.run import run_study

    summary = run_study(folder, context=show.context(quiet=as_json), command=" ".join(sys.argv), fresh=fresh)
    show.print_json(show.summary_dict(summary)) if as_json else show.summary(summary)


@app.command()
def report(folder: Folder, as_json: Json = False) -> None:
    """Where the newest report is."""
    from dorec.cli import show
    from dorec.loop.report import newest_report

    path = newest_report(folder)
    show.print_json({"report": str(path)}) if as_json else show.console.print(str(path), soft_wrap=True)


@app.command()
def ingest(
    folder: Folder,
    events: Annotated[str | None, typer.Option(help="Another source than the one in dorec.toml.")] = None,
    as_json: Json = False,
) -> None:
    """Read events into the study's store; bad rows are set aside with their line, reason and bytes."""
    from dorec.cli import show
    from dorec.loop.ingesting import ingest_study

    result = ingest_study(folder, source=events, context=show.context(quiet=as_json))
    show.print_json(result.to_dict()) if as_json else show.receipt(result)


app.command()(graphs.discover)
app.command()(graphs.identify)
app.command()(effects.estimate)
app.command()(recommending.recommend)
app.command()(policies.evaluate)
app.command()(policies.experiment)
app.command()(policies.decisions)


@app.command()
def doctor(
    folder: Annotated[Path | None, typer.Argument(help="A study to look at as well.")] = None,
    as_json: Json = False,
) -> None:
    """Check the machine, the packages and a study; say what is missing for what."""
    from dorec.cli import show
    from dorec.loop.doctor import examine

    found = examine(folder)
    show.print_json([v.to_dict() for v in found]) if as_json else show.verdicts(found)
    if any(v.status == "failed" for v in found):
        raise typer.Exit(1)


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Options before a command."""
    if version:
        typer.echo(f"dorec {dorec.__version__}")
        raise typer.Exit


def run_app() -> None:
    """Entry point: a user's mistake or a refusal is a message and an exit code, never a traceback."""
    as_json = "--json" in sys.argv
    try:
        app()
    except DorecError as error:
        _fail(error, as_json)
        raise SystemExit(3 if isinstance(error, Refusal) else 2) from None
    except OSError as error:  # a full disk, a folder that can't be written to
        _fail(
            UnreadableSource(f"{error.strerror or error}: {error.filename or ''}. Check the path and its rights."),
            as_json,
        )
        raise SystemExit(2) from None
    except SystemExit as stop:
        if as_json and stop.code == 2:  # the parser has told people on standard error what was wrong
            typer.echo(json.dumps({"error": "UsageError", "message": "see standard error, or --help"}))
        raise
    except KeyboardInterrupt:
        Console(stderr=True).print("\nStopped. What was finished is kept: the same command goes on from there.")
        raise SystemExit(130) from None


def _fail(error: DorecError, as_json: bool) -> None:
    document: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, Refusal):
        document |= error.to_dict()
    if as_json:
        from dorec.loop.results import plain  # NaN and infinities are no JSON

        typer.echo(json.dumps(plain(document)))
    else:
        Console(stderr=True).print(f"[bold red]{type(error).__name__}[/] ", end="")
        Console(stderr=True, highlight=False, markup=False).print(str(error), soft_wrap=True)
