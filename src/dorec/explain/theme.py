"""Colours of pictures and pages: one accent, a categorical palette for all kinds of eyes, a light and a dark scheme.

A drawing names colours as CSS variables with the light value as fallback, so that it follows the page into the dark
scheme and still has its colours where it stands alone.
"""

LIGHT = {
    "paper": "#fdfcfa",
    "panel": "#f5f3ef",
    "ink": "#1c2025",
    "muted": "#5b616a",
    "line": "#ddd9d2",
    "strong-line": "#8a8880",
    "accent": "#1d5c9e",
    "accent-soft": "#dbe7f4",
    "series-2": "#b4530a",
    "series-3": "#6f7580",
    "series-4": "#7d4a9e",
    "series-5": "#0e7c66",
    "good": "#1f6f43",
    "good-soft": "#e2f0e7",
    "warn": "#865800",
    "warn-soft": "#f8edd3",
    "bad": "#a8261c",
    "bad-soft": "#f8e3e0",
}

DARK = {
    "paper": "#14171b",
    "panel": "#1c2026",
    "ink": "#e8e6e1",
    "muted": "#a3a8b0",
    "line": "#333941",
    "strong-line": "#747b85",
    "accent": "#7db4ee",
    "accent-soft": "#1f3650",
    "series-2": "#eb9a55",
    "series-3": "#9aa1ac",
    "series-4": "#c39ae0",
    "series-5": "#57c2a6",
    "good": "#7ccb9b",
    "good-soft": "#1b3325",
    "warn": "#e3b65a",
    "warn-soft": "#3a2f16",
    "bad": "#f0958c",
    "bad-soft": "#442220",
}

SERIES = ("accent", "series-2", "series-3", "series-4", "series-5")
DASHES = ("", "7 4", "2 3", "9 3 2 3", "12 5")  # a second sign beside the colour


def color(name: str) -> str:
    """A colour of the theme for an SVG attribute.

    >>> color("accent")
    'var(--accent,#1d5c9e)'
    """
    return f"var(--{name},{LIGHT[name]})"


def series_color(index: int) -> str:
    """The colour of the i-th line, bar group or arm; they repeat after five."""
    return color(SERIES[index % len(SERIES)])


def variables(scheme: dict[str, str]) -> str:
    """The scheme as CSS declarations."""
    return "".join(f"--{name}:{value};" for name, value in scheme.items())
