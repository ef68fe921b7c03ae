"""A report for a terminal: the same sections as plain lines."""

import textwrap
from collections.abc import Callable
from typing import Any

from dorec.explain.blocks import Report
from dorec.explain.markdown import to_plain
from dorec.explain.plain_text import clean
from dorec.explain.views import view

WIDTH = 100


def render_text(report: Report) -> str:
    """The report in short as plain text: findings, then each section without its pictures.

    Example:
        >>> from dorec.explain.blocks import KeyFigures, Section
        >>> print(render_text(Report("Shop", sections=[Section("Data", blocks=[KeyFigures([("users", 1200, "")])])])))
        Shop
        ====
        <BLANKLINE>
        Data
        ----
        users: 1,200
    """
    lines = [report.title, "=" * min(len(report.title), WIDTH)]
    lines += [report.subtitle] if report.subtitle else []
    lines += [_wrapped(f"- {to_plain(finding)}") for finding in report.headline]
    for section in report.sections:
        lines += ["", section.title, "-" * min(len(section.title), WIDTH)]
        lines += [_wrapped(to_plain(section.lead))] if section.lead else []
        for block in section.blocks:
            lines += _block(block)
    return clean("\n".join(lines))


def _block(block: Any) -> list[str]:
    data = view(block)
    writer = _WRITERS.get(data["kind"])
    if data["kind"] in {"text", "note"}:
        return [_wrapped(to_plain(block.markdown))]
    return writer(data) if writer else []


def _table(data: dict[str, Any]) -> list[str]:
    names = [c["name"] for c in data["columns"]]
    return [
        data["caption"],
        *_grid(names, data["rows"][:20], [c["align"].startswith("right") for c in data["columns"]]),
    ]


def _estimates(data: dict[str, Any]) -> list[str]:
    names = ["", "estimate", f"{data['level']} interval", *(["truth"] if data["has_truth"] else [])]
    rows = [
        [r["name"], r["value"], r["interval"] or "no valid interval", *([r["truth"]] if data["has_truth"] else [])]
        for r in data["rows"]
    ]
    return [data["caption"], *_grid(names, rows, [False, True, True, True])]


def _grid(names: list[str], rows: list[list[str]], right: list[bool]) -> list[str]:
    cells = [names, *rows]
    widths = [min(max(len(row[j]) for row in cells), 40) for j in range(len(names))]
    return [
        "  ".join(
            (c[:w].rjust(w) if r else c[:w].ljust(w)) for c, w, r in zip(row, widths, right, strict=False)
        ).rstrip()
        for row in cells
    ]


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in text.splitlines())


def _cards(data: dict[str, Any]) -> list[str]:
    return [f"{card['user']}: {', '.join(item['title'] for item in card['items'])}" for card in data["cards"]]


_WRITERS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "table": _table,
    "estimate_table": _estimates,
    "key_figures": lambda data: [
        f"{t['label']}: {t['value']}" + (f" ({t['note']})" if t["note"] else "") for t in data["tiles"]
    ],
    "verdict_list": lambda data: [
        _wrapped(f"{v['word']}: {v['check']}. {v['meaning']} {v['remedy']}".strip()) for v in data["verdicts"]
    ],
    "refusals": lambda data: [
        _wrapped(f"{r['question']} No answer: {r['reason']} {r['remedy']}".strip()) for r in data["refusals"]
    ],
    "assumptions": lambda data: [_wrapped(f"- {a}") for a in data["assumptions"]],
    "cards": _cards,
    "explanation": lambda data: [_wrapped(data["why"]["summary"])],
}
