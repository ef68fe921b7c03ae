"""A partial ancestral graph that is being marked, and Zhang's rules that mark it. Nodes are positions 0..d-1."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from dorec.discover.skeleton import Places, Skeleton, Triple
from dorec.numeric.acyclicity import is_acyclic
from dorec.numeric.ancestral_rules import ARROW, CIRCLE, TAIL, after_arrowhead, along_arrowheads, beside_collider
from dorec.numeric.arrays import AnyArray, BoolArray

Proposal = tuple[int, int, int]  # (a, b, mark): the mark at b on the edge a - b


@dataclass(eq=False)
class PartialAncestral:
    """Marks of a PAG in the making; a mark that is no circle never changes again."""

    marks: AnyArray  # (d, d) int8: the mark at j on the edge i - j, 0 without an edge
    adjacent: BoolArray  # (d, d)
    near: list[list[int]]
    stuck: set[Places] = field(default_factory=set)  # (a, b): no further mark at b on a - b

    @classmethod
    def of(cls, skeleton: Skeleton) -> "PartialAncestral":
        """The skeleton, with circles at every end."""
        near = [np.flatnonzero(row).tolist() for row in skeleton.adjacent]
        return cls(np.where(skeleton.adjacent, CIRCLE, 0).astype(np.int8), skeleton.adjacent, near)

    def orient_colliders(self, skeleton: Skeleton) -> None:
        """R0: x *-> y <-* z where x and z are not adjacent and y is in none of the sets that separate them."""
        triples = self.unshielded()
        known = skeleton.separates(triples)
        self.mark(
            [(end, y, ARROW) for (x, y, z), apart in zip(triples, known, strict=True) if not apart for end in (x, z)]
        )

    def remove(self, a: int, b: int) -> None:
        """Take the edge a - b out."""
        self.marks[a, b] = self.marks[b, a] = 0
        self.near[a].remove(b)
        self.near[b].remove(a)
        self.adjacent = self.marks > 0

    def unshielded(self) -> list[Triple]:
        """Triples (x, y, z) with x < z not adjacent, both adjacent to y."""
        return [
            (x, y, z) for y, near in enumerate(self.near) for x, z in combinations(near, 2) if not self.adjacent[x, z]
        ]

    def mark(self, proposals: Iterable[Proposal]) -> bool:
        """Make marks where there are circles, all at once; whether any was made.

        An arrowhead wins over a tail, and marks that would close a directed cycle are not made, then or later.
        """
        wanted: dict[Places, int] = {}
        for a, b, mark in proposals:
            if self.marks[a, b] == CIRCLE and (a, b) not in self.stuck:
                wanted[a, b] = min(mark, wanted.get((a, b), TAIL))
        for (a, b), mark in wanted.items():
            self.marks[a, b] = mark
        made = len(wanted)
        for a, b in self._in_cycles(wanted):
            self.marks[a, b] = CIRCLE
            self.stuck.add((a, b))
            made -= 1
        return made > 0

    def _in_cycles(self, ends: Iterable[Places]) -> list[Places]:
        """Those of some ends whose edges lie on a directed cycle."""
        directed = (self.marks == ARROW) & (self.marks.T == TAIL)
        if is_acyclic(directed):
            return []
        _, label = connected_components(csr_array(directed), connection="strong")
        return [(a, b) for a, b in ends if label[a] == label[b] and (directed[a, b] or directed[b, a])]


def orient_ancestral(graph: PartialAncestral, skeleton: Skeleton) -> None:
    """R1-R10 until none applies (Zhang 2008): arrowheads, then selection's tails, then the other tails."""
    changed = True
    while changed:
        changed = False
        while graph.mark([*rule_1(graph), *rule_2(graph), *rule_3(graph), *rule_4(graph, skeleton)]):
            changed = True
        if (graph.marks == CIRCLE).any():
            changed |= graph.mark(rule_5(graph))
            changed |= graph.mark([*rule_6(graph), *rule_7(graph)])
            changed |= graph.mark([*rule_8(graph), *rule_9_and_10(graph)])


def rule_1(graph: PartialAncestral) -> Iterator[Proposal]:
    """R1: a *-> b o-* c, a and c not adjacent: b -> c."""
    for c, b in np.argwhere(after_arrowhead(graph.marks)).tolist():
        yield c, b, TAIL
        yield b, c, ARROW


def rule_2(graph: PartialAncestral) -> Iterator[Proposal]:
    """R2: a -> b *-> c or a *-> b -> c, and a *-o c: a *-> c."""
    for a, c in np.argwhere(along_arrowheads(graph.marks)).tolist():
        yield a, c, ARROW


def rule_3(graph: PartialAncestral) -> Iterator[Proposal]:
    """R3: a *-> b <-* c, a *-o t o-* c, a and c not adjacent, t *-o b: t *-> b."""
    for t, b in np.argwhere(beside_collider(graph.marks)).tolist():
        yield t, b, ARROW


def rule_4(graph: PartialAncestral, skeleton: Skeleton) -> Iterator[Proposal]:
    """R4: a discriminating path <t, ..., a, b, c> for b o-* c: b -> c if b separates t and c, else a <-> b <-> c.

    Of several paths the shortest say, and b is a collider if it is in none of their separating sets.
    """
    m = graph.marks.tolist()  # of lists, single marks are read five times as fast
    for c, b in _ends(graph, CIRCLE):
        for a, starts in _discriminating(graph, m, b, c):
            if skeleton.separates([(t, b, c) for t in starts]).any():
                yield c, b, TAIL
            else:
                yield a, b, ARROW
                yield c, b, ARROW
            yield b, c, ARROW


