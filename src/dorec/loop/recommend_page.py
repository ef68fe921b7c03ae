"""The page of `dorec recommend`: which model, is the difference real, what a search tried, what to show to whom."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dorec.domain.estimate import Estimate
from dorec.explain import (
    Block,
    Details,
    FigureBlock,
    Note,
    Report,
    Section,
    Table,
    VerdictList,
    bars_figure,
    curve_figure,
    render_html,
)
from dorec.loop.recommending import Recommended
from dorec.loop.sections import cards

HELD_OUT = {
    "temporal": "what came last",
    "leave-last-out": "each user's last item",
    "random": "a random share of the pairs",
}


def write_recommend_page(found: Recommended, path: Path) -> Path:
    """Write the page to a file; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(recommend_page(found)), encoding="utf-8")
    return path


def recommend_page(found: Recommended) -> Report:
    """The page, sections left out where there is nothing to say."""
    data = found.dataset
    facts = {
        "users": f"{data.n_users:,}",
        "items": f"{data.n_items:,}",
        "interactions": f"{data.n_interactions:,}",
        "held out": f"{found.split.test.n_interactions:,}",
    }
    then = "" if found.request.rerank is None else f", its lists re-ranked by {found.request.rerank}"
    shown = Section(
        "What to show",
        lead=f"By {found.best}, fitted again on all {data.n_interactions:,} interactions{then}.",
        blocks=[*_reranking(found), cards(found.table, caption="All lists: dorec recommend --out FILE.parquet")],
    )
    return Report(
        "What to recommend",
        subtitle=Path(found.request.source).name,
        facts=facts,
        headline=[headline(found)],
        sections=[_models(found), shown, *_curve(found), *_search(found), _data(found)],
    )


def headline(found: Recommended) -> str:
    """The best model in a sentence, and whether it is better than the reference by more than chance."""
    metric = f"{found.request.metrics[0].upper()}@{found.request.k}"
    score = found.comparison.scores[found.best][0]
    said = f"{found.best} ranks best: {metric} {_told(score)} on {HELD_OUT.get(found.split.how, found.split.how)}"
    if found.best == found.comparison.reference:
        return said + "."
    difference = found.comparison.differences[found.best][0]
    p = float(found.comparison.p_values[found.best][0])
    sure = "more than chance" if p < 0.05 else "no more than chance would give"
    return f"{said}; that is {difference.value:+.3f} against {found.comparison.reference}, {sure} (p = {p:.2g})."


def _models(found: Recommended) -> Section:
    asked, scores = found.request, found.comparison.scores
    ordered = sorted(scores, key=lambda name: -float(scores[name][0].value))
    first = [scores[name][0] for name in ordered]
    bounds = [(e.value, e.value) if e.no_interval else e.interval() for e in first]
    chart = bars_figure(
        ordered,
        [e.value for e in first],
        lower=[b[0] for b in bounds],
        upper=[b[1] for b in bounds],
        title=f"{asked.metrics[0].upper()}@{asked.k} on {HELD_OUT.get(found.split.how, found.split.how)}",
        caption="Every item is ranked"
        + ("; those of the user's past are left out" if asked.exclude_seen else "")
        + ".",
    )
    every = [[name, *[float(v) for v in scores[name].value]] for name in ordered]
    blocks: list[Block] = [FigureBlock(chart), Details("Every metric", [Table(["model", *asked.metrics], every)])]
    rows = _differences(found, ordered)
    if rows:
        names = ["model", f"minus {found.comparison.reference}", "lower", "upper", "p, adjusted"]
        caption = "Paired over users; p-values hold for all models and metrics at once"
        blocks.append(
            Details(
                "Is the difference real?", [Table(names, rows, caption=caption, formats={"p, adjusted": "p_value"})]
            )
        )
    blocks += [Note(f"{name} has no place here: {why}", tone="warning") for name, why in found.refused.items()]
    doubts = [v for v in found.verdicts if v.status != "passed"]
    blocks += [VerdictList(doubts)] if doubts else []
    blocks.append(Details("Leak audit of the split", [VerdictList(list(found.verdicts))]))
    settings = [[name, repr(learner)] for name, learner in found.learners.items()]
    blocks.append(Details("Settings", [Table(["model", "settings"], settings)]))
    return Section("Which model", blocks=blocks)


def _reranking(found: Recommended) -> list[Block]:
    """What re-ranking costs and brings, metric by metric, on what was held out."""
    if found.reranking is None:
        return []
    (before, after), (difference,) = found.reranking.scores.values(), found.reranking.differences.values()
    rows = []
    for i, name in enumerate(found.request.metrics):
        lower, upper = (None, None) if difference[i].no_interval else difference[i].interval()
        rows.append([name, float(before[i].value), float(after[i].value), float(difference[i].value), lower, upper])
    names = ["metric", "before", "after", "difference", "lower", "upper"]
    return [Table(names, rows, caption="Lists before and after re-ranking")]


def _differences(found: Recommended, ordered: Sequence[str]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for name in ordered:
        if name in found.comparison.differences:
            difference = found.comparison.differences[name][0]
            lower, upper = (None, None) if difference.no_interval else difference.interval()
            p = float(found.comparison.p_values[name][0])
            rows.append([name, difference.value, lower, upper, p if p == p else None])
    return rows


def _curve(found: Recommended) -> list[Section]:
    if found.curve is None:
        return []
    lines, bands = {}, {}
    for name, row in found.curve.scores.items():
        points = [(share, point) for share, point in zip(found.curve.shares, row, strict=True) if point is not None]
        lines[name] = ([share for share, _ in points], [point.value for _, point in points])
        told = [(p.value, p.value) if p.no_interval else p.interval() for _, p in points]
        bands[name] = ([b[0] for b in told], [b[1] for b in told])
    figure = curve_figure(
        lines,
        bands=bands,
        title=f"{found.curve.metric} as the training data grow",
        caption="A line that still rises at the right says that more data would help.",
        x_label="share of the training interactions",
        y_label=found.curve.metric,
    )
    return [Section("Would more data help?", blocks=[FigureBlock(figure)])]


def _search(found: Recommended) -> list[Section]:
    board = found.leaderboard
    if board is None:
        return []
    rows = [[t.learner, t.value, t.std_error, t.share, t.seconds] for t in board.trials]
    names = ["learner", board.metric, "std. error", "users", "seconds"]
    table = Table(
        names, rows, formats={"users": "percent"}, caption="Within the training part; the best go on to more users"
    )
    return [Section("What the search tried", blocks=[Details(f"{len(rows)} trials", [table])])]


def _data(found: Recommended) -> Section:
    evidence = found.roles.evidence
    rows = [[role, column, evidence.get(role, "")] for role, column in found.roles.columns.items()]
    blocks: list[Block] = [Table(["role", "column", "why"], rows)]
    if found.set_aside:
        lost = ", ".join(f"{n:,} {reason}" for reason, n in found.set_aside.items())
        blocks.append(Note(f"Rows set aside: {lost}.", tone="warning"))
    return Section("How the file was read", blocks=blocks)


def _told(score: Estimate) -> str:
    if score.no_interval:
        return f"{score.value:.3f}"
    lower, upper = score.interval()
    return f"{score.value:.3f} [{lower:.3f}, {upper:.3f}]"
