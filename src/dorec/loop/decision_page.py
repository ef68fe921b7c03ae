"""The pages of `dorec evaluate` and `dorec experiment`: the card on top, then values, diagnostics and the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dorec.domain.decision import Decision, Settlement, TrackRecord
from dorec.domain.errors import Refusal
from dorec.domain.estimate import Estimate, Interval
from dorec.explain import (
    AssumptionList,
    Block,
    Details,
    EstimateTable,
    FigureBlock,
    KeyFigures,
    Note,
    RefusalBlock,
    Report,
    Section,
    Table,
    VerdictList,
    forest_figure,
    render_html,
)
from dorec.explain.blocks import Align
from dorec.loop.card_blocks import card_blocks, headline, plan_blocks, three
from dorec.loop.evaluating import Evaluated
from dorec.loop.experimenting import Experimented, joint_bounds
from dorec.loop.policy_values import Valued


def write_evaluation_page(found: Evaluated, path: Path) -> Path:
    """Write the page of a log to a file; its path."""
    return _write(evaluation_page(found), path)


def write_experiment_page(found: Experimented, path: Path) -> Path:
    """Write the page of an experiment to a file; its path."""
    return _write(experiment_page(found), path)


def evaluation_page(found: Evaluated) -> Report:
    """What policies are worth that were never run, and whether one should take over."""
    facts = {"rows": f"{found.log.feedback.n:,}", "actions": found.log.feedback.n_actions}
    facts |= {"estimator": found.best.chosen, "decision": found.decision.decision_id}
    return Report(
        found.decision.question,
        subtitle=found.request.source.name,
        facts=facts,
        headline=[headline(found.decision)],
        sections=[
            Section("The decision", blocks=card_blocks(found.decision)),
            _values(found),
            *_estimators(found),
            *_segments(found),
            Section("Can the log tell?", blocks=[VerdictList(found.checks)]),
            *_plan(found),
            _past(found.record),
            _ground(found.decision),
        ],
    )


def experiment_page(found: Experimented) -> Report:
    """What each arm changed, and what that says about the promise."""
    first = next(iter(found.lifts.values()))
    facts = {"rows": f"{found.rows:,}", "units": f"{first.n:,}", "method": first.method}
    blocks: list[Block] = []
    for name, lift in found.lifts.items():
        parts = list(lift.scalars())
        blocks += [FigureBlock(forest_figure(parts, title=f"What changed: {name}"))]
        blocks += [EstimateTable(parts, caption="95% interval of each arm")]
        if (joint := joint_bounds(lift)) is not None:
            rows = [[str(one.name), *three(one.value, *ends)] for one, ends in zip(parts, joint, strict=True)]
            blocks.append(
                Table(["arm", "gain", "lower", "upper"], rows, caption="Bounds that hold for all arms at once")
            )
    arms: list[Block] = [EstimateTable(list(arm.scalars()), caption=name) for name, arm in found.arms.items()]
    return Report(
        found.decision.question,
        subtitle=found.request.source.name,
        facts=facts,
        headline=[headline(found.decision)],
        sections=[
            Section("The decision", blocks=card_blocks(found.decision)),
            *_settlement(found.promise, found.settlement, found.record),
            Section("What the experiment changed", blocks=blocks),
            Section("Each arm", blocks=arms),
            Section("Was it a fair experiment?", blocks=[VerdictList(found.checks)]),
            _ground(found.decision),
        ],
    )


def _plan(found: Evaluated) -> list[Section]:
    blocks = plan_blocks(found.decision, metric=found.request.columns.reward)
    return [Section("The experiment that would settle it", blocks=blocks)] if blocks else []


def _values(found: Evaluated) -> Section:
    rows = [found.incumbent, *(one.value for one in found.policies)]
    best = replace(found.best.gain, name=f"gain of {found.best.name}")
    gains = [one.gain for one in found.policies if one is not found.best]
    blocks: list[Block] = [
        FigureBlock(forest_figure(rows, title="Reward per decision", reference=float(found.incumbent.value))),
        EstimateTable([best, *gains], caption="Paired gain over the incumbent, before past promises are looked at"),
    ]
    if found.learned_on:
        said = f"Policies learned on {found.learned_on:,} other rows of the log and were judged on these."
        blocks.insert(0, Note(said))
    if found.dropped_rows:
        blocks.insert(0, Note(f"{found.dropped_rows:,} rows that can't be used were left out.", tone="warning"))
    if found.refused:
        blocks.append(RefusalBlock([(f"What is {name} worth?", why) for name, why in found.refused.items()]))
    return Section("What the policies are worth", blocks=blocks)


def _estimators(found: Evaluated) -> list[Section]:
    one = found.best
    blocks: list[Block] = []
    if len(one.values) > 1:
        every = list(one.values.values())
        shown = _drawable(every, one.values[one.chosen])
        caption = f"Believed: {one.chosen}. The line without a dot is the incumbent's value."
        if len(shown) < len(every):
            caption += f" Far too wide to be drawn: {', '.join(str(e.name) for e in every if e not in shown)}."
        blocks.append(
            FigureBlock(
                forest_figure(
                    shown, title=f"{one.name}, by estimator", reference=float(found.incumbent.value), caption=caption
                )
            )
        )
        blocks.append(Details("Numbers", [EstimateTable(every), *_choice(one)]))
    blocks += _refused(one.refused)
    return [Section("By other estimators", blocks=blocks)] if blocks else []


def _drawable(every: Sequence[Estimate], chosen: Estimate) -> list[Estimate]:
    """Estimators but those whose interval would squeeze all others into a dot."""
    if chosen.no_interval:
        return list(every)
    return [one for one in every if one.no_interval or one.std_error <= 8 * chosen.std_error]


def _choice(one: Valued) -> list[Block]:
    if one.candidates is None:
        return []
    rows = [[c.name, c.value, c.std_error, c.bias, c.mean_squared_error] for c in one.candidates.candidates]
    columns = ["estimator", "value", "standard error", "bias", "squared error"]
    return [Table(columns, rows, caption="Estimated error of each", formats=dict.fromkeys(columns[1:], "number"))]


def _refused(refused: Mapping[str, Refusal]) -> list[Block]:
    pairs = [(f"By {name}?", refusal) for name, refusal in refused.items()]
    return [RefusalBlock(pairs)] if pairs else []


def _segments(found: Evaluated) -> list[Section]:
    if found.segments is None:
        return []
    shown, what = found.segment_gains, "Gain"
    if shown is None:
        shown, what = found.segments, "Value"
    joint = None if shown.no_interval else shown.interval(joint=True)
    parts = [replace(one, name=str(one.name)) for one in shown.scalars()]
    blocks: list[Block] = [FigureBlock(forest_figure(parts, title=f"{what} by {found.request.segment}"))]
    if joint is not None:
        rows = [[str(e.name), *three(e.value, joint.lower[i], joint.upper[i])] for i, e in enumerate(parts)]
        columns = [str(found.request.segment), what.lower(), "lower", "upper"]
        blocks.append(Table(columns, rows, caption="Bounds that hold for all at once", align=_right(columns)))
    return [Section(f"By {found.request.segment}", blocks=blocks)]


def _settlement(promise: Decision | None, end: Settlement | None, record: TrackRecord) -> list[Section]:
    if promise is None or end is None:
        return []
    measured = Interval(end.measured - 1.96 * end.std_error, end.measured + 1.96 * end.std_error)
    held = {True: "held", False: "not held", None: "no interval was promised"}[end.held]
    tiles = [("promised", three(promise.gain, promise.lower, promise.upper)[0], promise.decision_id)]
    tiles += [("measured", three(end.measured, *measured)[0], end.name)]
    tiles += [("promise", held, "" if end.standardised is None else f"off by {end.standardised:.1f} standard errors")]
    return [Section("The promise", lead=f"{record}.", blocks=[KeyFigures(tiles)])]


def _past(record: TrackRecord) -> Section:
    rows = [
        [card.decision_id, card.question, card.choice, card.gain, None if end is None else end.measured]
        for card, end in list(record.entries)[-20:]
    ]
    blocks: list[Block] = [Table(["decision", "question", "call", "promised", "measured"], rows)] if rows else []
    return Section("Past promises", lead=f"Until now {record}.", blocks=blocks)


def _ground(card: Decision) -> Section:
    hashes = [[Path(path).name, digest[:16]] for path, digest in card.inputs.items()]
    blocks: list[Block] = [AssumptionList(list(card.assumptions))]
    blocks += [Details("The files this rests on", [Table(["file", "SHA-256"], hashes)])] if hashes else []
    return Section("What has to be true for this to hold", blocks=blocks)


def _right(columns: Sequence[str]) -> dict[str, Align]:
    return dict.fromkeys(columns[1:], "right")


def _write(report: Report, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(report), encoding="utf-8")
    return path
