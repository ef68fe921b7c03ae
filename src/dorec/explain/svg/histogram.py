"""One or more distributions over the same bins, laid over each other: the overlap of propensities between arms."""

import itertools

from dorec.domain.errors import InputError
from dorec.domain.explanation import Figure
from dorec.explain.numbers import percent
from dorec.explain.plain_text import text_width
from dorec.explain.svg.canvas import SMALL, Canvas, nothing_to_draw, points
from dorec.explain.svg.legend import box_sign, legend
from dorec.explain.svg.scales import Scale, nice_ticks, tick_text, x_axis
from dorec.explain.svg.series import finite, mappings, required
from dorec.explain.theme import DASHES, series_color

HEIGHT = 200.0
MAX_SERIES = 5


def draw_histogram(figure: Figure, width: float) -> str:
    """The picture of a figure of kind `histogram`; series are shares of themselves, so arms of any size compare."""
    edges = finite(required(figure, "edges"), "edges")
    series = [_series(m, len(edges) - 1) for m in mappings(required(figure, "series"), "series")]
    if len(series) > MAX_SERIES:
        raise InputError(f"Figure {figure.title!r} has {len(series)} series; at most {MAX_SERIES} can be told apart.")
    if any(b <= a for a, b in itertools.pairwise(edges)):
        raise InputError(f"The edges of figure {figure.title!r} must increase.")
    if not any(sum(counts) for _, counts in series):
        return nothing_to_draw(figure.title, "Nothing to draw: there are no values.", width)
    canvas = Canvas(width)
    signs = [(name, box_sign(series_color(i), 0.3, series_color(i))) for i, (name, _) in enumerate(series) if name]
    top = legend(canvas, signs if len(series) > 1 else []) + 26
    shares = [[c / (sum(counts) or 1.0) for c in counts] for _, counts in series]
    y = Scale.over([s for row in shares for s in row], top + HEIGHT, top, include=[0.0])
    margin = _grid(canvas, y, figure.y_label or "share")
    x = Scale(edges[0], edges[-1], margin, width - 17)
    how, unit = str(figure.data.get("format", "number")), str(figure.data.get("unit", ""))
    below = x_axis(canvas, x, top + HEIGHT, figure.x_label, how=how, unit=unit, top=top + HEIGHT)
    for i, row in enumerate(shares):
        _draw_steps(canvas, x, y, edges, row, i, series[i][0])
    canvas.height = below
    return canvas.svg(figure.title, _described(series, edges))


def _series(data: object, bins: int) -> tuple[str, list[float]]:
    given = mappings([data], "series")[0]
    if "counts" not in given:
        raise InputError(f"A series of a histogram needs 'counts'; got {', '.join(map(str, given)) or 'nothing'}.")
    counts = finite(given["counts"], "counts", length=max(bins, 0))
    if any(c < 0 for c in counts):
        raise InputError("The counts of a histogram must be 0 or more.")
    return str(given.get("name", "")), counts


def _grid(canvas: Canvas, y: Scale, label: str) -> float:
    """Horizontal lines and their labels; returns where the plot starts."""
    ticks = nice_ticks(y.low, y.high, 4)
    texts = tick_text(ticks, "percent")
    margin = max(text_width(t, SMALL) for t in texts) + 10
    for tick, text in zip(ticks, texts, strict=True):
        canvas.line(margin, y(tick), canvas.width - 17, y(tick), stroke="strong-line" if tick == 0 else "line")
        canvas.text(margin - 8, y(tick) + SMALL * 0.35, text, anchor="end", size=SMALL, fill="muted")
    canvas.text(0, y.stop - 12, label, size=SMALL, fill="muted")
    return margin


def _draw_steps(canvas: Canvas, x: Scale, y: Scale, edges: list[float], shares: list[float], i: int, name: str) -> None:
    xy = [(x(edges[0]), y(0.0))]
    for left, right, share in zip(edges, edges[1:], shares, strict=False):
        xy += [(x(left), y(share)), (x(right), y(share))]
    xy.append((x(edges[-1]), y(0.0)))
    canvas.path(points(xy) + "Z", fill=series_color(i), fill_opacity=0.22, tip=name)
    canvas.path(points(xy), stroke=series_color(i), stroke_width=1.75, stroke_dasharray=DASHES[i] or None)


def _described(series: list[tuple[str, list[float]]], edges: list[float]) -> str:
    told = []
    for name, counts in series:
        total = sum(counts)
        if total:
            fullest = max(range(len(counts)), key=counts.__getitem__)
            low, high = tick_text([edges[fullest], edges[fullest + 1]])
            told.append(f"{name or 'Most values'}: {percent(counts[fullest] / total)} lie between {low} and {high}")
    return "; ".join(told)
