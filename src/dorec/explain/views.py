"""From blocks to what the templates set: every number written, every picture drawn."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.explanation import Explanation, Figure
from dorec.explain import blocks as b
from dorec.explain.figures import NARROW, WIDE, draw, interval_of
from dorec.explain.markdown import to_html
from dorec.explain.numbers import (
    NBSP,
    count,
    formatted,
    is_number,
    number,
    p_value,
    percent,
    value_and_bounds,
    with_unit,
)
from dorec.explain.svg.glyphs import additive_bar, glyph_scale, interval_glyph, part_swatch, status_sign
from dorec.explain.words import plain_reason, sentence

View = dict[str, Any]
MAX_PARTS = 5
STATUS_WORDS = {"passed": "Passed", "warning": "Needs care", "failed": "Failed"}


def view(block: b.Block) -> View:
    """What a template needs to set a block, with its `kind`.

    Raises:
        InputError: it is no block of a report.
    """
    for kind, make in _VIEWS.items():
        if isinstance(block, kind):
            return make(block)
    raise InputError(
        f"Got {type(block).__name__}, which is no block; allowed: {', '.join(k.__name__ for k in _VIEWS)}."
    )


def _text(block: b.Text) -> View:
    return {"kind": "text", "html": to_html(block.markdown)}


def _note(block: b.Note) -> View:
    sign = status_sign("warning" if block.tone == "warning" else "passed")
    return {"kind": "note", "html": to_html(block.markdown), "tone": block.tone, "sign": Markup(sign)}


def _table(block: b.Table) -> View:
    shown = block.rows[: block.limit]
    columns = []
    for j, name in enumerate(block.columns):
        cells = [row[j] for row in shown if row[j] is not None]
        numeric = bool(cells) and all(is_number(c) for c in cells)
        longest = 0 if numeric else max((len(str(c)) for c in cells), default=0)
        room = " long" if longest > 48 else " medium" if longest > 18 else ""  # so that text gets no one-word column
        columns.append({"name": name, "align": block.align.get(name, "right" if numeric else "left") + room})
    rows = [[formatted(c, block.formats.get(n, "")) for c, n in zip(row, block.columns, strict=True)] for row in shown]
    more = f"The first {count(len(shown))} of {count(len(block.rows))} rows." if len(shown) < len(block.rows) else ""
    return {"kind": "table", "columns": columns, "rows": rows, "caption": block.caption, "more": more}


def _figure(block: b.FigureBlock) -> View:
    return {"kind": "figure", **figure_view(block.figure)}


def figure_view(figure: Figure) -> View:
    """A figure drawn for wide and for narrow screens."""
    drawings = [Markup(draw(figure, width=width)) for width in (WIDE, NARROW)]
    named = {"title": figure.title, "caption": figure.caption, "repeats": False}
    return {**named, "wide": drawings[0], "narrow": drawings[1]}


def _key_figures(block: b.KeyFigures) -> View:
    tiles = [{"label": label, "value": formatted(value), "note": note} for label, value, note in block.tiles]
    per_row = next((c for c in (4, 3) if len(tiles) % c == 0), 4 if len(tiles) > 6 else 3)
    return {"kind": "key_figures", "tiles": tiles, "per_row": max(min(per_row, len(tiles)), 1)}


def _estimate_table(block: b.EstimateTable) -> View:
    estimates = [one for e in block.estimates for one in e.scalars()]
    truth = block.truth or {}
    scales = {unit: _scale(estimates, unit, truth, block.level) for unit in {e.unit for e in estimates}}
    rows = [_estimate_row(e, block, scales[e.unit]) for e in estimates]
    return {
        "kind": "estimate_table",
        "rows": rows,
        "caption": block.caption,
        "level": percent(block.level),
        "has_truth": any(str(e.name) in truth for e in estimates),
        "has_adjusted": bool(block.adjusted),
    }


def _scale(estimates: Sequence[Estimate], unit: str, truth: Any, level: float) -> Any:
    of_unit = [e for e in estimates if e.unit == unit]
    ends = [v for e in of_unit for v in interval_of(e, level) if v is not None]
    known = [truth[str(e.name)] for e in of_unit if str(e.name) in truth]
    return glyph_scale([*ends, *known, *(e.value for e in of_unit)])


def _estimate_row(estimate: Estimate, block: b.EstimateTable, scale: Any) -> View:
    name = str(estimate.name)
    lower, upper = interval_of(estimate, block.level)
    truth = (block.truth or {}).get(name)
    row: View = {"name": name or estimate.method or "estimate", "glyph": "", "interval": ""}
    method = estimate.method if estimate.method.lower() != row["name"].lower() else ""
    row["basis"] = ", ".join(
        part for part in (method, f"n{NBSP}={NBSP}{count(estimate.n)}" if estimate.n else "") if part
    )
    row["adjusted"] = p_value((block.adjusted or {}).get(name, math.nan))
    row["no_interval"], row["covered"], row["truth"] = "", None, ""
    unit = "" if estimate.unit == "share" else estimate.unit
    if lower is None or upper is None:
        written = percent(estimate.value) if estimate.unit == "share" else number(estimate.value)
        row["no_interval"] = estimate.no_interval or "it has no influence vector"
        decimals = (estimate.value, estimate.value)
    else:
        written, low, high = value_and_bounds(estimate.value, lower, upper, estimate.unit)
        row["interval"] = f"{low} to {high}"
        row["glyph"] = Markup(interval_glyph(estimate.value, lower, upper, scale, truth))
        decimals = (lower, upper)
    row["value"] = with_unit(written, unit)
    if truth is not None:
        row["truth"] = with_unit(value_and_bounds(truth, *decimals, estimate.unit)[0], unit)
        row["covered"] = None if lower is None or upper is None else lower <= truth <= upper
        row["sign"] = Markup(status_sign("passed" if row["covered"] else "failed"))
    return row


def _verdict_list(block: b.VerdictList) -> View:
    verdicts = []
    for v in block.verdicts:
        facts = [f"statistic {number(v.statistic)}"] if v.statistic is not None else []
        facts += [f"p {p_value(v.p_value)}"] if v.p_value is not None else []
        verdicts.append(
            {
                "status": v.status,
                "word": STATUS_WORDS[v.status],
                "sign": Markup(status_sign(v.status)),
                "check": v.check,
                "meaning": sentence(v.meaning),
                "remedy": sentence(v.remedy),
                "code": v.code,
                "facts": ", ".join(facts),
            }
        )
    return {"kind": "verdict_list", "verdicts": verdicts}


def _refusals(block: b.RefusalBlock) -> View:
    refusals = [
        {
            "question": question,
            "plain": sentence(plain_reason(r)),
            "reason": sentence(r.reason),
            "remedy": sentence(r.remedy),
            "code": r.code,
        }
        for question, r in block.pairs
    ]
    return {"kind": "refusals", "refusals": refusals}


def _assumptions(block: b.AssumptionList) -> View:
    return {"kind": "assumptions", "assumptions": [sentence(a) for a in block.assumptions]}


def _cards(block: b.Cards) -> View:
    cards = []
    for card in block.cards:
        items = [
            {
                "title": item.title,
                "score": "" if item.score is None else number(item.score),
                "reason": sentence(item.reason),
                "fallback": item.fallback,
                "why": explanation_view(item.explanation) if item.explanation else None,
            }
            for item in card.items
        ]
        fallback = bool(items) and all(item["fallback"] for item in items)
        cards.append({"user": card.user, "note": card.note, "items": items, "fallback": fallback})
    return {"kind": "cards", "cards": cards, "caption": block.caption}


def _explanation(block: b.ExplanationBlock) -> View:
    figures = [figure_view(f) for f in block.explanation.figures]
    return {"kind": "explanation", "why": explanation_view(block.explanation), "figures": figures}


def explanation_view(explanation: Explanation) -> View:
    """The summary, and the parts as a bar: the largest by themselves, the rest as one."""
    parts = sorted(explanation.parts.items(), key=lambda part: -abs(part[1]))
    if not all(math.isfinite(v) for _, v in parts):
        raise InputError("A part of an explanation is not finite; leave it out or repair it first.")
    if len(parts) > MAX_PARTS:
        rest = parts[MAX_PARTS - 1 :]
        parts = [*parts[: MAX_PARTS - 1], (f"{len(rest)} others", sum(v for _, v in rest))]
    parts = [p for p in parts if p[1] > 0] + [p for p in parts if p[1] < 0]
    return {
        "summary": explanation.summary,
        "bar": Markup(additive_bar(parts)) if parts else "",
        "parts": [
            {"name": n, "value": number(v), "swatch": Markup(part_swatch(i, v))} for i, (n, v) in enumerate(parts)
        ],
        "total": number(sum(explanation.parts.values())),
    }


def _details(block: b.Details) -> View:
    return {"kind": "details", "summary": block.summary, "blocks": [view(inner) for inner in block.blocks]}


_VIEWS: dict[type, Callable[[Any], View]] = {
    b.Text: _text,
    b.Note: _note,
    b.Table: _table,
    b.FigureBlock: _figure,
    b.KeyFigures: _key_figures,
    b.EstimateTable: _estimate_table,
    b.VerdictList: _verdict_list,
    b.RefusalBlock: _refusals,
    b.AssumptionList: _assumptions,
    b.Cards: _cards,
    b.ExplanationBlock: _explanation,
    b.Details: _details,
}
