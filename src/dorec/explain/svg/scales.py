"""From numbers to pixels: nice ticks and linear scales."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dorec.explain.numbers import compact, number, percent, with_unit
from dorec.explain.plain_text import text_width
from dorec.explain.svg.canvas import SMALL, Canvas


def nice_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers (1, 2, 2.5 or 5 times a power of ten) that lie in [low, high], about `wanted` of them.

    >>> nice_ticks(0, 10), nice_ticks(-0.3, 0.9, 4)
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0.0, 0.5])
    """
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    raw = span / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= raw * (1 - 1e-9)), 10 * power)
    if not step or low + step == low:
        return [low]
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = [i * step for i in range(first, min(last, first + 100) + 1)]
    return [0.0 if abs(t) < step * 1e-9 else t for t in ticks] or [low]


@dataclass(frozen=True)
class Scale:
    """A linear map from [low, high] to [start, stop] px."""

    low: float
    high: float
    start: float
    stop: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, stop: float, *, include: Sequence[float] = ()) -> "Scale":
        """A scale with a little air over all values; a single value gets room on both sides."""
        known = [*values, *include] or [0.0, 1.0]
        low, high = min(known), max(known)
        if high - low <= abs(high) * 1e-12:
            reach = abs(high) * 0.5 or 1.0
            low, high = low - reach, high + reach
        air = (high - low) * 0.04
        return cls(low if low in include else low - air, high if high in include else high + air, start, stop)

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def clamp(self, value: float) -> float:
        """The pixel of a value, held inside the scale."""
        return self(min(max(value, self.low), self.high))


def tick_text(ticks: Sequence[float], how: str = "number", unit: str = "") -> list[str]:
    """The ticks as text: all with the same decimals, no two alike, a percent sign where it belongs."""
    shares = how == "percent" or unit == "share"
    sign = "%" if shares or unit == "%" else ""
    shown = [t * 100 for t in ticks] if shares else list(ticks)
    if len(shown) == 1:
        return [compact(shown[0]) + sign]
    return [text + sign for text in _distinct(shown, abs(shown[1] - shown[0]))]


def fitting_ticks(scale: Scale, how: str = "number", unit: str = "", size: float = SMALL) -> list[tuple[float, str]]:
    """As many ticks, with their labels, as fit side by side along a horizontal scale."""
    room = abs(scale.stop - scale.start)
    for wanted in range(max(2, int(room // 70)), 0, -1):
        ticks = nice_ticks(scale.low, scale.high, wanted)
        labels = tick_text(ticks, how, unit)
        gap = abs(scale(ticks[1]) - scale(ticks[0])) if len(ticks) > 1 else room
        if max(text_width(label, size) for label in labels) + 10 <= gap:
            return list(zip(ticks, labels, strict=True))
    middle = nice_ticks(scale.low, scale.high, 1)[:1]
    return list(zip(middle, tick_text(middle, how, unit), strict=True))


def x_axis(
    canvas: Canvas, scale: Scale, y: float, label: str = "", *, how: str = "number", unit: str = "", top: float
) -> float:
    """Draw vertical grid lines from `top` to y, tick labels and the axis label below; returns the y below them."""
    for tick, text in fitting_ticks(scale, how, unit):
        x = scale(tick)
        canvas.line(x, top, x, y, stroke="strong-line" if tick == 0 else "line")
        half = text_width(text, SMALL) / 2
        canvas.text(
            min(max(x, half + 1), canvas.width - half - 1), y + 17, text, anchor="middle", size=SMALL, fill="muted"
        )
    return axis_label(canvas, (scale.start + scale.stop) / 2, y + 37, label, unit) if label or unit else y + 24


def axis_label(canvas: Canvas, x: float, y: float, label: str, unit: str = "") -> float:
    """A centred axis label with its unit; returns the y below it."""
    shown = "" if unit in {"", "share", "%"} else unit
    text = f"{label} ({shown})" if label and shown else label or shown
    if not text:
        return y - 13
    half = text_width(text, SMALL) / 2
    canvas.text(
        min(max(x, half), max(canvas.width - half, canvas.width / 2)),
        y,
        text,
        anchor="middle",
        size=SMALL,
        fill="muted",
    )
    return y + 10


def _distinct(values: Sequence[float], step: float) -> list[str]:
    """The values with as few digits as tell them apart."""
    size = max(abs(v) for v in values)
    if step >= 1e-6 and size < 1e4:
        return [number(v, decimals=_decimals(step)) for v in values]
    texts: list[str] = []
    for digits in range(3, 18):
        texts = [compact(v, digits=digits) for v in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _decimals(step: float) -> int:
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return places if abs(step * 10**places - round(step * 10**places)) < 1e-6 else places + 1


Format = Callable[[float], str]


def writer(how: str = "number", unit: str = "") -> Format:
    """A function that writes one value of a figure."""
    if how == "percent" or unit == "share":
        return percent
    return lambda value: with_unit(number(value), unit)
