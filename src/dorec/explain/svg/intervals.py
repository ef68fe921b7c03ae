"""Forest plots: a value with its interval on each row, a line at the reference, the truth where it is known."""

from dataclasses import dataclass

from dorec.domain.errors import InputError
from dorec.domain.explanation import Figure
from dorec.explain.numbers import value_and_bounds, with_unit
from dorec.explain.svg.canvas import Canvas, nothing_to_draw
from dorec.explain.svg.legend import Sign, diamond, dot_sign, legend
from dorec.explain.svg.rows import lay_out
from dorec.explain.svg.scales import Scale, writer, x_axis
from dorec.explain.svg.series import bounds, finite, optional, required, words
from dorec.explain.theme import color, series_color

TRUTH = "true value"


@dataclass(frozen=True)
class _Row:
    name: str
    value: float
    lower: float | None
    upper: float | None
    truth: float | None
    group: str


def draw_intervals(figure: Figure, width: float) -> str:
    """The picture of a figure of kind `intervals`."""
    rows = _rows(figure)
    if not rows:
        return nothing_to_draw(figure.title, "Nothing to draw: there are no estimates.", width)
    unit = str(figure.data.get("unit", ""))
    reference = figure.data.get("reference", 0.0)
    groups = list(dict.fromkeys(r.group for r in rows))
    canvas = Canvas(width)
    top = legend(canvas, _signs(groups, any(r.truth is not None for r in rows)))
    layout = lay_out([r.name for r in rows], [_told(r, unit) for r in rows], width, top=top + 2, mark=14)
    known = [v for r in rows for v in (r.value, r.lower, r.upper, r.truth) if v is not None]
    include = [] if reference is None else finite([reference], "reference")
    scale = Scale.over([*known, *include], layout.start, layout.stop)
    below = x_axis(canvas, scale, layout.bottom + 4, figure.x_label, unit=unit, top=layout.rows[0].top)
    for at in include:
        canvas.line(
            scale(at), layout.rows[0].top, scale(at), layout.bottom + 4, stroke="strong-line", stroke_width=1.25
        )
    for row, place in zip(rows, layout.rows, strict=True):
        _mark(canvas, scale, row, place.mark_y, series_color(groups.index(row.group)), unit)
    layout.write(canvas)
    canvas.height = below
    told = "; ".join(f"{r.name}{f' ({r.group})' if r.group else ''}: {_told(r, unit)}" for r in rows[:30])
    return canvas.svg(figure.title, told)


def _rows(figure: Figure) -> list[_Row]:
    names = words(required(figure, "names"), "names")
    n = len(names)
    values = finite(required(figure, "values"), "values", length=n)
    lower, upper = bounds(figure, values)
    truth = optional(figure.data.get("truth"), "truth", n)
    groups = words(figure.data["groups"], "groups", n) if figure.data.get("groups") else [""] * n
    if len(set(groups)) > 5:
        raise InputError(f"Figure {figure.title!r} has {len(set(groups))} groups; at most 5 colours can be told apart.")
    return [_Row(*row) for row in zip(names, values, lower, upper, truth, groups, strict=True)]


def _signs(groups: list[str], has_truth: bool) -> list[tuple[str, Sign]]:
    signs: list[tuple[str, Sign]] = []
    if groups != [""]:
        signs = [(name or "other", dot_sign(series_color(i))) for i, name in enumerate(groups)]
    if has_truth:
        signs.append((TRUTH, lambda c, x, y: diamond(c, x + 12, y, stroke=color("ink"), fill=color("paper"))))
    return signs


def _told(row: _Row, unit: str) -> str:
    if row.lower is None or row.upper is None:
        return f"{writer(unit=unit)(row.value)}, no interval"
    value, low, high = value_and_bounds(row.value, row.lower, row.upper, unit)
    return f"{with_unit(value, '' if unit == 'share' else unit)} ({low} to {high})"


def _mark(canvas: Canvas, scale: Scale, row: _Row, y: float, stroke: str, unit: str) -> None:
    tip = f"{row.name}: {_told(row, unit)}"
    if row.lower is not None and row.upper is not None:
        left, right = scale(row.lower), scale(row.upper)
        canvas.path(f"M{left:.2f} {y:.2f}H{right:.2f}", stroke=stroke, stroke_width=3, stroke_linecap="round", tip=tip)
        canvas.circle(scale(row.value), y, 5, fill=stroke, tip=tip)
    else:
        canvas.circle(scale(row.value), y, 4.5, fill=color("paper"), stroke=stroke, stroke_width=2, tip=tip)
    if row.truth is not None:
        at = scale(row.truth)
        diamond(canvas, at, y, stroke=color("ink"), fill=color("paper"), tip=f"{TRUTH}: {writer(unit=unit)(row.truth)}")
