"""What people see on a terminal: tables, bars and next steps."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dorec.domain.estimate import Estimate
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.loop.results import plain

if TYPE_CHECKING:  # each command loads what it needs and no more
    from dorec.loop.demo import DemoResult
    from dorec.loop.designing import Designed
    from dorec.loop.discovering import Discovered
    from dorec.loop.estimating import Estimated
    from dorec.loop.identifying import Identified
    from dorec.loop.ingesting import IngestResult
    from dorec.loop.recommending import Recommended
    from dorec.loop.run import RunSummary

console = Console()
T = TypeVar("T")
SHOWN_TRIALS, SHOWN_ITEMS = 8, 5
MARKS = {"passed": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[red]✗[/]"}


class Bars:
    """Progress bars on the terminal's error stream; nothing where it is no terminal."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._depth = 0

    def track(self, items: Iterable[T], *, label: str, total: int | None) -> Iterator[T]:
        """Yield the items while a bar shows how many have passed."""
        if self._depth == 0:
            self._progress.start()
        self._depth += 1
        task = self._progress.add_task(label, total=total)
        try:
            for item in items:
                yield item
                self._progress.advance(task)
        finally:
            self._progress.remove_task(task)
            self._depth -= 1
            if self._depth == 0:
                self._progress.stop()


def context(*, quiet: bool) -> RunContext:
    """The context of a command: with bars, unless a machine listens."""
    return RunContext() if quiet else RunContext(progress=Bars())


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(plain(document), ensure_ascii=False, indent=2))  # noqa: T201


def estimates_table(rows: Sequence[tuple[str, Estimate, float | None]], title: str) -> Table:
    """Estimates with intervals and, where it is known, the truth."""
    with_truth = any(truth is not None for _, _, truth in rows)
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column("question")
    for name in ("estimate", "95% interval", *(["truth", ""] if with_truth else [])):
        table.add_column(name, justify="right")
    for label, estimate, truth in rows:
        bounds, mark = "no valid interval", ""
        if not estimate.no_interval:
            lower, upper = estimate.interval()
            bounds = f"[{lower:.4g}, {upper:.4g}]".replace("[", r"\[")
            if truth is not None:
                mark = "[green]covered[/]" if lower <= truth <= upper else "[yellow]missed[/]"
        cells = [label, f"{estimate.value:.4g}", bounds]
        table.add_row(*cells, *([("" if truth is None else f"{truth:.4g}"), mark] if with_truth else []))
    return table


def labelled(estimates: Mapping[str, Estimate]) -> list[tuple[str, Estimate, float | None]]:
    """Each value of each estimate as a row, under the estimate's label and, for a vector, the value's name."""
    rows: list[tuple[str, Estimate, float | None]] = []
    for label, estimate in estimates.items():
        parts = estimate.scalars()
        rows += [(label if len(parts) == 1 else f"{label}: {part.name}", part, None) for part in parts]
    return rows


def models_table(estimates: Mapping[str, Estimate], title: str) -> Table:
    """Models down, metrics across, with the half-width of each 95% interval."""
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column("model")
    for name in next(iter(estimates.values())).name:
        table.add_column(str(name), justify="right")
    for model, estimate in estimates.items():
        cells = []
        for i in range(len(estimate.name)):
            lower, upper = (None, None) if estimate[i].no_interval else estimate[i].interval()
            cells.append(f"{estimate[i].value:.3f}" + ("" if lower is None else f" ± {(upper - lower) / 2:.3f}"))
        table.add_row(model, *cells)
    return table


def study_file(path: Path) -> None:
    """The file that `init` wrote, and the next step."""
    console.print(path.read_text(encoding="utf-8"), markup=False, highlight=False, soft_wrap=True)
    console.print(f"Wrote [bold]{path}[/]. Read it, correct what is wrong, then: [bold]dorec run {path.parent}[/]")


def purposes(found: Mapping[str, str]) -> None:
    """What each method is for."""
    table = Table(show_header=False, show_edge=False, pad_edge=False)
    for name, purpose in found.items():
        table.add_row(f"[bold]{escape(name)}[/]", escape(purpose))
    console.print(table)


