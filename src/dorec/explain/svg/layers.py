"""Layered layout of a graph: longest-path layers, few crossings by barycentres, straight positions by least squares.

Sugiyama, Tagawa and Toda (1981, doi:10.1109/TSMC.1981.4308636): nodes stand in layers with causes before effects; an
edge that passes a layer holds a place in it, so that it runs beside the boxes and never through one.
"""

import itertools
import math
from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Link = tuple[int, int]  # positions of two nodes


@dataclass(frozen=True)
class Layered:
    """Vertices 0..n-1 are the nodes, higher ones places where a long edge passes a layer."""

    rows: list[list[int]]  # vertices of each layer, in order
    layer: list[int]  # of each vertex
    chains: list[list[int]]  # for each link, its vertices from the lower to the higher layer
    n: int  # number of nodes

    def neighbours(self, towards: int) -> dict[int, list[int]]:
        """For each vertex, those that its links lead to in the layer before (-1) or after (+1)."""
        found: dict[int, list[int]] = {v: [] for row in self.rows for v in row}
        for chain in self.chains:
            for a, b in itertools.pairwise(chain):
                if self.layer[a] != self.layer[b]:
                    found[b if towards < 0 else a].append(a if towards < 0 else b)
        return found


def assign_layers(n: int, arrows: Sequence[Link], tiers: Mapping[int, int] | None = None) -> list[int]:
    """A layer for each node, every arrow pointing to a higher one, and no tier before an earlier tier.

    Tiers that the arrows contradict are left aside. Nodes without causes stand next to what they cause first.

    >>> assign_layers(4, [(0, 1), (1, 2), (3, 2)])
    [0, 1, 2, 1]
    """
    tiers = tiers or {}
    if any(tiers.get(a, -1) > tiers.get(b, 10**9) for a, b in arrows):
        tiers = {}
    parents: dict[int, list[int]] = {v: [] for v in range(n)}
    children: dict[int, list[int]] = {v: [] for v in range(n)}
    for a, b in arrows:
        parents[b].append(a)
        children[a].append(b)
    order = _causal_order(n, parents, children)
    layer = [0] * n
    floor = 0
    for tier in [*sorted(set(tiers.values())), None] if tiers else [None]:
        for v in order:
            if tiers.get(v) == tier:
                layer[v] = max([floor if tier is not None else 0, *(layer[p] + 1 for p in parents[v])])
        placed = [layer[v] for v in range(n) if tiers.get(v) == tier]
        floor = max([floor, *(p + 1 for p in placed)])
    for v in order:  # a node of a tier may stand below a cause that has none
        layer[v] = max([layer[v], *(layer[p] + 1 for p in parents[v])])
    for v in reversed(order):
        if not parents[v] and children[v] and v not in tiers:
            layer[v] = min(layer[c] for c in children[v]) - 1
    used = sorted(set(layer))
    return [used.index(at) for at in layer]


def without_cycles(n: int, certain: Sequence[Link], free: Sequence[Link]) -> list[Link]:
    """The certain arrows and those of the free links that close no cycle, either way round."""
    reach: list[set[int]] = [{v} for v in range(n)]  # what each node leads to
    kept: list[Link] = []

    def add(a: int, b: int) -> None:
        kept.append((a, b))
        for v in range(n):
            if a in reach[v]:
                reach[v] |= reach[b]

    for a, b in certain:
        add(a, b)
    for a, b in free:
        add(*((a, b) if a not in reach[b] else (b, a)))
    return kept


def layered(n: int, links: Sequence[Link], layer: Sequence[int]) -> Layered:
    """Nodes and passing edges in layers, ordered so that few links cross."""
    at = list(layer)
    chains: list[list[int]] = []
    for a, b in links:
        low, high = (a, b) if at[a] <= at[b] else (b, a)
        chain = [low]
        for between in range(at[low] + 1, at[high]):
            chain.append(len(at))
            at.append(between)
        chains.append([*chain, high])
    rows: list[list[int]] = [[] for _ in range(max(at, default=-1) + 1)]
    for v, where in enumerate(at):
        rows[where].append(v)
    return _untangled(Layered(rows, at, chains, n))


def crossings(graph: Layered) -> int:
    """How many pairs of links cross between neighbouring layers."""
    place = {v: i for row in graph.rows for i, v in enumerate(row)}
    upper = graph.neighbours(-1)
    total = 0
    for row in graph.rows:
        seen: list[int] = []
        for v in row:
            ends = sorted(place[u] for u in upper[v])
            total += sum(len(seen) - bisect_right(seen, e) for e in ends)
            for e in ends:
                insort(seen, e)
    return total


