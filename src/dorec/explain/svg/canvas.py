"""The few SVG elements that the pictures are made of, always well-formed and escaped."""

from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from dorec.explain.plain_text import clean, text_width
from dorec.explain.theme import color

SMALL, NORMAL = 11.5, 13.0  # font sizes in px
NARROW = 480.0  # pictures below this width stack their labels above the marks

Attribute = str | float | None


def figure_number(value: float) -> str:
    """A coordinate: two decimals, no trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@dataclass
class Canvas:
    """A drawing of `width` by `height` px that grows as elements are added."""

    width: float
    height: float = 0.0
    parts: list[str] = field(default_factory=list)

    def add(self, tag: str, content: str = "", /, **attributes: Attribute) -> None:
        """One element; `content` is markup, attribute names write `_` for `-`."""
        self.parts.append(element(tag, content, **attributes))

    def line(self, x1: float, y1: float, x2: float, y2: float, *, stroke: str = "line", **more: Attribute) -> None:
        """A straight line in a colour of the theme."""
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=color(stroke), **more)

    def rect(self, x: float, y: float, width: float, height: float, *, tip: str = "", **more: Attribute) -> None:
        """A rectangle, with a tooltip where `tip` is given."""
        self.add("rect", tooltip(tip), x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), **more)

    def circle(self, x: float, y: float, r: float, *, tip: str = "", **more: Attribute) -> None:
        """A circle."""
        self.add("circle", tooltip(tip), cx=x, cy=y, r=r, **more)

    def path(self, d: str, *, tip: str = "", **more: Attribute) -> None:
        """A path; unfilled unless told."""
        more.setdefault("fill", "none")
        self.add("path", tooltip(tip), d=d, **more)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "start",
        size: float = NORMAL,
        fill: str = "ink",
        **more: Attribute,
    ) -> None:
        """One line of text with its baseline at y."""
        more.update(x=x, y=y, font_size=size, fill=color(fill), text_anchor=None if anchor == "start" else anchor)
        self.add("text", escape(clean(text)), **more)

    def lines(
        self, x: float, y: float, lines: list[str], *, leading: float = 1.25, tip: str = "", **more: Attribute
    ) -> None:
        """Several lines of text, the first with its baseline at y, the whole with a tooltip."""
        size = float(more.get("font_size") or NORMAL)
        fill = str(more.get("fill") or color("ink"))
        more.update(font_size=size, fill=fill)
        spans = "".join(
            element("tspan", escape(clean(line)), x=x, y=y + i * size * leading) for i, line in enumerate(lines)
        )
        self.add("text", tooltip(tip) + spans, **more)

    def svg(self, title: str, description: str = "", *, scrolls: bool = False) -> str:
        """The finished picture with its title and description for screen readers."""
        name, size = clean(title), {"width": figure_number(self.width), "height": figure_number(self.height)}
        head = f"<title>{escape(name)}</title>" + (f"<desc>{escape(clean(description))}</desc>" if description else "")
        return (
            f'<svg class="drawing{" scrolls" if scrolls else ""}" role="img" aria-label={quoteattr(name)} '
            f'viewBox="0 0 {size["width"]} {size["height"]}" width="{size["width"]}" height="{size["height"]}" '
            f'font-family="inherit">{head}{"".join(self.parts)}</svg>'
        )


def element(tag: str, content: str = "", /, **attributes: Attribute) -> str:
    """One element as text: numbers are rounded, strings quoted and escaped, None left out.

    >>> element("circle", cx=1.0, cy=2.345, r=None, fill="a&b")
    '<circle cx="1" cy="2.35" fill="a&amp;b"/>'
    """
    written = []
    for name, value in attributes.items():
        if value is None:
            continue
        text = value if isinstance(value, str) else figure_number(value)
        written.append(f" {name.rstrip('_').replace('_', '-')}={quoteattr(clean(text))}")
    start = f"<{tag}{''.join(written)}"
    return f"{start}>{content}</{tag}>" if content else f"{start}/>"


def tooltip(text: str) -> str:
    """The `title` child that browsers show on hover; nothing for an empty text."""
    return f"<title>{escape(clean(text))}</title>" if text else ""


def nothing_to_draw(title: str, reason: str, width: float) -> str:
    """The picture of no data: the reason in words."""
    canvas = Canvas(width, 64)
    canvas.rect(0.5, 0.5, width - 1, 63, rx=8, fill=color("panel"), stroke=color("line"))
    size = NORMAL if text_width(reason, NORMAL) < width - 24 else SMALL
    canvas.text(width / 2, 36, reason, anchor="middle", fill="muted", size=size)
    return canvas.svg(title, reason)


def points(xy: list[tuple[float, float]]) -> str:
    """Path data of a polyline."""
    return "M" + "L".join(f"{figure_number(x)} {figure_number(y)}" for x, y in xy)
