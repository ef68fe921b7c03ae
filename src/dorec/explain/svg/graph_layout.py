"""Where the boxes of a causal graph stand and where its edges run: left to right where that fits, else top down."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dorec.explain.plain_text import text_width, wrap
from dorec.explain.svg.canvas import NARROW
from dorec.explain.svg.layers import Layered, Link, assign_layers, layered, positions, without_cycles

FONT = 12.5
LEADING = FONT * 1.25
LABEL_WIDTH = 132.0
PASSAGE = 2.0  # room that a passing edge takes
BOX_GAP = 12.0

Direction = Literal["right", "down"]


@dataclass(frozen=True)
class Box:
    """A node's box: centre, size, and its label in lines."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]

    def overlaps(self, other: "Box") -> bool:
        """Whether two boxes share any point."""
        apart_x = abs(self.x - other.x) >= (self.width + other.width) / 2
        apart_y = abs(self.y - other.y) >= (self.height + other.height) / 2
        return not (apart_x or apart_y)


@dataclass(frozen=True)
class Route:
    """The points an edge passes, from its lower to its higher layer; `loops` where both ends share a layer."""

    points: tuple[tuple[float, float], ...]
    flipped: bool  # the edge's `b` stands at the first point
    loops: bool
    room: tuple[float, float]  # px to the next edge at either end


@dataclass(frozen=True)
class GraphLayout:
    """Boxes by node, a route for each edge, and the size of it all."""

    boxes: dict[str, Box]
    routes: list[Route]
    width: float
    height: float
    direction: Direction


def lay_out_graph(
    nodes: Sequence[str],
    links: Sequence[Link],
    *,
    arrows: Sequence[Link],
    tiers: Mapping[int, int] | None = None,
    width: float = 760.0,
) -> GraphLayout:
    """The layout of nodes and links (pairs of positions in `nodes`); `arrows` are those that must point forward.

    >>> layout = lay_out_graph(["a", "b"], [(0, 1)], arrows=[(0, 1)])
    >>> layout.direction, layout.boxes["a"].x < layout.boxes["b"].x
    ('right', True)
    """
    drawn = layered(len(nodes), links, assign_layers(len(nodes), arrows, tiers))
    right = _place(nodes, links, drawn, "right", width)
    if right.width <= width:
        return right
    down = _place(nodes, links, drawn, "down", width)
    return down if down.width <= max(width, right.width * 0.8) else right


def forward_arrows(n: int, directed: Sequence[Link], open_links: Sequence[Link]) -> list[Link]:
    """The arrows that order the layers: directed ones, and undirected ones wherever they close no cycle."""
    return without_cycles(n, directed, open_links)


def _place(nodes: Sequence[str], links: Sequence[Link], drawn: Layered, way: Direction, room: float) -> GraphLayout:
    labels = _labels(nodes)
    sizes = [(max(text_width(line, FONT) for line in lines) + 22, len(lines) * LEADING + 13) for lines in labels]
    along = 1 if way == "right" else 0  # the coordinate that runs inside a layer
    for v, ports in enumerate(_most_ports(drawn)):  # many edges need a longer side
        longer = max(sizes[v][along], min(ports * 6.0 + 8.0, 110.0))
        sizes[v] = (sizes[v][0], longer) if along else (longer, sizes[v][1])
    if way == "right":  # one width for a column, so that its edges start and end in line
        for row in drawn.rows:
            widest = max((sizes[v][0] for v in row if v < drawn.n), default=PASSAGE)
            for v in row:
                if v < drawn.n:
                    sizes[v] = (widest, sizes[v][1])
    across_sizes = [sizes[v][along] if v < drawn.n else PASSAGE for v in range(len(drawn.layer))]
    inside = positions(drawn, across_sizes, BOX_GAP)
    thick = [max((sizes[v][1 - along] for v in row if v < drawn.n), default=PASSAGE) for row in drawn.rows]
    gaps = _gaps(drawn, way, room)
    starts = [gaps[0]]
    for i in range(len(thick)):
        starts.append(starts[-1] + thick[i] + gaps[i + 1])
    middle = [starts[i] + thick[i] / 2 for i in range(len(thick))]
    boxes = {}
    for v, node in enumerate(nodes):
        x, y = (middle[drawn.layer[v]], inside[v]) if way == "right" else (inside[v], middle[drawn.layer[v]])
        boxes[node] = Box(x + 1, y + 1, sizes[v][0], sizes[v][1], tuple(labels[v]))
    extent = max((inside[v] + across_sizes[v] / 2 for v in range(len(across_sizes))), default=0.0)
    total = starts[-1]
    routes = _Router(links, drawn, way, inside, starts, thick, sizes).routes()
    size = (total, extent) if way == "right" else (extent, total)
    return GraphLayout(boxes, routes, size[0] + 2, size[1] + 2, way)


