"""Directions of a skeleton's edges: knowledge, colliders, and Meek's rules. Nodes are positions 0..d-1."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from dorec.discover.skeleton import Places, Skeleton, Triple
from dorec.numeric.arrays import BoolArray


@dataclass(eq=False)
class PartlyDirected:
    """A partly directed graph that is being oriented: never against knowledge, never into a directed cycle."""

    adjacent: list[set[int]]
    may_cause: BoolArray  # (d, d)
    parents: list[set[int]] = field(default_factory=list)
    children: list[set[int]] = field(default_factory=list)
    open: list[set[int]] = field(default_factory=list)  # neighbours across an edge that has no direction yet

    @classmethod
    def of(cls, adjacent: BoolArray, may_cause: BoolArray) -> "PartlyDirected":
        """The skeleton (d, d), with no direction yet."""
        near = [set(np.flatnonzero(row).tolist()) for row in adjacent]
        none: list[set[int]] = [set() for _ in near]
        return cls(near, may_cause, none, [set() for _ in near], [set(n) for n in near])

    def can_orient(self, a: int, b: int) -> bool:
        """Whether the undirected edge a - b may become a -> b."""
        return bool(self.may_cause[a, b]) and not self.reaches(b, a)

    def orient(self, a: int, b: int) -> None:
        """Make a - b into a -> b."""
        self.open[a].discard(b)
        self.open[b].discard(a)
        self.children[a].add(b)
        self.parents[b].add(a)

    def reaches(self, a: int, b: int) -> bool:
        """Whether a directed path leads from a to b."""
        seen, stack = {a}, [a]
        while stack:
            for child in self.children[stack.pop()] - seen:
                if child == b:
                    return True
                seen.add(child)
                stack.append(child)
        return False

    def path(self, a: int, b: int) -> list[int]:
        """A shortest directed path from a to b, both ends included; empty if there is none."""
        before: dict[int, int] = {a: a}
        queue = [a]
        for node in queue:
            for child in sorted(self.children[node] - before.keys()):
                before[child] = node
                queue.append(child)
        if b not in before or a == b:
            return []
        path = [b]
        while path[-1] != a:
            path.append(before[path[-1]])
        return path[::-1]


def orient_by_knowledge(graph: PartlyDirected, pairs: Iterable[Places]) -> list[int]:
    """Orient every edge that knowledge allows one way only. Gives a cycle that knowledge would force, or []."""
    for a, b in pairs:
        if graph.may_cause[a, b] and graph.may_cause[b, a]:
            continue
        cause, effect = (a, b) if graph.may_cause[a, b] else (b, a)
        back = graph.path(effect, cause)
        if back:
            return [cause, *back]
        graph.orient(cause, effect)
    return []


def unshielded(skeleton: Skeleton, graph: PartlyDirected) -> list[Triple]:
    """Triples (x, y, z) with x < z both adjacent to y but, as a test says, not to each other, sorted by (y, x, z)."""
    found = []
    for y, near in enumerate(graph.adjacent):
        for x, z in combinations(sorted(near), 2):
            if z not in graph.adjacent[x] and skeleton.tested[x, z]:
                found.append((x, y, z))
    return found


def unshielded_colliders(skeleton: Skeleton, graph: PartlyDirected) -> list[Triple]:
    """Triples (x, y, z) with x < z not adjacent and y in none of the sets that separate them, sorted by (y, x, z).

    A pair that knowledge, not a test, keeps apart has no separating set and says nothing.
    """
    found = unshielded(skeleton, graph)
    return [triple for triple, known in zip(found, skeleton.separates(found), strict=True) if not known]


def orient_colliders(graph: PartlyDirected, triples: Sequence[Triple]) -> None:
    """Make x -> y <- z of each triple in turn, unless an earlier triple, knowledge or a cycle stands against it."""
    for x, y, z in triples:
        if x in graph.children[y] or z in graph.children[y]:
            continue
        if not (graph.may_cause[x, y] and graph.may_cause[z, y]) or graph.reaches(y, x) or graph.reaches(y, z):
            continue
        for end in (x, z):
            if end in graph.open[y]:
                graph.orient(end, y)


def meek(graph: PartlyDirected, order: Sequence[Places], ambiguous: Collection[Triple] = ()) -> None:
    """Meek's rules 1-4 (1995, arXiv:1302.4972), until none applies; edges are looked at in the order given.

    Rules that take a triple (x, y, z), x < z, for no collider are not used on `ambiguous` ones.
    """
    unsure = frozenset(ambiguous)
    changed = True
    while changed:
        changed = False
        for a, b in order:
            if b not in graph.open[a]:
                continue
            for cause, effect in ((a, b), (b, a)):
                if _forced(graph, cause, effect, unsure) and graph.can_orient(cause, effect):
                    graph.orient(cause, effect)
                    changed = True
                    break


def _forced(graph: PartlyDirected, a: int, b: int, unsure: frozenset[Triple] = frozenset()) -> bool:
    """Whether a rule turns the undirected edge a - b into a -> b."""

    def sure(x: int, z: int) -> bool:  # of x - a - z
        return (min(x, z), a, max(x, z)) not in unsure

    if any(sure(c, b) for c in graph.parents[a] - graph.adjacent[b] - {b}):  # 1: c -> a - b, c and b not adjacent
        return True
    if graph.children[a] & graph.parents[b]:  # 2: a -> c -> b
        return True
    through = graph.open[a] & graph.parents[b]
    # 3: a - c -> b, a - d -> b, c and d not adjacent
    if any(d not in graph.adjacent[c] and sure(c, d) for c, d in combinations(sorted(through), 2)):
        return True
    # 4: a - d -> c -> b with a and c adjacent, d and b not adjacent (a and d joined)
    away = graph.open[a] - graph.adjacent[b]
    return any(graph.children[d] & graph.parents[b] & graph.adjacent[a] and sure(d, b) for d in away)