def spread(desired: Sequence[float], sizes: Sequence[float], gap: float, weights: Sequence[float]) -> list[float]:
    """Centres nearest to the desired ones (weighted least squares) that keep the order and `gap` px between boxes.

    >>> spread([0.0, 0.0], [10.0, 10.0], 2.0, [1.0, 1.0])
    [-6.0, 6.0]
    """
    offsets = [0.0]
    for a, b in itertools.pairwise(sizes):
        offsets.append(offsets[-1] + (a + b) / 2 + gap)
    blocks: list[list[float]] = []  # isotonic regression by pooling: mean, weight, members
    for want, offset, weight in zip(desired, offsets, weights, strict=False):
        blocks.append([want - offset, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, w, k = blocks.pop()
            total = blocks[-1][1] + w
            blocks[-1] = [(blocks[-1][0] * blocks[-1][1] + mean * w) / total, total, blocks[-1][2] + k]
    means = [mean for mean, _, k in blocks for _ in range(int(k))]
    return [m + o for m, o in zip(means, offsets, strict=False)]


def positions(graph: Layered, sizes: Sequence[float], gap: float, rounds: int = 8) -> list[float]:
    """Centres along the layers, from 0 on, that keep long edges straight and families together."""
    weights = [1.0 if v < graph.n else 3.0 for v in range(len(graph.layer))]
    at = [0.0] * len(graph.layer)
    before, after = graph.neighbours(-1), graph.neighbours(1)
    for row in graph.rows:
        _settle(row, at, {}, sizes, gap, weights)
    for i in range(rounds):
        for row in graph.rows if i % 2 == 0 else graph.rows[::-1]:
            _settle(row, at, before if i % 2 == 0 else after, sizes, gap, weights)
    both = {v: before[v] + after[v] for v in before}
    for row in graph.rows:
        _settle(row, at, both, sizes, gap, weights)
    _straighten(graph, at, sizes, gap)
    left = min((at[v] - sizes[v] / 2 for row in graph.rows for v in row), default=0.0)
    return [x - left for x in at]


def _straighten(graph: Layered, at: list[float], sizes: Sequence[float], gap: float) -> None:
    """Give the places of each long edge the same position over as many layers as their neighbours allow."""
    near: dict[int, tuple[int | None, int | None]] = {}
    for row in graph.rows:
        for a, v, b in zip([None, *row], row, [*row[1:], None], strict=False):
            near[v] = (a, b)
    for chain in graph.chains:
        run: list[int] = []
        low, high = -math.inf, math.inf
        for v in [*chain[1:-1], -1]:
            if v >= 0:
                a, b = near[v]
                least = -math.inf if a is None else at[a] + (sizes[a] + sizes[v]) / 2 + gap
                most = math.inf if b is None else at[b] - (sizes[b] + sizes[v]) / 2 - gap
                if max(low, least) <= min(high, most):
                    run.append(v)
                    low, high = max(low, least), min(high, most)
                    continue
            if run:
                level = min(max(sum(at[u] for u in run) / len(run), low), high)
                for u in run:
                    at[u] = level
            if v >= 0:
                run, low, high = [v], least, most


def _settle(
    row: list[int],
    at: list[float],
    near: Mapping[int, list[int]],
    sizes: Sequence[float],
    gap: float,
    weights: list[float],
) -> None:
    desired = [sum(at[u] for u in near[v]) / len(near[v]) if near.get(v) else at[v] for v in row]
    placed = spread(desired, [sizes[v] for v in row], gap, [weights[v] for v in row])
    for v, x in zip(row, placed, strict=True):
        at[v] = x


def _untangled(graph: Layered, sweeps: int = 16) -> Layered:
    best, fewest = [list(row) for row in graph.rows], crossings(graph)
    before, after = graph.neighbours(-1), graph.neighbours(1)
    for sweep in range(sweeps):
        if not fewest:
            break
        down = sweep % 2 == 0
        rows = graph.rows if down else graph.rows[::-1]
        place = {v: i / max(len(row) - 1, 1) for row in rows for i, v in enumerate(row)}
        for row in rows:
            near = before if down else after
            keys = {v: sum(place[u] for u in near[v]) / len(near[v]) if near[v] else place[v] for v in row}
            row.sort(key=keys.__getitem__)
            place.update({v: i / max(len(row) - 1, 1) for i, v in enumerate(row)})
        now = crossings(graph)
        if now < fewest:
            best, fewest = [list(row) for row in graph.rows], now
    return Layered(best, graph.layer, graph.chains, graph.n)


def _causal_order(n: int, parents: Mapping[int, list[int]], children: Mapping[int, list[int]]) -> list[int]:
    missing = [len(parents[v]) for v in range(n)]
    order = [v for v in range(n) if not missing[v]]
    for v in order:
        for c in children[v]:
            missing[c] -= 1
            if not missing[c]:
                order.append(c)
    return order
