"""The funnel: how many go on from stage to stage, and how sure the rates between them are."""

from dataclasses import dataclass

from dorec.domain.explanation import Figure
from dorec.explain.numbers import count, percent, value_and_bounds
from dorec.explain.plain_text import text_width, wrap
from dorec.explain.svg.canvas import NARROW, NORMAL, SMALL, Canvas, nothing_to_draw
from dorec.explain.svg.series import bounds, finite, optional, required, words
from dorec.explain.theme import color

BAR, STEP = 34.0, 30.0  # heights of a stage and of the gap to the next


@dataclass(frozen=True)
class _Stage:
    name: str
    count: float
    users: float | None
    conversion: float | None
    lower: float | None
    upper: float | None

    @property
    def told(self) -> str:
        """The counts in words."""
        return count(self.count) + (f" by {count(self.users)} users" if self.users is not None else "")

    @property
    def rate(self) -> str:
        """The rate from the stage before, with its interval."""
        if self.conversion is None:
            return ""
        if self.lower is None or self.upper is None:
            return f"{percent(self.conversion)} go on"
        rate, low, high = value_and_bounds(self.conversion, self.lower, self.upper, "share")
        return f"{rate} go on ({low} to {high})"


def draw_funnel(figure: Figure, width: float) -> str:
    """The picture of a figure of kind `funnel`."""
    stages = _stages(figure)
    if not stages:
        return nothing_to_draw(figure.title, "Nothing to draw: the funnel has no stages.", width)
    narrow = width < NARROW
    room = 0.0 if narrow else min(max(_label_width(s) for s in stages), width * 0.4) + 18
    largest = max(s.count for s in stages) or 1.0
    canvas = Canvas(width)
    y, before = (0.0, 0.0)
    for i, stage in enumerate(stages):
        length = max(stage.count / largest * (width - room), 2.0)
        if i:
            _step(canvas, room, y, before, length, stage.rate)
            y += STEP
        y = _label(canvas, stage, y, width, room)
        canvas.rect(room, y, length, BAR, rx=3, fill=color("accent"), tip=f"{stage.name}: {stage.told}")
        y, before = y + BAR, length
    canvas.height = y + 4
    told = "; ".join(f"{s.name}: {s.told}{', ' + s.rate if s.rate else ''}" for s in stages)
    return canvas.svg(figure.title, told)


def _stages(figure: Figure) -> list[_Stage]:
    names = words(required(figure, "stages"), "stages")
    counts = finite(required(figure, "counts"), "counts", length=len(names))
    users = optional(figure.data.get("users"), "users", len(names))
    conversion = optional(figure.data.get("conversion"), "conversion", len(names))
    lower, upper = bounds(figure, counts)
    return [_Stage(*row) for row in zip(names, counts, users, conversion, lower, upper, strict=True)]


def _label_width(stage: _Stage) -> float:
    return max(text_width(stage.name, NORMAL), text_width(stage.told, SMALL))


def _label(canvas: Canvas, stage: _Stage, y: float, width: float, room: float) -> float:
    """Name and counts: left of the bar, or above it on a narrow picture. Returns the top of the bar."""
    if room:
        name = wrap(stage.name, room - 18, NORMAL, 1)
        canvas.lines(0, y + 14, name, tip=stage.name, font_weight="600")
        canvas.text(0, y + 30, stage.told, size=SMALL, fill="muted")
        return y
    name = wrap(stage.name, width - text_width(stage.told, SMALL) - 16, NORMAL, 1)
    canvas.lines(0, y + 14, name, tip=stage.name, font_weight="600")
    canvas.text(width, y + 14, stage.told, size=SMALL, fill="muted", anchor="end")
    return y + 22


def _step(canvas: Canvas, x: float, y: float, before: float, length: float, rate: str) -> None:
    """The slope from one bar to the next, and the rate beside it."""
    if x:  # on a narrow picture the next label stands in between
        d = f"M{x:.2f} {y:.2f}h{before:.2f}L{x + length:.2f} {y + STEP:.2f}H{x:.2f}Z"
        canvas.path(d, fill=color("accent-soft"))
    if not rate:
        return
    arrow = f"M{x + 10:.2f} {y + 8:.2f}v11m-4 -4l4 4l4 -4"
    canvas.path(arrow, stroke=color("muted"), stroke_width=1.5)
    canvas.text(x + 22, y + STEP / 2 + NORMAL * 0.34, rate, fill="ink", size=SMALL)
