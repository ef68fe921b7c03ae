"""Figures of effects that differ between units, from plain numbers: curves, maps, importances, targeting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.explanation import Figure
from dorec.explain.figures import bars_figure, curve_figure, interval_of
from dorec.numeric.arrays import AnyArray

Bounds = tuple[Sequence[float], Sequence[float]]


def effect_curve_figure(
    at: Sequence[float],
    effect: Sequence[float],
    band: Bounds | None,
    *,
    column: str,
    partial: Sequence[float] | None = None,
    average: float | None = None,
    title: str = "",
    caption: str = "",
    y_label: str = "effect",
    **data: Any,
) -> Figure:
    """The effect along a covariate with its band; what the model draws, and the average effect as a dashed line.

    Args:
        at: values of the covariate, (m,).
        effect: (m,).
        band: lower and upper bounds, (m,) each, or None where there are none that hold.
        column: the covariate's name.
        partial: the model's partial dependence, (m,).
        average: the average effect.
        data: as of `curve_figure`: `y_format`, `unit`.

    Example:
        >>> figure = effect_curve_figure([20, 40], [1.0, 2.0], ([0.5, 1.5], [1.5, 2.5]), column="age", average=1.4)
        >>> figure.title, [line["name"] for line in figure.data["lines"]]
        ('The effect by age', ['effect, with 95% band'])
    """
    name = "effect" if band is None else "effect, with 95% band"
    lines: dict[str, tuple[Sequence[float], Sequence[float]]] = {name: (at, effect)}
    if partial is not None:
        lines["drawn by the model, this column alone"] = (at, partial)
    return curve_figure(
        lines,
        bands={} if band is None else {name: band},
        reference=None if average is None else ("average effect", [at[0], at[-1]], [average, average]),
        title=title or f"The effect by {column}",
        caption=caption,
        x_label=column,
        y_label=y_label,
        **data,
    )


def effect_map_figure(
    rows: Sequence[str],
    columns: Sequence[str],
    values: AnyArray,
    *,
    lower: AnyArray | None = None,
    upper: AnyArray | None = None,
    title: str = "The effect by two covariates",
    caption: str = "",
    **data: Any,
) -> Figure:
    """Effects in the cells of two covariates as a heat map; cells that are NaN stay empty, sure ones are set bold.

    Args:
        rows: names of the levels down, (r,).
        columns: names of the levels across, (c,).
        values: (r, c).
        lower, upper: bounds (r, c); a cell whose bounds exclude 0 is sure of its sign.
        data: as of a heat map: `format`, `unit`.

    Example:
        >>> figure = effect_map_figure(["young"], ["new", "old"], [[1.0, float("nan")]])
        >>> figure.data["values"]
        [[1.0, None]]
    """
    table = np.asarray(values, dtype=np.float64)
    if table.shape != (len(rows), len(columns)):
        raise InputError(f"values have shape {table.shape}; give ({len(rows)}, {len(columns)}).")
    content: dict[str, Any] = {"rows": list(rows), "columns": list(columns), "values": _with_gaps(table), **data}
    if lower is not None and upper is not None:
        low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
        content |= {"lower": _with_gaps(low), "upper": _with_gaps(high)}
        sure = "Bold: the interval, valid for all cells at once, excludes 0."
        caption = f"{caption} {sure}".strip()
    if np.isnan(table).any():
        caption = f"{caption} Empty: too few units.".strip()
    return Figure(kind="heatmap", title=title, caption=caption, data=content)


def importance_figure(
    importance: Estimate | Mapping[str, float],
    *,
    most: int = 15,
    title: str = "What the effect goes with",
    caption: str = "",
) -> Figure:
    """Importances of effect modifiers as bars, the largest first, with intervals where they have them.

    Example:
        >>> importance_figure({"age": 0.2, "city": 0.7}).data["labels"]
        ['city', 'age']
    """
    parts = importance.scalars() if isinstance(importance, Estimate) else []
    named = {str(e.name): float(e.value) for e in parts} if parts else dict(importance)  # type: ignore[arg-type]
    order = sorted(named, key=lambda name: -named[name])[:most]
    left = len(named) - len(order)
    told = f"{left:,} more matter less." if left else ""
    bounds = {str(e.name): interval_of(e) for e in parts}
    data: dict[str, Any] = {}
    if bounds and all(low is not None and np.isfinite(low) for low, _ in bounds.values()):
        data = {"lower": [bounds[n][0] for n in order], "upper": [bounds[n][1] for n in order]}
    said = " ".join(text for text in (caption, told) if text)
    return bars_figure(order, [named[n] for n in order], title=title, caption=said, **data)


def toc_figure(
    share: Sequence[float],
    advantage: Sequence[float],
    band: Bounds | None = None,
    *,
    title: str = "How much larger the effect is among those treated first",
    caption: str = "",
    **data: Any,
) -> Figure:
    """The targeting operator characteristic: the best share's average effect less that of all, with a band.

    Example:
        >>> toc_figure([0.5, 1.0], [0.4, 0.0]).data["reference"]["name"]
        'at random'
    """
    name = "advantage" if band is None else "advantage, with 95% band"
    return curve_figure(
        {name: (share, advantage)},
        bands={} if band is None else {name: band},
        reference=("at random", [share[0], share[-1]], [0.0, 0.0]),
        title=title,
        caption=caption,
        x_label="share treated, largest predicted effect first",
        y_label="effect above the average effect",
        x_format="percent",
        **data,
    )


def _with_gaps(table: AnyArray) -> list[list[float | None]]:
    return [[float(v) if np.isfinite(v) else None for v in row] for row in table]
