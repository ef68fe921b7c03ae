"""A table of numbers as shades: one hue for amounts, two where the sign matters."""

from dorec.domain.errors import InputError
from dorec.domain.explanation import Figure
from dorec.explain.plain_text import shorten, text_width, wrap
from dorec.explain.svg.canvas import NORMAL, SMALL, Canvas, nothing_to_draw
from dorec.explain.svg.scales import writer
from dorec.explain.svg.series import optional, required, words
from dorec.explain.theme import color

CELL, ROW = 46.0, 30.0  # smallest width and height of a cell
LEAN = 0.7071  # of the column labels, which lie at 45 degrees


def draw_heatmap(figure: Figure, width: float) -> str:
    """The picture of a figure of kind `heatmap`."""
    rows = words(required(figure, "rows"), "rows")
    columns = words(required(figure, "columns"), "columns")
    table = list(required(figure, "values"))
    if len(table) != len(rows):
        raise InputError(f"values of figure {figure.title!r} has {len(table)} rows where {len(rows)} are named.")
    values = [optional(row, f"row {name!r}", len(columns)) for name, row in zip(rows, table, strict=True)]
    if not rows or not columns:
        return nothing_to_draw(figure.title, "Nothing to draw: the table is empty.", width)
    room = min(max(text_width(r, NORMAL) for r in rows), max(width * 0.3, 90.0)) + 10
    write = writer(str(figure.data.get("format", "number")), str(figure.data.get("unit", "")))
    slanted = max(text_width(c, SMALL) for c in columns) > (width - room) / len(columns) - 4
    names = [shorten(c, 130, SMALL) for c in columns]
    reach = max(text_width(n, SMALL) for n in names) * LEAN if slanted else 0.0
    widest = max((text_width(write(v), SMALL) for row in values for v in row if v is not None), default=0.0) + 8
    cell = max(
        (width - room - reach) / len(columns), CELL if len(columns) <= 16 else 20.0, widest if len(columns) <= 16 else 0
    )
    cell = min(cell, 120.0)
    canvas = Canvas(max(width, room + cell * len(columns) + reach))
    top = (reach if slanted else 0.0) + 22
    _column_names(canvas, names, columns, room, cell, top, slanted)
    _cells(canvas, figure, values, (room, cell, top), [rows, columns])
    for i, name in enumerate(rows):
        canvas.lines(0, top + ROW * i + ROW / 2 + NORMAL * 0.35, wrap(name, room - 10, NORMAL, 1), tip=name)
    canvas.height = top + ROW * len(rows) + 4
    told = f"{len(rows)} rows ({', '.join(rows[:12])}) by {len(columns)} columns ({', '.join(columns[:12])})"
    return canvas.svg(figure.title, told, scrolls=canvas.width > width + 1)


def _column_names(
    canvas: Canvas, names: list[str], full: list[str], room: float, cell: float, top: float, slanted: bool
) -> None:
    for j, name in enumerate(names):
        x = room + cell * (j + 0.5)
        if slanted:
            turn = f"rotate(-45 {x:.2f} {top - 8:.2f})"
            canvas.lines(x, top - 8, [name], font_size=SMALL, fill=color("muted"), transform=turn, tip=full[j])
        else:
            canvas.text(x, top - 8, name, anchor="middle", size=SMALL, fill="muted")


def _cells(
    canvas: Canvas,
    figure: Figure,
    values: list[list[float | None]],
    place: tuple[float, float, float],
    names: list[list[str]],
) -> None:
    room, cell, top = place
    write = writer(str(figure.data.get("format", "number")), str(figure.data.get("unit", "")))
    largest = max((abs(v) for row in values for v in row if v is not None), default=0.0) or 1.0
    bounds = [_bounds(figure, key, values) for key in ("lower", "upper")]
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            x, y, where = room + cell * j, top + ROW * i, f"{names[0][i]}, {names[1][j]}"
            if value is None:
                canvas.rect(x + 1, y + 1, cell - 2, ROW - 2, rx=3, fill=color("panel"), tip=f"{where}: nothing to show")
                continue
            low, high = bounds[0][i][j], bounds[1][i][j]
            told = "" if low is None or high is None else f" ({write(low)} to {write(high)})"
            sure = low is not None and high is not None and (low > 0 or high < 0)
            shade = abs(value) / largest
            fill = color("accent" if value >= 0 else "series-2")
            canvas.rect(x, y, cell, ROW, fill=color("panel"))
            canvas.rect(
                x + 1, y + 1, cell - 2, ROW - 2, rx=3, fill=fill, fill_opacity=0.04 + 0.9 * shade,
                tip=f"{where}: {write(value)}{told}",
            )  # fmt: skip
            text = write(value)
            if text_width(text, SMALL) <= cell - 4:
                ink = "paper" if shade > 0.55 else "ink"
                at = (x + cell / 2, y + ROW / 2 + SMALL * 0.35)
                canvas.text(*at, text, anchor="middle", size=SMALL, fill=ink, font_weight="bold" if sure else None)


def _bounds(figure: Figure, key: str, values: list[list[float | None]]) -> list[list[float | None]]:
    """Bounds of the cells; all None where there are none."""
    table = figure.data.get(key)
    if table is None:
        return [[None] * len(row) for row in values]
    if len(table) != len(values):
        raise InputError(f"{key} of figure {figure.title!r} has {len(table)} rows where {len(values)} are needed.")
    return [optional(row, key, len(own)) for row, own in zip(table, values, strict=True)]
