"""Figures from results, and pictures from figures.

The data that each kind of `Figure` needs (`?` marks what may be left out; NaN and infinities are refused):

| kind | data |
|---|---|
| `bars` | labels, values, lower?, upper?, groups? (a name for each bar, at most 5 different), unit?, format? |
| `curve` | lines: [{name, x, y, lower?, upper?}] (at most 5), reference?: {name, x, y}, x_format?, y_format?, unit? |
| `intervals` | names, values, lower, upper (None where there is no interval), truth?, groups?, reference? (0), unit? |
| `funnel` | stages, counts, users?, conversion? (share that came on from the stage before), lower?, upper? (of it) |
| `graph` | nodes, edges: [{a, b, mark_a, mark_b, confidence?}], tiers? (lists of nodes), highlight? (node -> role) |
| `heatmap` | rows, columns, values (a list for each row, None: an empty cell), lower?, upper?, format?, unit? |
| `histogram` | edges (b + 1), series: [{name, counts (b)}] (at most 5), format?, unit? |
| `love` | names, before, after (standardised differences, drawn without sign), threshold? (0.1) |
| `scatter` | x, y, groups?, labels?, diagonal? (True: y = x), {x,y}_lower?, {x,y}_upper?, x_format?, y_format? |

A format is `number`, `percent` (of shares of one) or `count`; a unit is written after the value (`USD`, `%`), and the
unit `share` means a share of one, written as a percentage. Roles in a graph: treatment, outcome, adjusted for,
instrument, mediator.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.explanation import Figure
from dorec.domain.graph import CausalGraph
from dorec.explain.svg.bars import draw_bars
from dorec.explain.svg.curve import draw_curve
from dorec.explain.svg.funnel import draw_funnel
from dorec.explain.svg.graph import draw_graph
from dorec.explain.svg.heatmap import draw_heatmap
from dorec.explain.svg.histogram import draw_histogram
from dorec.explain.svg.intervals import draw_intervals
from dorec.explain.svg.love import draw_love
from dorec.explain.svg.scatter import draw_scatter
from dorec.numeric.arrays import AnyArray, FloatArray

WIDE, NARROW = 800.0, 350.0  # px: the two widths at which a page sets its pictures

_DRAWERS: dict[str, Callable[[Figure, float], str]] = {
    "bars": draw_bars,
    "curve": draw_curve,
    "intervals": draw_intervals,
    "funnel": draw_funnel,
    "graph": draw_graph,
    "heatmap": draw_heatmap,
    "histogram": draw_histogram,
    "love": draw_love,
    "scatter": draw_scatter,
}


def draw(figure: Figure, *, width: float = WIDE, standalone: bool = False) -> str:
    """The figure as inline SVG of `width` px, its colours CSS variables with light values as fallback.

    A heat map or graph that needs more room is wider than asked and has the class `scrolls`. `standalone` adds the
    namespace that a file of its own needs.

    Raises:
        InputError: the data lack a key, or hold a NaN, an infinity, or lists that don't fit each other.

    Example:
        >>> svg = draw(bars_figure(["tea", "milk"], [3.0, 1.0], title="Sold"))
        >>> svg.startswith('<svg class="drawing"'), "tea" in svg
        (True, True)
    """
    if figure.kind not in _DRAWERS:
        raise InputError(f"Figures of kind {figure.kind!r} can't be drawn; allowed: {', '.join(_DRAWERS)}.")
    if not 200 <= width <= 4000:
        raise InputError(f"width is {width}; give 200 to 4000 px.")
    svg = _DRAWERS[figure.kind](figure, float(width))
    return svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) if standalone else svg


def bars_figure(
    labels: Sequence[Any], values: Sequence[float], *, title: str, caption: str = "", x_label: str = "", **data: Any
) -> Figure:
    """Horizontal bars; `lower`, `upper`, `groups`, `unit` and `format` as keywords.

    Example:
        >>> bars_figure(["tea"], [3.0], title="Sold", unit="cups").data["labels"]
        ['tea']
    """
    content = {"labels": [str(v) for v in labels], "values": _floats(values), **_listed(data)}
    return Figure(kind="bars", title=title, caption=caption, x_label=x_label, data=content)


def curve_figure(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    bands: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    reference: tuple[str, Sequence[float], Sequence[float]] | None = None,
    caption: str = "",
    x_label: str = "",
    y_label: str = "",
    **data: Any,
) -> Figure:
    """Lines by name as (x, y), bands by name as (lower, upper), and a dashed reference as (name, x, y).

    Example:
        >>> figure = curve_figure({"uplift": ([0, 1], [0, 2])}, title="Uplift", reference=("random", [0, 1], [0, 1]))
        >>> figure.data["lines"][0]["y"]
        [0.0, 2.0]
    """
    drawn = []
    for name, (x, y) in lines.items():
        line: dict[str, Any] = {"name": name, "x": _floats(x), "y": _floats(y)}
        if bands and name in bands:
            line |= {"lower": _floats(bands[name][0]), "upper": _floats(bands[name][1])}
        drawn.append(line)
    content: dict[str, Any] = {"lines": drawn, **data}
    if reference:
        content["reference"] = {"name": reference[0], "x": _floats(reference[1]), "y": _floats(reference[2])}
    return Figure(kind="curve", title=title, caption=caption, x_label=x_label, y_label=y_label, data=content)


def forest_figure(
    estimates: Sequence[Estimate],
    truth: Mapping[str, float] | None = None,
    *,
    title: str = "Effects with 95% intervals",
    groups: Sequence[str] | None = None,
    reference: float | None = 0.0,
    caption: str = "",
    x_label: str = "",
    level: float = 0.95,
) -> Figure:
    """Estimates as a forest plot, vectors one row a value; `truth` by name, `groups` (as naive, adjusted) by estimate.

    Example:
        >>> rows = Estimate.of_mean(np.array([1.0, 2.0, 3.0]), name="lift")
        >>> forest_figure([rows], {"lift": 1.9}).data["truth"]
        [1.9]
    """
    if groups is not None and len(groups) != len(estimates):
        raise InputError(f"{len(groups)} groups were given for {len(estimates)} estimates; give one for each.")
    rows = [(e, g) for one, g in zip(estimates, groups or [""] * len(estimates), strict=True) for e in one.scalars()]
    ends = [interval_of(e, level) for e, _ in rows]
    units = {e.unit for e, _ in rows}
    content: dict[str, Any] = {
        "names": [str(e.name) or e.method or "estimate" for e, _ in rows],
        "values": [e.value for e, _ in rows],
        "lower": [low for low, _ in ends],
        "upper": [high for _, high in ends],
        "reference": reference,
        "unit": units.pop() if len(units) == 1 else "",
    }
    if truth:
        content["truth"] = [truth.get(str(e.name)) for e, _ in rows]
    if groups is not None:
        content["groups"] = [g for _, g in rows]
    return Figure(kind="intervals", title=title, caption=caption, x_label=x_label, data=content)


def funnel_figure(rows: Sequence[Mapping[str, Any]], *, title: str = "The funnel", caption: str = "") -> Figure:
    """Stages in order, each a mapping with `stage`, `count` and, where known, `users`, `conversion`, `lower`, `upper`.

    Example:
        >>> figure = funnel_figure([{"stage": "view", "count": 100}, {"stage": "cart", "count": 20, "conversion": 0.2}])
        >>> figure.data["conversion"]
        [None, 0.2]
    """
    for i, row in enumerate(rows):
        missing = [key for key in ("stage", "count") if key not in row]
        if missing:
            raise InputError(f"Row {i} of the funnel lacks {missing[0]!r}; it has {', '.join(map(str, row))}.")
    content: dict[str, Any] = {"stages": [str(r["stage"]) for r in rows], "counts": [r["count"] for r in rows]}
    for key in ("users", "conversion", "lower", "upper"):
        if any(r.get(key) is not None for r in rows):
            content[key] = [r.get(key) for r in rows]
    return Figure(kind="funnel", title=title, caption=caption, data=content)


def graph_figure(
    graph: CausalGraph,
    tiers: Sequence[Sequence[str]] | None = None,
    highlight: Mapping[str, str] | None = None,
    *,
    title: str = "The causal graph",
    caption: str = "",
) -> Figure:
    """A causal graph; `tiers` order it, `highlight` maps a node to its role (treatment, outcome, adjusted for, ...).

    Example:
        >>> graph = CausalGraph.from_edges(["x", "y"], directed=[("x", "y")])
        >>> graph_figure(graph, highlight={"x": "treatment"}).data["edges"][0]["mark_b"]
        'arrow'
    """
    content = {
        "nodes": list(graph.nodes),
        "edges": graph.to_dict()["edges"],
        "tiers": [list(tier) for tier in tiers or ()],
        "highlight": dict(highlight or {}),
    }
    return Figure(kind="graph", title=title, caption=caption, data=content)


def overlap_figure(
    propensity: FloatArray,
    treatment: AnyArray,
    arms: Sequence[Any],
    *,
    arm: int = 1,
    bins: int = 25,
    title: str = "",
    caption: str = "",
) -> Figure:
    """How likely units of each arm were to get `arms[arm]`: where the arms don't overlap, nothing can be compared.

    Args:
        propensity: (n,) probability of `arms[arm]`, or (n, n_arms).
        treatment: (n,) arm codes, positions in `arms`.
        arms: names of the arms, the control first.
        arm: whose propensity is drawn.
        bins: number of bins over [0, 1].

    Example:
        >>> figure = overlap_figure(np.array([0.2, 0.4, 0.6]), np.array([0, 0, 1]), ["no", "yes"], bins=2)
        >>> [series["counts"] for series in figure.data["series"]]
        [[2, 0], [0, 1]]
    """
    p = np.asarray(propensity, dtype=np.float64)
    p = p[:, arm] if p.ndim == 2 else p
    codes = np.asarray(treatment)
    if len(p) != len(codes):
        raise InputError(f"There are {len(p):,} propensities for {len(codes):,} treatments; give one for each unit.")
    if not np.all((p >= 0) & (p <= 1)):
        raise InputError("Propensities must be probabilities between 0 and 1, without NaN.")
    edges = np.linspace(0.0, 1.0, bins + 1)
    series = []
    for code, name in enumerate(arms):
        counts = np.histogram(p[codes == code], edges)[0].tolist()
        series.append({"name": f"{name} ({sum(counts):,})", "counts": counts})
    return Figure(
        kind="histogram",
        title=title or f"Chance of getting {arms[arm]}, by what was got",
        caption=caption,
        x_label=f"estimated chance of {arms[arm]}",
        y_label="share of the arm",
        data={"edges": edges.tolist(), "series": series, "format": "percent"},
    )


def interval_of(estimate: Estimate, level: float = 0.95) -> tuple[float | None, float | None]:
    """The interval's ends of a scalar estimate, or two Nones where it has no valid one."""
    if estimate.no_interval or estimate.influence is None:
        return None, None
    lower, upper = estimate.interval(level)
    return float(lower), float(upper)


def _floats(values: Any) -> list[float]:
    return [float(v) for v in values]


def _listed(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in data.items()}
