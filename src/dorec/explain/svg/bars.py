"""Horizontal bars, with an interval where there is one."""

from dorec.domain.explanation import Figure
from dorec.explain.svg.canvas import Canvas, nothing_to_draw
from dorec.explain.svg.legend import box_sign, legend
from dorec.explain.svg.rows import RowLayout, lay_out
from dorec.explain.svg.scales import Scale, writer, x_axis
from dorec.explain.svg.series import bounds, finite, required, words
from dorec.explain.theme import color, series_color

THICKNESS = 16.0


def draw_bars(figure: Figure, width: float) -> str:
    """The picture of a figure of kind `bars`."""
    labels = words(required(figure, "labels"), "labels")
    values = finite(required(figure, "values"), "values", length=len(labels))
    if not labels:
        return nothing_to_draw(figure.title, "Nothing to draw: there are no bars.", width)
    lower, upper = bounds(figure, values)
    unit, how = str(figure.data.get("unit", "")), str(figure.data.get("format", "number"))
    write = writer(how, unit)
    groups = words(figure.data["groups"], "groups", len(labels)) if figure.data.get("groups") else [""] * len(labels)
    names = list(dict.fromkeys(groups))
    canvas = Canvas(width)
    signs = [(name, box_sign(series_color(i))) for i, name in enumerate(names)] if any(names) else []
    layout = lay_out(labels, [write(v) for v in values], width, top=legend(canvas, signs) + 4, mark=THICKNESS)
    ends = [v for v in [*lower, *upper] if v is not None]
    scale = Scale.over([*values, *ends], layout.start, layout.stop, include=[0.0])
    below = x_axis(canvas, scale, layout.bottom + 4, figure.x_label, how=how, unit=unit, top=layout.rows[0].top)
    for i in range(len(labels)):
        fill = series_color(names.index(groups[i]))
        _bar(canvas, layout, i, scale, values[i], f"{labels[i]}: {write(values[i])}", fill)
        _whisker(canvas, layout, i, scale, lower[i], upper[i])
    layout.write(canvas)
    canvas.height = below
    told = "; ".join(f"{a}: {write(v)}" for a, v in list(zip(labels, values, strict=True))[:30])
    return canvas.svg(figure.title, told)


def _bar(canvas: Canvas, layout: RowLayout, i: int, scale: Scale, value: float, tip: str, fill: str) -> None:
    left, right = sorted((scale(0.0), scale(value)))
    y = layout.rows[i].mark_y - THICKNESS / 2
    canvas.rect(left, y, max(right - left, 1.0), THICKNESS, rx=2, fill=fill, tip=tip)


def _whisker(canvas: Canvas, layout: RowLayout, i: int, scale: Scale, low: float | None, high: float | None) -> None:
    if low is None or high is None:
        return
    y = layout.rows[i].mark_y
    ink = color("ink")
    canvas.path(
        f"M{scale(low):.2f} {y:.2f}H{scale(high):.2f}M{scale(low):.2f} {y - 5:.2f}v10M{scale(high):.2f} {y - 5:.2f}v10",
        stroke=ink,
        stroke_width=1.5,
    )
