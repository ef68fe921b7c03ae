"""Why a result is what it is: parts that add up, in words and as figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

FigureKind = Literal["bars", "curve", "intervals", "funnel", "graph", "heatmap", "histogram", "love", "scatter"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture as data: what `explain` draws, and what any other front end can draw from the same numbers."""

    kind: FigureKind
    title: str
    data: Mapping[str, Any]  # series by name; the keys each kind needs are listed in explain/figures.py
    x_label: str = ""
    y_label: str = ""
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A summary in plain words, parts that add up to the result, and figures.

    Example:
        >>> why = Explanation(summary="Because you bought tea.", parts={"bought: tea": 0.8, "popular": 0.2})
        >>> round(sum(why.parts.values()), 1)
        1.0
    """

    summary: str
    parts: Mapping[str, float] = field(default_factory=dict)
    figures: Sequence[Figure] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