def discovered(found: "Discovered", page: Path | None) -> None:
    """The edges of a graph, what the data say against it, and what knowledge changed."""
    from dorec.loop.graph_page import difference, edge_in_words

    if found.dropped_rows:
        console.print(f"[yellow]![/] {found.dropped_rows:,} rows with missing values were dropped.")
    for name, why in found.left_out.items():
        console.print(f"[dim]· {escape(name)} is no node: {escape(why)}[/]")
    settings = ", ".join(f"{k}={v}" for k, v in {**found.chosen, **found.request.settings}.items())
    by = escape(", ".join(found.request.methods) + (f" ({settings})" if settings else ""))
    title = f"{len(found.graph.edges)} edges among {len(found.graph.nodes)} columns of {found.rows:,} rows, by {by}"
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column("edge")
    table.add_column("confidence", justify="right")
    for edge in found.graph.edges:
        sure = "" if edge.confidence is None else f"{edge.confidence:.2f}"
        table.add_row(escape(edge_in_words(edge)), sure)
    console.print(table)
    verdicts(found.verdicts)
    if found.without_knowledge is not None:
        added, removed = difference(found.graph, found.without_knowledge)
        said = f"[bold]Knowledge changed[/] {len(added)} edges" if added or removed else "Knowledge changed nothing"
        console.print(said + (": " + escape("; ".join(added)) if added else ""))
        if removed:
            console.print(f"  without it: {escape('; '.join(removed))}")
    if found.comparison is not None:
        skeleton, directed = found.comparison.skeleton, found.comparison.directed
        console.print(
            f"Beside the given graph: SHD {found.comparison.shd}, pairs F1 {skeleton.f1:.2f}, directions F1 "
            f"{directed.f1:.2f}"
        )
    if found.request.knowledge is None and found.verdicts:  # methods over time know the order
        console.print("[dim]No time order was given: --knowledge FILE says what can't cause what.[/]")
    said = f"\nReport: [bold]{page}[/]" if page else "\n[dim]Add --out FOLDER for a picture and a page.[/]"
    console.print(said, soft_wrap=True)


def identified(found: "Identified") -> None:
    """An estimand, what it assumes, and what else the graph offers."""
    console.print(escape(str(found.estimand)), style="bold", highlight=False)
    console.print(f"[dim]{escape(found.estimand.latex())}[/]", highlight=False)
    console.print(f"strategy: {found.estimand.strategy}")
    for assumption in found.estimand.assumptions:
        console.print(f"  assumes: {escape(assumption)}", highlight=False)
    verdicts([found.verified])
    if found.sets:
        console.print("adjustment sets: " + escape("; ".join("{" + ", ".join(s) + "}" for s in found.sets)))
    if found.instruments:
        console.print("instruments: " + escape("; ".join(map(str, found.instruments))))


def estimated(found: "Estimated", page: Path | None) -> None:
    """An effect, what it assumes, and what was found against it."""
    from dorec.loop.effect_page import set_in_words

    asked = found.request
    if found.dropped_rows:
        console.print(f"[yellow]![/] {found.dropped_rows:,} rows with missing values were dropped.")
    by = f"{found.method} ({found.strategy})"
    title = f"Effect of {asked.treatment} on {asked.outcome}, {found.rows:,} units, by {by}"
    console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)
    rows = {} if found.naive is None or found.strategy == "randomised" else {"naive difference": found.naive}
    rows["adjusted" if rows else "effect"] = found.effect
    lines = [(f"{label}: {part.name}", part, None) for label, e in rows.items() for part in e.scalars()]
    if found.response is not None:
        lines += [(f"{asked.outcome}: {part.name}", part, None) for part in found.response.scalars()]
    console.print(estimates_table([(escape(label), part, truth) for label, part, truth in lines], ""))
    if found.effect.no_interval:
        console.print(f"[yellow]No interval[/]: {escape(found.effect.no_interval)}")
    if found.weak_set is not None:
        console.print(f"Effects that the data do not reject (95%): {set_in_words(found.weak_set)}")
    if found.groups is not None:
        console.print(escape("; ".join(f"{one.value:.1%} {one.name}" for one in found.groups.scalars())))
    if found.method == "mediation":
        console.print(
            "[dim]total = nde + tie = tde + nie: natural direct and total indirect, and the other way round[/]"
        )
    console.print("[bold]It holds if[/]")
    for assumption in found.estimand.assumptions:
        console.print(f"  · {escape(assumption)}", highlight=False, soft_wrap=True)
    verdicts(found.checks)
    hints = [] if found.refutations else ["--refute attacks it"]
    hints += [] if page is not None else ["--page FILE.html shows it"]
    if page is not None:
        console.print(f"\nPage: [bold]{page}[/]", soft_wrap=True)
    if hints:
        console.print(f"[dim]Add {', '.join(hints)}.[/]")