def _gaps(drawn: Layered, way: Direction, room: float) -> list[float]:
    """Space before, between and after the layers: wider where many edges run, and where a loop bulges."""
    base = (44.0 if room < NARROW else 64.0) if way == "right" else 46.0
    counts = [0] * (len(drawn.rows) + 1)
    loops = [0] * (len(drawn.rows) + 1)
    for chain in drawn.chains:
        for a, b in itertools.pairwise(chain):
            if drawn.layer[a] == drawn.layer[b]:
                loops[drawn.layer[a] + 1] += 1
            else:
                counts[drawn.layer[b]] += 1
    gaps = [base + min(counts[i], 20) * 1.5 + (20.0 if loops[i] else 0.0) for i in range(len(counts))]
    gaps[0] = 0.0
    gaps[-1] = 46.0 if loops[-1] else 0.0
    return gaps


def _most_ports(drawn: Layered) -> list[int]:
    """For each node, how many edges meet the busier of its two sides."""
    sides = [[0, 0] for _ in range(drawn.n)]
    for chain in drawn.chains:
        loops = drawn.layer[chain[0]] == drawn.layer[chain[-1]]
        sides[chain[0]][1] += 1
        sides[chain[-1]][1 if loops else 0] += 1
    return [max(pair) for pair in sides]


@dataclass(frozen=True)
class _Router:
    """Ports on the boxes and points of the edges."""

    links: Sequence[Link]
    drawn: Layered
    way: Direction
    inside: list[float]
    starts: list[float]
    thick: list[float]
    sizes: list[tuple[float, float]]  # width and height of each node

    def routes(self) -> list[Route]:
        ports = self._ports()
        routes = []
        for i, chain in enumerate(self.drawn.chains):
            loops = self.drawn.layer[chain[0]] == self.drawn.layer[chain[-1]]
            end_side = 1 if loops else -1
            first, last = ports[i, chain[0], 1], ports[i, chain[-1], end_side]
            found = [self._point(chain[0], 1, first[0])]
            for v in chain[1:-1]:
                found += [self._point(v, -1, self.inside[v]), self._point(v, 1, self.inside[v])]
            found.append(self._point(chain[-1], end_side, last[0]))
            routes.append(Route(tuple(found), self.links[i][0] != chain[0], loops, (first[1], last[1])))
        return routes

    def _point(self, v: int, side: int, inside: float) -> tuple[float, float]:
        start, thick = self.starts[self.drawn.layer[v]], self.thick[self.drawn.layer[v]]
        deep = self.sizes[v][0 if self.way == "right" else 1] if v < self.drawn.n else thick
        main = start + thick / 2 + side * deep / 2
        return (main + 1, inside + 1) if self.way == "right" else (inside + 1, main + 1)

    def _ports(self) -> dict[tuple[int, int, int], tuple[float, float]]:
        """Where along its side each link meets a box, and the room it has; by link, box and side."""
        meeting: dict[tuple[int, int], list[tuple[float, int]]] = {}
        for i, chain in enumerate(self.drawn.chains):
            loops = self.drawn.layer[chain[0]] == self.drawn.layer[chain[-1]]
            meeting.setdefault((chain[0], 1), []).append((self.inside[chain[1]], i))
            meeting.setdefault((chain[-1], 1 if loops else -1), []).append((self.inside[chain[-2]], i))
        ports = {}
        for (v, side), ends in meeting.items():
            ends.sort()
            along = self.sizes[v][1 if self.way == "right" else 0]
            step = min(13.0, (along - 10.0) / max(len(ends) - 1, 1))
            for k, (_, i) in enumerate(ends):
                ports[i, v, side] = (self.inside[v] + (k - (len(ends) - 1) / 2) * step, step)
        return ports


def _labels(nodes: Sequence[str]) -> list[list[str]]:
    """The lines of each box; names that are cut to the same text show their ends as well.

    >>> _labels(["a_very_long_name_of_a_column_01", "a_very_long_name_of_a_column_02", "b"])
    [['a_very_long_…', '…of_a_column_01'], ['a_very_long_…', '…of_a_column_02'], ['b']]
    """
    labels = [wrap(node, LABEL_WIDTH, FONT, 2) for node in nodes]
    return [
        [f"{node[:12]}…", f"…{node[-14:]}"] if labels.count(lines) > 1 else lines
        for node, lines in zip(nodes, labels, strict=True)
    ]
