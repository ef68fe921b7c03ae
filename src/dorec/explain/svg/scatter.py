"""Points in the plane, in up to five groups, with intervals, and the diagonal where both axes mean the same."""

from dorec.domain.errors import InputError
from dorec.domain.explanation import Figure
from dorec.explain.plain_text import text_width
from dorec.explain.svg.canvas import SMALL, Canvas, figure_number, nothing_to_draw
from dorec.explain.svg.legend import dot_sign, legend
from dorec.explain.svg.scales import Scale, nice_ticks, tick_text, x_axis
from dorec.explain.svg.series import bounds, finite, required, words
from dorec.explain.theme import color, series_color

MAX_POINTS = 4_000  # more can't be told apart; every k-th is drawn
MAX_NAMED = 12  # points whose names are written beside them; of more, pointing at one shows its name

Ends = tuple[list[float | None], list[float | None]]


def draw_scatter(figure: Figure, width: float) -> str:
    """The picture of a figure of kind `scatter`."""
    x = finite(required(figure, "x"), "x")
    y = finite(required(figure, "y"), "y", length=len(x))
    if not x:
        return nothing_to_draw(figure.title, "Nothing to draw: there are no points.", width)
    groups = words(figure.data["groups"], "groups", len(x)) if figure.data.get("groups") else [""] * len(x)
    names = list(dict.fromkeys(groups))
    if len(names) > 5:
        raise InputError(f"Figure {figure.title!r} has {len(names)} groups; at most 5 colours can be told apart.")
    canvas = Canvas(width)
    top = legend(canvas, [(n, dot_sign(series_color(i))) for i, n in enumerate(names)] if any(names) else []) + 26
    height = max(240.0, min(width * 0.55, 400.0))
    ends = bounds(figure, x, "x_"), bounds(figure, y, "y_")
    across, up = _scales(figure, [*x, *_known(ends[0])], [*y, *_known(ends[1])], width, top, height)
    below = x_axis(canvas, across, top + height, figure.x_label, how=_how(figure, "x"), top=top)
    if figure.data.get("diagonal"):
        low, high = max(across.low, up.low), min(across.high, up.high)
        canvas.line(across(low), up(low), across(high), up(high), stroke="strong-line", stroke_dasharray="4 4")
    for i, (a, b) in enumerate(zip(x, y, strict=True)):
        _cross(canvas, (across, up), (a, b), ends, i, series_color(names.index(groups[i])))
    every = -(-len(x) // MAX_POINTS)
    for i, name in enumerate(names):
        chosen = [k for k in range(0, len(x), every) if groups[k] == name]
        dots = "".join(f"M{figure_number(across(x[k]))} {figure_number(up(y[k]))}h0" for k in chosen)
        if dots:
            size, opacity = (7.0, 0.75) if len(x) <= 300 else (4.5, 0.4)
            canvas.path(dots, stroke=series_color(i), stroke_width=size, stroke_linecap="round", stroke_opacity=opacity)
    _labels(canvas, figure, x, y, across, up)
    canvas.height = below
    thinned = f", every {every}th drawn" if every > 1 else ""
    return canvas.svg(
        figure.title, f"{len(x):,} points{thinned}: {figure.y_label or 'y'} against {figure.x_label or 'x'}"
    )


def _known(ends: Ends) -> list[float]:
    return [v for side in ends for v in side if v is not None]


def _cross(
    canvas: Canvas, scales: tuple[Scale, Scale], at: tuple[float, float], ends: tuple[Ends, Ends], i: int, stroke: str
) -> None:
    """The intervals of a point in both directions, where it has them."""
    across, up = scales
    (left, right), (low, high) = ((side[0][i], side[1][i]) for side in ends)
    if left is not None and right is not None:
        d = f"M{figure_number(across(left))} {figure_number(up(at[1]))}H{figure_number(across(right))}"
        canvas.path(d, stroke=stroke, stroke_width=1.5, stroke_opacity=0.5)
    if low is not None and high is not None:
        d = f"M{figure_number(across(at[0]))} {figure_number(up(low))}V{figure_number(up(high))}"
        canvas.path(d, stroke=stroke, stroke_width=1.5, stroke_opacity=0.5)


def _write_names(
    canvas: Canvas, names: list[str], places: list[tuple[float, float]], across: Scale, top: float
) -> None:
    """Names beside their points, each where it covers no name that was written before."""
    written: list[tuple[float, float, float]] = []
    for name, (x, y) in zip(names, places, strict=True):
        long = text_width(name, SMALL)
        for left, base in ((x + 7, y - 6), (x - 7 - long, y - 6), (x + 7, y + 15), (x - 7 - long, y + 15)):
            inside = left >= across.start and left + long <= across.stop and base - SMALL >= top
            free = all(left > end or left + long < start or abs(base - b) > SMALL + 3 for start, end, b in written)
            if inside and free:
                canvas.text(left, base, name, size=SMALL)
                written.append((left, left + long, base))
                break


def _how(figure: Figure, axis: str) -> str:
    return str(figure.data.get(f"{axis}_format", "number"))


def _scales(
    figure: Figure, x: list[float], y: list[float], width: float, top: float, height: float
) -> tuple[Scale, Scale]:
    both = [*x, *y] if figure.data.get("diagonal") else None
    up = Scale.over(both or y, top + height, top)
    ticks = nice_ticks(up.low, up.high, 5)
    texts = tick_text(ticks, _how(figure, "y"))
    return Scale.over(both or x, max(text_width(t, SMALL) for t in texts) + 12, width - 17), up


def _labels(canvas: Canvas, figure: Figure, x: list[float], y: list[float], across: Scale, up: Scale) -> None:
    ticks = nice_ticks(up.low, up.high, 5)
    for tick, text in zip(ticks, tick_text(ticks, _how(figure, "y")), strict=True):
        canvas.line(across.start, up(tick), across.stop, up(tick), stroke="line")
        canvas.text(across.start - 8, up(tick) + SMALL * 0.35, text, anchor="end", size=SMALL, fill="muted")
    if figure.y_label:
        canvas.text(0, up.stop - 12, figure.y_label, size=SMALL, fill="muted")
    names = words(figure.data["labels"], "labels", len(x)) if figure.data.get("labels") else []
    for name, a, b in zip(names, x, y, strict=False):
        canvas.circle(across(a), up(b), 5, fill=color("ink"), fill_opacity=0.001, tip=name)
    if 0 < len(names) <= MAX_NAMED:
        _write_names(canvas, names, [(across(a), up(b)) for a, b in zip(x, y, strict=True)], across, up.stop)