def designed(found: "Designed", page: Path | None) -> None:
    """The effect of a design, by period where it has them, and what was found against it."""
    asked = found.request
    title = (
        f"Effect of {asked.treatment or asked.treated_from} on {asked.outcome}, {found.rows:,} rows, by {asked.design}"
    )
    console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)
    lines = [(escape(str(one.name)), one, None) for one in found.effect.scalars()]
    if found.parts is not None:
        lines += [(f"periods since the start: {escape(str(one.name))}", one, None) for one in found.parts.scalars()]
    console.print(estimates_table(lines, ""))
    if found.bounds is not None:
        low, high = found.bounds
        console.print(f"Placebos allow {low:.4g} to {high:.4g}", highlight=False)
    if found.p_value is not None:
        console.print(f"Placebo p-value: {found.p_value:.3g}", highlight=False)
    console.print("[bold]It holds if[/]")
    for assumption in found.assumptions:
        console.print(f"  · {escape(assumption)}", highlight=False, soft_wrap=True)
    verdicts(found.verdicts)
    if page is not None:
        console.print(f"\nPage: [bold]{page}[/]", soft_wrap=True)


def recommended(found: "Recommended", lists: Path | None, page: Path | None) -> None:
    """How the file was read, the models side by side, and the first lists."""
    from dorec.loop.recommend_page import headline

    data = found.dataset
    read = ", ".join(f"{role} = {column}" for role, column in found.roles.columns.items())
    counts = f"{data.n_interactions:,} interactions of {data.n_users:,} users with {data.n_items:,} items"
    console.print(f"[dim]{counts}; {escape(read)}[/]", highlight=False)
    for reason, n in found.set_aside.items():
        console.print(f"[yellow]![/] {n:,} rows set aside: {escape(reason)}")
    title = f"Held out: {found.split.test.n_interactions:,} interactions, {found.split.how}"
    console.print(models_table(found.comparison.scores, title))
    for name, why in found.refused.items():
        console.print(f"[yellow]![/] {escape(name)}: {escape(why)}")
    console.print(escape(headline(found)), style="bold", highlight=False, soft_wrap=True)
    verdicts([v for v in found.verdicts if v.status != "passed"])
    if found.leaderboard is not None:
        console.print("\n[bold]What the search tried[/]")
        told = str(found.leaderboard).splitlines()
        console.print("\n".join(told[: SHOWN_TRIALS + 1]), markup=False, highlight=False, soft_wrap=True)
        if len(told) > SHOWN_TRIALS + 1:
            console.print(f"[dim]and {len(told) - SHOWN_TRIALS - 1} more, in --page and --json[/]")
    if found.curve is not None:
        console.print("\n[bold]On growing shares of the training data[/]")
        console.print(str(found.curve), markup=False, highlight=False)
    if found.reranking is not None:
        console.print(models_table(found.reranking.scores, f"\nLists of {found.best}, before and after re-ranking"))
    rows = Table(title=f"\nWhat {found.best} would show", title_justify="left", title_style="bold", show_edge=False)
    for name in ("user", "rank", "item", "because of"):
        rows.add_column(name, justify="right" if name == "rank" else "left")
    for row in found.table.to_pylist():
        if row["rank"] > SHOWN_ITEMS:
            continue
        why = "popular with everyone" if row["fallback"] else row["because"]
        rows.add_row(
            *(escape(str(v)) for v in (row["user_id"] if row["rank"] == 1 else "", row["rank"], row["title"], why))
        )
    console.print(rows)
    for label, path in (("Lists", lists), ("Page", page)):
        if path is not None:
            console.print(f"{label}: [bold]{path}[/]", soft_wrap=True)
    if lists is None or page is None:
        console.print(
            "[dim]--out FILE.parquet writes everybody's lists, --page FILE.html shows it all, --search tunes.[/]"
        )


