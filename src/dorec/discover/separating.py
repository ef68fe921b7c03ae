"""RFCI's tests: edges of triples and of discriminating paths, given the set that separates the ends."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np

from dorec.discover.levels import IndependenceTest
from dorec.discover.pag import PartialAncestral
from dorec.discover.skeleton import Places, Skeleton, keys
from dorec.numeric.ancestral_rules import ARROW, CIRCLE, TAIL
from dorec.numeric.arrays import BoolArray

Given = tuple[int, ...]
Question = tuple[int, int, Given]  # x < y, and a set in ascending order


@dataclass(eq=False)
class Separation:
    """One smallest set for each pair that a test separated, of which no smaller part was seen to do it."""

    start: Skeleton
    test: IndependenceTest
    names: tuple[str, ...]
    required: BoolArray  # (d, d)
    given: dict[Places, Given]  # x < y -> the set
    known: dict[Question, float]  # p-values of tests, NaN where one can't be made

    @classmethod
    def of(
        cls, skeleton: Skeleton, test: IndependenceTest, names: tuple[str, ...], required: BoolArray
    ) -> "Separation":
        """Sets for the pairs that the skeleton leaves apart, out of the members of those that removed them."""
        found = cls(skeleton, test, names, required, {}, {})
        d = len(names)
        pair, member = np.divmod(skeleton.separators, d)
        members: dict[Places, list[int]] = {}
        for code, s in zip(pair.tolist(), member.tolist(), strict=True):
            members.setdefault((code // d, code % d), []).append(s)
        pairs = [(x, y) for x, y in np.argwhere(np.triu(~skeleton.adjacent, 1)).tolist()]
        found.given = found.smallest({pair: tuple(sorted(set(members.get(pair, [])))) for pair in pairs})
        return found

    def skeleton(self) -> Skeleton:
        """The skeleton as it is now, with these sets as what separates."""
        adjacent = self.start.adjacent.copy()
        p_value, rows = self.start.p_value.copy(), []
        for (x, y), given in self.given.items():
            adjacent[x, y] = adjacent[y, x] = False
            rows += [(x, y, s) for s in given]
        for (x, y, _), p in self.known.items():
            if adjacent[x, y] and not np.isnan(p):
                p_value[x, y] = p_value[y, x] = max(p_value[x, y], p)
        separators = np.sort(keys(np.array(rows, dtype=np.int64).reshape(-1, 3), len(adjacent)))
        return replace(self.start, adjacent=adjacent, p_value=p_value, separators=separators)

    def check_triples(self, graph: PartialAncestral) -> None:
        """Remove edges x - y of unshielded triples x - y - z: those that the set for x and z, without y, separates.

        Colombo et al. 2012, algorithm 4.4, with all edges of a round removed together.
        """
        while True:
            asked: dict[Places, set[Given]] = {}
            for x, y, z in graph.unshielded():
                given = tuple(s for s in self.given[x, z] if s != y)
                for end in (x, z):
                    asked.setdefault((min(end, y), max(end, y)), set()).add(given)
            if not self._remove(graph, asked, subsets=False):
                return

    def check_paths(self, graph: PartialAncestral) -> bool:
        """Remove edges on discriminating paths <t, .., a, b, c> that a part of the set for t and c separates.

        Algorithm 4.5; whether any edge went.
        """
        asked: dict[Places, set[Given]] = {}
        for path in discriminating_paths(graph):
            ends = (min(path[0], path[-1]), max(path[0], path[-1]))
            for x, y in pairwise(path):
                given = tuple(s for s in self.given[ends] if s not in (x, y))
                asked.setdefault((min(x, y), max(x, y)), set()).add(given)
        return self._remove(graph, asked, subsets=True)

    def smallest(self, pools: dict[Places, Given]) -> dict[Places, Given]:
        """For each pair the smallest part of its pool that separates it, with the largest p-value, if any does."""
        found: dict[Places, Given] = {}
        size = 0
        while waiting := {pair: pool for pair, pool in pools.items() if pair not in found and len(pool) >= size}:
            sets = {pair: list(combinations(pool, size)) for pair, pool in waiting.items()}
            self.ask((*pair, given) for pair, several in sets.items() for given in several)
            for pair, several in sets.items():
                apart = [g for g in several if self.known[(*pair, g)] > self.test.alpha]
                if apart:
                    found[pair] = min(apart, key=lambda g: self._order(pair, g))
            size += 1
        return found

    def ask(self, questions: Iterable[Question]) -> None:
        """Make the tests that have not been made."""
        by_size: dict[int, list[Question]] = {}
        for question in set(questions) - self.known.keys():
            by_size.setdefault(len(question[2]), []).append(question)
        for size, several in by_size.items():
            rows = np.array([(x, y, *given) for x, y, given in several], dtype=np.int32).reshape(-1, 2 + size)
            answers = self.test.answer(rows)
            self.known.update(zip(several, answers.p_value.tolist(), strict=True))

    def _remove(self, graph: PartialAncestral, asked: dict[Places, set[Given]], *, subsets: bool) -> bool:
        """Take out the edges that a set, or a part of one, separates."""
        open_pairs = {pair: sets for pair, sets in asked.items() if not self.required[pair]}
        if subsets:
            parts = {
                pair: [given for pool in pools for size in range(len(pool) + 1) for given in combinations(pool, size)]
                for pair, pools in open_pairs.items()
            }
        else:
            parts = {pair: list(sets) for pair, sets in open_pairs.items()}
        self.ask((*pair, given) for pair, several in parts.items() for given in several)
        pools = {
            pair: min(apart, key=lambda g: (len(g), *self._order(pair, g)))
            for pair, several in parts.items()
            if (apart := [g for g in several if self.known[(*pair, g)] > self.test.alpha])
        }
        self.given.update(self.smallest(pools))
        for x, y in pools:
            graph.remove(x, y)
        return bool(pools)

    def _order(self, pair: Places, given: Given) -> tuple[float, list[str]]:
        return -round(self.known[(*pair, given)], 9), sorted(self.names[s] for s in given)


def discriminating_paths(graph: PartialAncestral) -> list[list[int]]:
    """A shortest discriminating path <t, .., a, b, c> for b o-* c, for every a and every t that is as near as any."""
    m = graph.marks
    found = []
    for c, b in np.argwhere(m == CIRCLE).tolist():
        parents = {v for v in graph.near[c] if m[v, c] == ARROW and m[c, v] == TAIL} - {b}
        for a in sorted(parents):
            if m[b, a] == ARROW:
                found += _paths_from(graph, (a, b, c), parents)
    return found


def _paths_from(graph: PartialAncestral, last: tuple[int, int, int], parents: set[int]) -> list[list[int]]:
    a, b, c = last
    m = graph.marks
    path_to, layer = {a: [a, b, c]}, [a]
    seen = {a, b, c}
    while layer:
        before: dict[int, list[list[int]]] = {}
        for q in layer:
            for v in graph.near[q]:
                if m[v, q] == ARROW and v not in seen:
                    before.setdefault(v, []).append(path_to[q])
        starts = [v for v in before if not graph.adjacent[v, c]]
        if starts:
            return [[t, *path] for t in starts for path in before[t]]
        layer = []
        for v, ways in before.items():
            through = [path for path in ways if m[path[0], v] == m[v, path[0]] == ARROW]
            if v in parents and through:
                path_to[v] = [v, *through[0]]
                layer.append(v)
        seen |= set(layer)
    return []