def _discriminating(graph: PartialAncestral, m: list[list[int]], b: int, c: int) -> Iterator[tuple[int, list[int]]]:
    """For each last node a before b, the first nodes t of the shortest paths <t, ..., a, b, c>."""
    last = [a for a in graph.near[b] if m[b][a] == m[a][c] == ARROW and m[c][a] == TAIL]
    if not last:
        return
    parents = {v for v in graph.near[c] if m[v][c] == ARROW and m[c][v] == TAIL} - {b}
    for a in last:
        seen, layer = {a, b, c}, [a]
        while layer:
            before = {v for q in layer for v in graph.near[q] if m[v][q] == ARROW} - seen
            starts = [v for v in before if not graph.adjacent[v, c]]
            if starts:
                yield a, starts
                break
            # a node goes on to the next only as a collider: an arrowhead at it from the node after it
            layer = [v for v in before & parents if any(m[q][v] == m[v][q] == ARROW for q in layer)]
            seen |= set(layer)


def rule_5(graph: PartialAncestral) -> Iterator[Proposal]:
    """R5: edges o-o on a cycle of such edges in which no three neighbours form a triangle: tails all along.

    They are the edges on closed walks whose neighbouring edges are unshielded. An arrowhead anywhere on such a walk
    would have to go all the way round, so walks say the same as cycles.
    """
    both = (graph.marks == CIRCLE) & (graph.marks.T == CIRCLE)
    steps = [(a, b) for a, b in np.argwhere(both).tolist()]
    place = {step: i for i, step in enumerate(steps)}
    rows, columns = [], []
    for (a, b), i in place.items():
        for c in graph.near[b]:
            if both[b, c] and c != a and not graph.adjacent[a, c]:
                rows.append(i)
                columns.append(place[b, c])
    if not rows:
        return
    links = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(steps), len(steps)))
    _, label = connected_components(links, connection="strong")
    size = np.bincount(label)
    for (a, b), which in zip(steps, label.tolist(), strict=True):
        if size[which] > 1:
            yield a, b, TAIL
            yield b, a, TAIL


def rule_6(graph: PartialAncestral) -> Iterator[Proposal]:
    """R6: a --- b o-* c: a tail at b."""
    m = graph.marks
    for c, b in _ends(graph, CIRCLE):
        if any(m[a, b] == m[b, a] == TAIL for a in graph.near[b]):
            yield c, b, TAIL


def rule_7(graph: PartialAncestral) -> Iterator[Proposal]:
    """R7: a --o b o-* c, a and c not adjacent: a tail at b on b - c."""
    m = graph.marks
    for c, b in _ends(graph, CIRCLE):
        if any(m[b, a] == TAIL and m[a, b] == CIRCLE and a != c and not graph.adjacent[a, c] for a in graph.near[b]):
            yield c, b, TAIL


def rule_8(graph: PartialAncestral) -> Iterator[Proposal]:
    """R8: a -> b -> c or a --o b -> c, and a o-> c: a -> c."""
    m = graph.marks
    for c, a in _ends(graph, CIRCLE):
        if m[a, c] == ARROW and any(
            m[b, a] == TAIL and m[a, b] in (ARROW, CIRCLE) and m[b, c] == ARROW and m[c, b] == TAIL
            for b in graph.near[a]
        ):
            yield c, a, TAIL


def rule_9_and_10(graph: PartialAncestral) -> Iterator[Proposal]:
    """R9 and R10: a o-> c, and whichever way a causes a neighbour, it causes c: a -> c.

    R9: an uncovered potentially directed path from a to c whose second node is not adjacent to c. R10: b -> c <- t and
    such paths from a to b and to t, whose second nodes differ and are not adjacent. Walks say the same as paths: were
    the first edge directed, all of them would be, and a directed walk that returns to a node can't be.
    """
    m = graph.marks
    for c, a in _ends(graph, CIRCLE):
        if m[a, c] != ARROW:
            continue
        firsts = [b for b in graph.near[a] if b != c and _may_lead(m, a, b)]
        reached = {b: _reached(graph, a, b, c) for b in firsts}
        if any(not graph.adjacent[b, c] and c in reached[b] for b in firsts):
            yield c, a, TAIL
            continue
        parents = {v for v in graph.near[c] if m[v, c] == ARROW and m[c, v] == TAIL}
        ways = [b for b in firsts if reached[b] & parents]
        if any(
            not graph.adjacent[b, t] and len(reached[b] & parents | reached[t] & parents) > 1
            for b, t in combinations(ways, 2)
        ):
            yield c, a, TAIL


def _reached(graph: PartialAncestral, a: int, b: int, c: int) -> set[int]:
    """Nodes where uncovered potentially directed walks a, b, ... arrive; they end at c."""
    stack, seen = [(a, b)], {(a, b)}
    while stack:
        u, v = stack.pop()
        if v == c:
            continue
        for w in graph.near[v]:
            step = (v, w)
            if w not in (a, u) and step not in seen and not graph.adjacent[u, w] and _may_lead(graph.marks, v, w):
                seen.add(step)
                stack.append(step)
    return {v for _, v in seen}


def _may_lead(m: AnyArray, a: int, b: int) -> bool:
    """Whether a - b may be a -> b."""
    return bool(m[b, a] != ARROW and m[a, b] != TAIL)


def _ends(graph: PartialAncestral, mark: int) -> list[Places]:
    """(a, b) for each end b of an edge a - b with the mark."""
    return [(a, b) for a, b in np.argwhere(graph.marks == mark).tolist()]
