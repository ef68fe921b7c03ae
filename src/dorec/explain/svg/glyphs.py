"""Small drawings inside a line or a cell: interval sketches, signs of verdicts, additive bars."""

from collections.abc import Sequence

from dorec.explain.svg.canvas import Canvas, element
from dorec.explain.svg.legend import diamond
from dorec.explain.svg.scales import Scale
from dorec.explain.theme import color

GLYPH = (132.0, 22.0)  # px


def interval_glyph(value: float, lower: float, upper: float, scale: Scale, truth: float | None = None) -> str:
    """An interval on a scale that its table shares, with a line at 0 where 0 is in view; for sighted readers only."""
    canvas = Canvas(*GLYPH)
    middle = GLYPH[1] / 2
    canvas.line(0, middle, GLYPH[0], middle)
    if scale.low <= 0 <= scale.high:
        canvas.line(scale(0), 2, scale(0), GLYPH[1] - 2, stroke="strong-line")
    accent = color("accent")
    canvas.path(
        f"M{scale(lower):.2f} {middle}H{scale(upper):.2f}", stroke=accent, stroke_width=3, stroke_linecap="round"
    )
    canvas.circle(scale(value), middle, 4.5, fill=accent)
    if truth is not None:
        diamond(canvas, scale.clamp(truth), middle, 4.5, stroke=color("ink"), fill=color("paper"))
    return _hidden(canvas, "glyph")


def glyph_scale(values: Sequence[float]) -> Scale:
    """The scale of all intervals of one unit in a table; 0 is in view unless it lies far off."""
    low, high = min(values), max(values)
    near = low <= 0 <= high or min(abs(low), abs(high)) <= 0.5 * (high - low)
    return Scale.over(values, 6, GLYPH[0] - 6, include=[0.0] if near else [])


def status_sign(status: str) -> str:
    """A tick, an exclamation mark or a cross in a circle: a verdict's status without its colour."""
    canvas = Canvas(20, 20)
    name = {"passed": "good", "warning": "warn", "failed": "bad"}[status]
    canvas.circle(10, 10, 9, fill=color(f"{name}-soft"), stroke=color(name))
    d = {
        "passed": "M6 10.3l2.7 2.8l5.2 -5.9",
        "warning": "M10 5.2v6M10 14.3v.4",
        "failed": "M6.8 6.8l6.4 6.4M13.2 6.8l-6.4 6.4",
    }
    canvas.path(d[status], stroke=color(name), stroke_width=2, stroke_linecap="round", stroke_linejoin="round")
    return _hidden(canvas, "sign")


def additive_bar(parts: Sequence[tuple[str, float]]) -> str:
    """Parts side by side, each as long as its share; those that take away stand after those that add."""
    width, height, gap = 300.0, 12.0, 2.0
    total = sum(abs(v) for _, v in parts)
    canvas = Canvas(width, height)
    room = width - gap * max(len(parts) - 1, 0)
    x = 0.0
    for i, (_, value) in enumerate(parts):
        length = room * abs(value) / total if total else 0.0
        canvas.rect(x, 0, length, height, rx=2, fill=part_color(value), fill_opacity=part_opacity(i))
        x += length + gap
    return _hidden(canvas, "additive")


def part_swatch(index: int, value: float) -> str:
    """The square of colour that stands before a part's name."""
    canvas = Canvas(10, 10)
    canvas.rect(0, 0, 10, 10, rx=2, fill=part_color(value), fill_opacity=part_opacity(index))
    return _hidden(canvas, "swatch")


def part_color(value: float) -> str:
    """Accent for what adds, the second colour for what takes away."""
    return color("accent" if value >= 0 else "series-2")


def part_opacity(index: int) -> float:
    """Lighter from part to part."""
    return (1.0, 0.72, 0.5, 0.34, 0.22)[min(index, 4)]


def _hidden(canvas: Canvas, name: str) -> str:
    size = {"width": canvas.width, "height": canvas.height}
    box = f"0 0 {canvas.width:g} {canvas.height:g}"
    stretch = "none" if name == "additive" else None  # a bar may be stretched, signs may not
    content = "".join(canvas.parts)
    return element("svg", content, class_=name, viewBox=box, aria_hidden="true", preserveAspectRatio=stretch, **size)
