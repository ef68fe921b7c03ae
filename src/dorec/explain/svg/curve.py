"""Lines over a number, with bands and a reference: uplift and Qini curves, learning curves, cumulative sums."""

from dataclasses import dataclass

from dorec.domain.errors import InputError
from dorec.domain.explanation import Figure
from dorec.explain.plain_text import text_width
from dorec.explain.svg.canvas import SMALL, Canvas, nothing_to_draw, points
from dorec.explain.svg.legend import Sign, legend, line_sign
from dorec.explain.svg.scales import Scale, nice_ticks, tick_text, x_axis
from dorec.explain.svg.series import finite, mappings, required
from dorec.explain.theme import DASHES, color, series_color

MAX_LINES = 5


@dataclass(frozen=True)
class _Line:
    name: str
    x: list[float]
    y: list[float]
    lower: list[float] | None
    upper: list[float] | None


@dataclass(frozen=True)
class _Axes:
    x: Scale
    y: Scale
    x_format: str
    y_format: str
    unit: str


def draw_curve(figure: Figure, width: float) -> str:
    """The picture of a figure of kind `curve`."""
    lines = [_line(m, "lines") for m in mappings(required(figure, "lines"), "lines")]
    reference = _line(figure.data["reference"], "reference") if figure.data.get("reference") else None
    if len(lines) > MAX_LINES:
        raise InputError(f"Figure {figure.title!r} has {len(lines)} lines; at most {MAX_LINES} can be told apart.")
    drawn = [line for line in lines if line.x]
    if not drawn:
        return nothing_to_draw(figure.title, "Nothing to draw: the curve has no points.", width)
    canvas = Canvas(width)
    top = legend(canvas, _signs(lines, reference)) + 4
    axes = _axes(figure, drawn + ([reference] if reference else []), width, top)
    _grid(canvas, axes, figure)
    below = x_axis(canvas, axes.x, axes.y.start, figure.x_label, how=axes.x_format, top=axes.y.start)
    for i, line in enumerate(lines):
        _draw_band(canvas, axes, line, series_color(i))
    if reference:
        _draw_line(canvas, axes, reference, color("strong-line"), "4 4", 1.75)
    for i, line in enumerate(lines):
        _draw_line(canvas, axes, line, series_color(i), DASHES[i], 2.25)
    canvas.height = below
    return canvas.svg(figure.title, _described(drawn, axes))


def _line(given: object, what: str) -> _Line:
    data = mappings([given], what)[0]
    if "x" not in data or "y" not in data:
        raise InputError(f"A line of a curve needs 'x' and 'y'; got {', '.join(map(str, data)) or 'nothing'}.")
    x = finite(data["x"], "x")
    y = finite(data["y"], "y", length=len(x))
    ends = [None if data.get(k) is None else finite(data[k], k, length=len(x)) for k in ("lower", "upper")]
    order = sorted(range(len(x)), key=x.__getitem__)
    sort = [None if v is None else [v[i] for i in order] for v in (x, y, *ends)]
    return _Line(str(data.get("name", "")), sort[0] or [], sort[1] or [], sort[2], sort[3])


def _signs(lines: list[_Line], reference: _Line | None) -> list[tuple[str, Sign]]:
    signs = [(line.name, line_sign(series_color(i), DASHES[i])) for i, line in enumerate(lines) if line.name]
    if len(lines) == 1 and not reference:
        return []  # the title says what a single line is
    if reference and reference.name:
        signs.append((reference.name, line_sign(color("strong-line"), "4 4", 1.75)))
    return signs


def _axes(figure: Figure, lines: list[_Line], width: float, top: float) -> _Axes:
    x_format, y_format = (str(figure.data.get(k, "number")) for k in ("x_format", "y_format"))
    unit = str(figure.data.get("unit", ""))
    ys = [v for line in lines for series in (line.y, line.lower, line.upper) if series for v in series]
    zero = [0.0] if figure.data.get("zero", True) else []
    label_room = 22.0 if figure.y_label or unit else 6.0
    height = max(220.0, min(width * 0.46, 340.0))
    y = Scale.over(ys, top + label_room + height, top + label_room, include=zero)
    margin = max(text_width(t, SMALL) for t in tick_text(_y_ticks(y), y_format, unit)) + 10
    xs = [v for line in lines for v in line.x]
    ends = [min(xs), max(xs)] if max(xs) > min(xs) else []
    return _Axes(Scale.over(xs, margin, width - 17, include=ends), y, x_format, y_format, unit)


def _y_ticks(y: Scale) -> list[float]:
    return nice_ticks(y.low, y.high, 5)


def _grid(canvas: Canvas, axes: _Axes, figure: Figure) -> None:
    ticks = _y_ticks(axes.y)
    for tick, text in zip(ticks, tick_text(ticks, axes.y_format, axes.unit), strict=True):
        y = axes.y(tick)
        canvas.line(axes.x.start, y, axes.x.stop, y, stroke="strong-line" if tick == 0 else "line")
        canvas.text(axes.x.start - 8, y + SMALL * 0.35, text, anchor="end", size=SMALL, fill="muted")
    unit = "" if axes.unit in {"", "%", "share"} else axes.unit
    label = f"{figure.y_label} ({unit})" if figure.y_label and unit else figure.y_label or unit
    if label:
        canvas.text(0, axes.y.stop - 12, label, size=SMALL, fill="muted")


def _draw_band(canvas: Canvas, axes: _Axes, line: _Line, fill: str) -> None:
    if not line.lower or not line.upper or len(line.x) < 2:
        return
    up = [(axes.x(x), axes.y(v)) for x, v in zip(line.x, line.upper, strict=True)]
    down = [(axes.x(x), axes.y(v)) for x, v in zip(line.x, line.lower, strict=True)]
    canvas.path(points(up + down[::-1]) + "Z", fill=fill, fill_opacity=0.15)


def _draw_line(canvas: Canvas, axes: _Axes, line: _Line, stroke: str, dash: str, thickness: float) -> None:
    xy = [(axes.x(x), axes.y(y)) for x, y in zip(line.x, line.y, strict=True)]
    if len(xy) == 1:
        canvas.circle(*xy[0], 4.5, fill=stroke)
        if line.lower and line.upper:
            canvas.path(f"M{xy[0][0]:.2f} {axes.y(line.lower[0]):.2f}V{axes.y(line.upper[0]):.2f}", stroke=stroke)
        return
    if not xy:
        return
    canvas.path(
        points(xy),
        stroke=stroke,
        stroke_width=thickness,
        stroke_dasharray=dash or None,
        stroke_linejoin="round",
        tip=line.name,
    )


def _described(lines: list[_Line], axes: _Axes) -> str:
    told = []
    for line in lines:
        a, b = tick_text([line.x[0], line.x[-1]], axes.x_format)
        c, d = tick_text([line.y[0], line.y[-1]], axes.y_format, axes.unit)
        told.append(f"{line.name or 'The line'} goes from {c} at {a} to {d} at {b}")
    return "; ".join(told)
