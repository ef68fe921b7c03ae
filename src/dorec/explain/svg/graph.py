"""Causal graphs: boxes for variables, arrows for effects, dashes for what is not known."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dorec.domain.errors import InputError
from dorec.domain.explanation import Figure
from dorec.explain.numbers import percent
from dorec.explain.svg.canvas import Canvas, nothing_to_draw
from dorec.explain.svg.graph_layout import FONT, LEADING, Box, GraphLayout, Route, forward_arrows, lay_out_graph
from dorec.explain.svg.legend import Sign, box_sign, legend
from dorec.explain.svg.series import mappings, required, words
from dorec.explain.theme import color

MARKS = ("tail", "arrow", "circle")
ROLES = {  # fill, border, text
    "treatment": ("accent", "accent", "paper"),
    "outcome": ("ink", "ink", "paper"),
    "adjusted for": ("accent-soft", "accent", "ink"),
    "instrument": ("warn-soft", "warn", "ink"),
    "mediator": ("good-soft", "good", "ink"),
}
PLAIN = ("panel", "strong-line", "ink")
HEAD = 8.0
SHRINK = 1.2  # a graph up to so much wider than asked is set smaller; a wider one scrolls


@dataclass(frozen=True)
class _Edge:
    a: int
    b: int
    mark_a: str
    mark_b: str
    confidence: float | None
    told: str

    @property
    def kind(self) -> str:
        """directed, hidden (a common cause) or open (a direction that is not known)."""
        if self.mark_a == self.mark_b == "arrow":
            return "hidden"
        return "directed" if {self.mark_a, self.mark_b} == {"tail", "arrow"} else "open"


def draw_graph(figure: Figure, width: float) -> str:
    """The picture of a figure of kind `graph`."""
    nodes = words(required(figure, "nodes"), "nodes")
    if len(set(nodes)) < len(nodes):
        raise InputError(f"Figure {figure.title!r} names a node more than once; name each once.")
    if not nodes:
        return nothing_to_draw(figure.title, "Nothing to draw: the graph has no variables.", width)
    edges = [_edge(m, nodes) for m in mappings(figure.data.get("edges", ()), "edges")]
    roles = {str(k): str(v) for k, v in dict(figure.data.get("highlight") or {}).items()}
    unknown = sorted(set(roles.values()) - set(ROLES))
    if unknown:
        raise InputError(f"Role {unknown[0]!r} is not known; allowed: {', '.join(ROLES)}.")
    layout = _layout(figure, nodes, edges, width)
    canvas = Canvas(max(width, layout.width))
    top = legend(canvas, _signs(edges, [roles.get(n, "") for n in nodes]), width=width) + 8
    canvas.add(
        "g",
        _body(layout, nodes, edges, roles),
        transform=f"translate({(canvas.width - layout.width) / 2:.2f} {top:.2f})",
    )
    canvas.height = top + layout.height + 4
    told = "; ".join(e.told for e in edges[:60]) or "no edges between " + ", ".join(nodes[:40])
    return canvas.svg(figure.title, told, scrolls=layout.width > width * SHRINK)


def _edge(data: Mapping[str, Any], nodes: list[str]) -> _Edge:
    ends = [str(data.get(k, "")) for k in ("a", "b")]
    marks = [str(data.get("mark_a", "tail")), str(data.get("mark_b", "arrow"))]
    for end in ends:
        if end not in nodes:
            raise InputError(f"An edge ends at {end!r}, which is not among the nodes {', '.join(nodes[:20])}.")
    for mark in marks:
        if mark not in MARKS:
            raise InputError(f"An edge has the mark {mark!r}; allowed: {', '.join(MARKS)}.")
    confidence = data.get("confidence")
    if confidence is not None and not 0 <= float(confidence) <= 1:
        raise InputError(f"The confidence of {ends[0]} and {ends[1]} is {confidence}; give a share between 0 and 1.")
    edge = _Edge(nodes.index(ends[0]), nodes.index(ends[1]), marks[0], marks[1], confidence, "")
    verb = {"hidden": "shares a hidden common cause with", "open": "is linked with"}.get(edge.kind, "affects")
    first, second = ends if marks[1] == "arrow" or edge.kind != "directed" else ends[::-1]
    sure = "" if confidence is None else f" (confidence {percent(float(confidence))})"
    return _Edge(edge.a, edge.b, marks[0], marks[1], confidence, f"{first} {verb} {second}{sure}")


def _layout(figure: Figure, nodes: list[str], edges: list[_Edge], width: float) -> GraphLayout:
    tiers = {n: i for i, tier in enumerate(figure.data.get("tiers") or ()) for n in map(str, tier)}
    directed = [(e.a, e.b) if e.mark_b == "arrow" else (e.b, e.a) for e in edges if e.kind == "directed"]
    undirected = [(e.a, e.b) for e in edges if e.kind == "open"]
    known = {i: tiers[n] for i, n in enumerate(nodes) if n in tiers}
    links = [(e.a, e.b) for e in edges]
    return lay_out_graph(
        nodes, links, arrows=forward_arrows(len(nodes), directed, undirected), tiers=known, width=width
    )


def _signs(edges: list[_Edge], roles: list[str]) -> list[tuple[str, Sign]]:
    signs = [(r, box_sign(color(fill), 1.0, color(border))) for r, (fill, border, _) in ROLES.items() if r in roles]
    kinds = {e.kind for e in edges}
    names = {"directed": "affects", "open": "linked, direction not known", "hidden": "hidden common cause"}
    for kind, name in names.items():
        if kind in kinds and (kind != "directed" or len(kinds) > 1):
            signs.append((name, _edge_sign(kind)))
    if any("circle" in (e.mark_a, e.mark_b) for e in edges):
        signs.append(("circle: head or tail, not known", _circle_sign))
    if any(e.confidence is not None for e in edges):
        signs.append(("thicker: more certain", _thickness_sign))
    return signs


def _edge_sign(kind: str) -> Sign:
    def draw(canvas: Canvas, x: float, y: float) -> None:
        stroke, dash = _stroke(kind)
        heads = {"directed": (False, True), "open": (False, False), "hidden": (True, True)}[kind]
        left, right = x + (6 if heads[0] else 0), x + (18 if heads[1] else 24)
        canvas.add("line", x1=left, y1=y, x2=right, y2=y, stroke=stroke, stroke_width=1.75, stroke_dasharray=dash)
        if heads[1]:
            canvas.add("path", d=_head((x + 24, y), 0.0), fill=stroke)
        if heads[0]:
            canvas.add("path", d=_head((x, y), math.pi), fill=stroke)

    return draw


def _circle_sign(canvas: Canvas, x: float, y: float) -> None:
    canvas.add("line", x1=x, y1=y, x2=x + 17, y2=y, stroke=color("muted"), stroke_width=1.75)
    canvas.circle(x + 20, y, 3.2, fill=color("paper"), stroke=color("muted"), stroke_width=1.5)


def _thickness_sign(canvas: Canvas, x: float, y: float) -> None:
    canvas.path(f"M{x:.1f} {y - 0.6:.1f}L{x + 24:.1f} {y - 2:.1f}v4L{x:.1f} {y + 0.6:.1f}Z", fill=color("muted"))


def _body(layout: GraphLayout, nodes: list[str], edges: list[_Edge], roles: dict[str, str]) -> str:
    inner = Canvas(layout.width, layout.height)
    for edge, route in sorted(zip(edges, layout.routes, strict=True), key=lambda pair: pair[0].confidence or 0.0):
        focus = {roles.get(nodes[edge.a]), roles.get(nodes[edge.b])} == {"treatment", "outcome"}
        _draw_edge(inner, edge, route, layout, focus and edge.kind == "directed")
    for node in nodes:
        _draw_box(inner, node, layout.boxes[node], roles.get(node, ""))
    return "".join(inner.parts)


def _draw_box(canvas: Canvas, node: str, box: Box, role: str) -> None:
    fill, border, ink = ROLES.get(role, PLAIN)
    left, top = box.x - box.width / 2, box.y - box.height / 2
    tip = f"{node} ({role})" if role else node
    canvas.rect(left, top, box.width, box.height, rx=7, fill=color(fill), stroke=color(border), tip=tip)
    first = box.y - (len(box.lines) - 1) * LEADING / 2 + FONT * 0.35
    canvas.lines(box.x, first, list(box.lines), font_size=FONT, fill=color(ink), text_anchor="middle", tip=tip)


def _draw_edge(canvas: Canvas, edge: _Edge, route: Route, layout: GraphLayout, focus: bool) -> None:
    stroke, dash = _stroke(edge.kind)
    stroke = color("accent") if focus else stroke
    width = 1.75 if edge.confidence is None else 0.9 + 2.6 * float(edge.confidence)
    marks = (edge.mark_b, edge.mark_a) if route.flipped else (edge.mark_a, edge.mark_b)
    forward = 0.0 if layout.direction == "right" else math.pi / 2
    angles = (forward + math.pi, forward + (math.pi if route.loops else 0.0))  # in which each end looks at its box
    ends = (route.points[0], route.points[-1])
    heads = [min(HEAD + max(width - 1.75, 0.0), max(room * 1.6, 4.5)) for room in route.room]
    cut = [
        _back(p, angle, {"arrow": head - 1, "circle": 7.0}.get(m, 0.0))
        for p, m, angle, head in zip(ends, marks, angles, heads, strict=True)
    ]
    middle = list(route.points[1:-1])
    d = _loop(cut[0], cut[1], layout) if route.loops else _smooth([cut[0], *middle, cut[1]], layout)
    canvas.path(d, stroke=stroke, stroke_width=width, stroke_dasharray=dash, tip=edge.told)
    for mark, end, angle, head in zip(marks, ends, angles, heads, strict=True):
        if mark == "arrow":
            canvas.path(_head(end, angle, head), fill=stroke)
        elif mark == "circle":
            x, y = _back(end, angle, 4.0)
            canvas.circle(x, y, 3.2, fill=color("paper"), stroke=stroke, stroke_width=1.5)


def _stroke(kind: str) -> tuple[str, str | None]:
    if kind == "hidden":
        return color("series-2"), "3 4"
    return color("muted"), "7 5" if kind == "open" else None


def _smooth(points: list[tuple[float, float]], layout: GraphLayout) -> str:
    """Curves between layers, straight lines through them."""
    d = f"M{points[0][0]:.2f} {points[0][1]:.2f}"
    for i, ((x0, y0), (x1, y1)) in enumerate(itertools.pairwise(points)):
        if i % 2:
            d += f"L{x1:.2f} {y1:.2f}"
        elif layout.direction == "right":
            bend = (x1 - x0) / 2
            d += f"C{x0 + bend:.2f} {y0:.2f} {x1 - bend:.2f} {y1:.2f} {x1:.2f} {y1:.2f}"
        else:
            bend = (y1 - y0) / 2
            d += f"C{x0:.2f} {y0 + bend:.2f} {x1:.2f} {y1 - bend:.2f} {x1:.2f} {y1:.2f}"
    return d


def _loop(start: tuple[float, float], end: tuple[float, float], layout: GraphLayout) -> str:
    """An arc beside the layer that both ends stand in."""
    apart = abs(end[1] - start[1]) + abs(end[0] - start[0])
    bulge = min(24.0 + apart * 0.08, 46.0)
    dx, dy = (bulge, 0.0) if layout.direction == "right" else (0.0, bulge)
    return (
        f"M{start[0]:.2f} {start[1]:.2f}C{start[0] + dx:.2f} {start[1] + dy:.2f} "
        f"{end[0] + dx:.2f} {end[1] + dy:.2f} {end[0]:.2f} {end[1]:.2f}"
    )


def _head(tip: tuple[float, float], angle: float, size: float = HEAD) -> str:
    left, right = (_back(tip, angle + turn, size) for turn in (-0.42, 0.42))
    return f"M{tip[0]:.2f} {tip[1]:.2f}L{left[0]:.2f} {left[1]:.2f}L{right[0]:.2f} {right[1]:.2f}Z"


def _back(point: tuple[float, float], angle: float, distance: float) -> tuple[float, float]:
    return point[0] - math.cos(angle) * distance, point[1] - math.sin(angle) * distance
