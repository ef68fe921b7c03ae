"""Rows of a label, a mark and a written value: side by side on wide pictures, label above mark on narrow ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dorec.explain.plain_text import text_width, wrap
from dorec.explain.svg.canvas import NARROW, NORMAL, Canvas
from dorec.explain.theme import color

LEADING = NORMAL * 1.25
GAP = 14.0
HALO: dict[str, Any] = {  # keeps grid lines off the letters that they pass behind
    "stroke": color("paper"),
    "stroke_width": 4.0,
    "stroke_linejoin": "round",
    "paint_order": "stroke",
}


@dataclass(frozen=True)
class Row:
    """Where the parts of one row stand."""

    lines: list[str]
    label: str
    value: str
    top: float
    label_y: float  # baseline of the first label line
    value_y: float  # baseline of the written value
    mark_y: float  # middle of the mark
    bottom: float


@dataclass(frozen=True)
class RowLayout:
    """All rows, and the room for marks between `start` and `stop`."""

    rows: list[Row]
    start: float
    stop: float
    width: float

    @property
    def bottom(self) -> float:
        """The y below the last row."""
        return self.rows[-1].bottom

    def write(self, canvas: Canvas) -> None:
        """Draw all labels and values."""
        for row in self.rows:
            tip = row.label if "".join(row.lines).replace(" ", "") != row.label.replace(" ", "") else ""
            canvas.lines(0, row.label_y, row.lines, tip=tip, **HALO)
            if row.value:
                size = NORMAL * min(1.0, self.width / text_width(row.value, NORMAL))
                canvas.text(self.width, row.value_y, row.value, anchor="end", size=size, fill="muted", **HALO)


def lay_out(
    labels: Sequence[str],
    values: Sequence[str],
    width: float,
    *,
    top: float = 6.0,
    mark: float = 14.0,
    air: float = 8.0,
) -> RowLayout:
    """Rows with room for marks `mark` px thick."""
    value_width = max((text_width(v, NORMAL) for v in values), default=0.0)
    crowded = width < NARROW or value_width > width * 0.4
    build = _stacked if crowded else _beside
    return build(labels, values, width, value_width, top, mark, air)


def swatch(canvas: Canvas, x: float, y: float, fill: str) -> None:
    """A small square of colour before a group's name."""
    canvas.rect(x, y - 9, 10, 10, rx=2, fill=color(fill))


def _beside(
    labels: Sequence[str], values: Sequence[str], width: float, value_width: float, top: float, mark: float, air: float
) -> RowLayout:
    room = min(max((text_width(label, NORMAL) for label in labels), default=0.0), width * 0.34)
    rows: list[Row] = []
    for label, value in zip(labels, values, strict=True):
        lines = wrap(label, room, NORMAL, 3)
        height = max(len(lines) * LEADING, mark) + 2 * air
        middle = top + height / 2
        first = middle - (len(lines) - 1) * LEADING / 2 + NORMAL * 0.35
        rows.append(Row(lines, label, value, top, first, middle + NORMAL * 0.35, middle, top + height))
        top += height
    stop = width - value_width - GAP if value_width else width - 4
    return RowLayout(rows, room + GAP, stop, width)


def _stacked(
    labels: Sequence[str], values: Sequence[str], width: float, value_width: float, top: float, mark: float, air: float
) -> RowLayout:
    room = width - value_width - GAP if value_width < width * 0.5 else width
    rows: list[Row] = []
    for label, value in zip(labels, values, strict=True):
        lines = wrap(label, room, NORMAL, 3)
        value_line = len(lines) if room == width else 0  # no room for both on one line: the value goes below
        text_lines = max(len(lines), value_line + (1 if value else 0))
        label_y = top + air / 2 + NORMAL
        mark_y = label_y + (text_lines - 1) * LEADING + 6 + mark / 2
        rows.append(
            Row(lines, label, value, top, label_y, label_y + value_line * LEADING, mark_y, mark_y + mark / 2 + air / 2)
        )
        top = rows[-1].bottom
    return RowLayout(rows, 2.0, width - 2.0, width)
