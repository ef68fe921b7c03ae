"""Legends above a picture: a sign and a name for each series, wrapped over as many lines as they need."""

from collections.abc import Callable, Sequence

from dorec.explain.plain_text import shorten, text_width
from dorec.explain.svg.canvas import NORMAL, Canvas

Sign = Callable[[Canvas, float, float], None]  # draws at x, around the middle y
SIGN_WIDTH = 24.0


def legend(canvas: Canvas, entries: Sequence[tuple[str, Sign]], *, width: float | None = None) -> float:
    """Draw the entries on lines of at most `width` px; returns the y below them."""
    if not entries:
        return 0.0
    room = min(width or canvas.width, canvas.width)
    x, y = 0.0, 14.0
    for name, sign in entries:
        name = shorten(name, room - SIGN_WIDTH - 8, NORMAL)
        needed = SIGN_WIDTH + 7 + text_width(name, NORMAL)
        if x > 0 and x + needed > room:
            x, y = 0.0, y + 22
        sign(canvas, x, y - NORMAL * 0.34)
        canvas.text(x + SIGN_WIDTH + 7, y, name, fill="muted")
        x += needed + 20
    return y + 14


def line_sign(stroke: str, dash: str = "", width: float = 2.25) -> Sign:
    """A short piece of line."""

    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.add(
            "line",
            x1=x,
            y1=y,
            x2=x + SIGN_WIDTH,
            y2=y,
            stroke=stroke,
            stroke_width=width,
            stroke_dasharray=dash or None,
        )

    return draw


def box_sign(fill: str, opacity: float = 1.0, stroke: str | None = None) -> Sign:
    """A small box."""

    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.rect(x + 5, y - 6, 14, 12, rx=3, fill=fill, fill_opacity=opacity, stroke=stroke)

    return draw


def dot_sign(fill: str) -> Sign:
    """A dot."""

    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.circle(x + SIGN_WIDTH / 2, y, 4.5, fill=fill)

    return draw


def diamond(canvas: Canvas, x: float, y: float, r: float = 5.0, *, tip: str = "", stroke: str, fill: str) -> None:
    """The mark of the truth: an outlined diamond."""
    d = f"M{x:.2f} {y - r:.2f}L{x + r:.2f} {y:.2f}L{x:.2f} {y + r:.2f}L{x - r:.2f} {y:.2f}Z"
    canvas.path(d, tip=tip, fill=fill, stroke=stroke, stroke_width=2)