def receipt(result: "IngestResult") -> None:
    """What became of the rows."""
    total = result.receipt
    console.print(
        f"{total.received:,} rows received = {total.stored:,} stored + {total.duplicates:,} duplicates "
        f"+ {total.quarantined:,} quarantined"
    )
    for reason, count in result.reasons.items():
        console.print(f"  quarantined: {reason}: {count:,}")
    if total.quarantined:
        console.print(f"Their lines, reasons and bytes are in {result.quarantine}.")


def verdicts(found: Sequence[Verdict]) -> None:
    """Checks with their marks."""
    table = Table(show_header=False, show_edge=False, pad_edge=False)
    for verdict in found:
        said = verdict.meaning.rstrip(".") + "." if verdict.remedy else verdict.meaning
        table.add_row(MARKS[verdict.status], verdict.check, f"{escape(said)} [dim]{escape(verdict.remedy)}[/]")
    console.print(table)


def summary(done: "RunSummary") -> None:
    """What a run did, found, left out and refused."""
    table = Table(show_header=False, show_edge=False, pad_edge=False)
    marks = {"done": "[green]✓[/]", "kept": "[green]=[/]", "left out": "[dim]·[/]"}
    for stage in done.stages:
        note = {
            "done": f"{stage.seconds:.1f} s",
            "kept": "unchanged, kept",
            "left out": f"left out: {escape(stage.why)}",
        }[stage.status]
        table.add_row(marks[stage.status], stage.label, f"[dim]{note}[/]")
    console.print(table)
    for result in done.results.values():
        for refusal in result.refusals:
            said = escape(f"{refusal['question']}: {refusal['reason']}. {refusal['remedy']}")
            console.print(f"[yellow]Refused[/] {said}")
    recommend = done.results.get("recommend")
    if recommend is not None and recommend.estimates:
        console.print(models_table(recommend.estimates, f"Recommenders, on the {recommend.facts['split']} split"))
    for name, title in (("effects", "Effects"), ("off_policy", "Value of policies on the log")):
        if name in done.results and done.results[name].estimates:
            console.print(estimates_table(labelled(done.results[name].estimates), title))
    if done.decision is not None:
        from dorec.cli import decision_views

        decision_views.card(done.decision)
    console.print(f"\nReport: [bold]{done.report}[/]", soft_wrap=True)


def summary_dict(done: "RunSummary") -> dict[str, Any]:
    """The same for machines."""
    return {
        "run": done.run.run_id,
        "report": str(done.report),
        "stages": [vars(stage) for stage in done.stages],
        "estimates": {n: [e.to_dict() for e in r.estimates.values()] for n, r in done.results.items()},
        "verdicts": {n: [v.to_dict() for v in r.verdicts] for n, r in done.results.items()},
        "refusals": [refusal for r in done.results.values() for refusal in r.refusals],
        "facts": {n: r.facts for n, r in done.results.items()},
        "decision": None if done.decision is None else done.decision.to_dict(),
    }


def demo(result: "DemoResult") -> None:
    """Estimates beside the truth, and where the report is."""
    summary(result.summary)
    console.print()
    console.print(estimates_table(result.rows, "Estimates beside the truth of the simulated shop"))
