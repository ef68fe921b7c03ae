"""Cards, values of policies and experiments, as people read them on a terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from dorec.cli.show import console, estimates_table, verdicts
from dorec.domain.decision import Decision, TrackRecord, TrialPlan
from dorec.loop.card_blocks import CALLS
from dorec.loop.evaluating import Evaluated
from dorec.loop.experimenting import Experimented, joint_bounds

COLOURS = {"ship": "green", "don't ship": "red", "test": "yellow"}


def evaluated(found: Evaluated, page: Path | None) -> None:
    """What policies are worth, whether the log can tell, and the card."""
    log = found.log.feedback
    if found.dropped_rows:
        console.print(f"[yellow]![/] {found.dropped_rows:,} rows that can't be used were left out.")
    if found.learned_on:
        said = f"Policies learned on {found.learned_on:,} other rows of the log (another half of it)."
        console.print(f"[dim]· {said}[/]")
    best = found.best
    title = f"Reward per decision ({found.request.columns.reward}), {log.n:,} decisions, {log.n_actions} actions"
    console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)
    rows = [(escape(str(found.incumbent.name)), found.incumbent, None)]
    rows += [(escape(f"{one.name} ({one.chosen})"), one.value, None) for one in found.policies]
    rows += [(escape(f"gain: {one.gain.name}"), one.gain, None) for one in found.policies]
    console.print(estimates_table(rows, ""))
    if len(best.values) > 1:
        others = [(escape(name), one, None) for name, one in best.values.items()]
        console.print(estimates_table(others, f"{best.name}, by estimator"))
    for name, refusal in {**best.refused, **found.refused}.items():
        said = escape(f"{name}: {refusal.reason}. {refusal.remedy}")
        console.print(f"[yellow]Refused[/] {said}.", highlight=False, soft_wrap=True)
    _segments(found)
    verdicts(found.checks)
    card(found.decision)
    console.print(f"[dim]Past promises: {found.record}.[/]")
    if found.entered:
        told = f"dorec experiment FILE --variant ARM --metric {found.request.columns.reward}"
        told += f" --decision {found.decision.decision_id} --study {found.request.study}"
        console.print(f"Entered. After the experiment: [bold]{escape(told)}[/]", soft_wrap=True)
    _page(page, [] if found.entered else ["--study FOLDER keeps the card"])


def experimented(found: Experimented, page: Path | None) -> None:
    """Whether it was a fair experiment, what it changed, and what became of the promise."""
    units = next(iter(found.lifts.values())).n
    console.print(f"{found.request.source.name}: {units:,} units", style="bold", markup=False, highlight=False)
    rows = [(escape(str(one.name)), one, None) for arm in found.arms.values() for one in arm.scalars()]
    rows += [(escape(str(one.name)), one, None) for lift in found.lifts.values() for one in lift.scalars()]
    console.print(estimates_table(rows, ""))
    for name, lift in found.lifts.items():
        if (joint := joint_bounds(lift)) is not None:
            told = "; ".join(
                f"{one.name} {low:.4g} to {high:.4g}" for one, (low, high) in zip(lift.scalars(), joint, strict=True)
            )
            console.print(f"All arms at once ({escape(name)}): {escape(told)}", highlight=False, soft_wrap=True)
    verdicts(found.checks)
    card(found.decision)
    if found.settlement is not None and found.promise is not None:
        end, held = found.settlement, {True: "[green]held[/]", False: "[red]not held[/]", None: "without an interval"}
        off = "" if end.standardised is None else f", off by {end.standardised:.1f} standard errors"
        said = f"Promised {found.promise.gain:.4g}, measured {end.measured:.4g} ± {end.std_error:.2g}{off}"
        console.print(f"[bold]The promise {found.promise.decision_id}[/] {held[end.held]}: {said}.", highlight=False)
        console.print(f"[dim]Past promises: {found.record}.[/]")
    _page(page, [])


def card(decision: Decision) -> None:
    """The card: the call, its reason, what would change it, the trial."""
    colour = COLOURS[decision.choice]
    console.print(f"\n[bold {colour}]{CALLS[decision.choice]}[/] [bold]{escape(decision.question)}[/]")
    console.print(f"  {escape(decision.meaning[0].upper() + decision.meaning[1:])}.", highlight=False, soft_wrap=True)
    for doubt in decision.doubts:
        console.print(f"  [yellow]![/] {escape(doubt)}", highlight=False, soft_wrap=True)
    if decision.calibration:
        console.print(f"  past promises: {escape(decision.calibration)}", highlight=False, soft_wrap=True)
    for reversal in decision.reversals:
        console.print(f"  changes it: {escape(reversal.meaning)}", highlight=False, soft_wrap=True)
    if decision.plan is not None:
        plan(decision.plan, "would settle it: ")
    for assumption in decision.assumptions:
        console.print(f"  assumes: {escape(assumption)}", highlight=False, soft_wrap=True)


def plan(found: TrialPlan, label: str = "") -> None:
    """The sizes of a trial, and what it watches."""
    console.print(f"  {label}{escape(str(found))}.", highlight=False, soft_wrap=True)
    for name, size in found.guardrails.items():
        console.print(f"  guardrail: it would see a change of {escape(name)} by {size:.3g}", highlight=False)
    if not label:
        for what in found.watch:
            console.print(f"  stops at: {escape(what)}", highlight=False, soft_wrap=True)


def decisions(record: TrackRecord, rows: int) -> None:
    """Cards with promise, measurement and error."""
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("decision", no_wrap=True)
    table.add_column("question")
    table.add_column("call", no_wrap=True)
    for name in ("promised", "measured", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    for one, end in record.entries:
        bounds = "no interval" if one.lower is None or one.upper is None else f"[{one.lower:.2g}, {one.upper:.2g}]"
        cells = [one.decision_id, one.question, one.choice, f"{one.gain:.3g}\n{bounds}"]
        if end is None:
            cells += ["open", ""]
        else:
            held = {True: "held", False: "not held", None: ""}[end.held]
            cells += [f"{end.measured:.3g}\n± {end.std_error:.2g}", f"{end.error:+.2g}\n{held}"]
        table.add_row(*map(escape, cells))
    console.print(table)
    console.print(f"{str(record).capitalize()}. [dim]Rows compared with their hashes: {rows}.[/]")


def _segments(found: Evaluated) -> None:
    shown = found.segment_gains if found.segment_gains is not None else found.segments
    if shown is None:
        return
    what = "Gain" if found.segment_gains is not None else "Value"
    table = Table(title=f"{what} by {found.request.segment}", title_justify="left", title_style="bold", show_edge=False)
    for name in (str(found.request.segment), what.lower(), "95% for all at once"):
        table.add_column(name, justify="right" if name == what.lower() else "left")
    joint = None if shown.no_interval else shown.interval(joint=True)
    for i, one in enumerate(shown.scalars()):
        bounds = "none" if joint is None else f"[{joint.lower[i]:.4g}, {joint.upper[i]:.4g}]"
        table.add_row(escape(str(one.name)), f"{one.value:.4g}", escape(bounds))
    console.print(table)


def _page(page: Path | None, hints: Sequence[str]) -> None:
    hints = [*hints, *([] if page is not None else ["--page FILE.html shows it"])]
    if page is not None:
        console.print(f"\nPage: [bold]{page}[/]", soft_wrap=True)
    if hints:
        console.print(f"[dim]Add {', '.join(hints)}.[/]")
