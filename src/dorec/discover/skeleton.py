"""The undirected graph that tests of conditional independence leave: PC-stable's first half."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dorec.discover.independence import IndependenceTest
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray, FloatArray

Places = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Who is adjacent to whom, and why the others are not."""

    adjacent: BoolArray  # (d, d), symmetric
    p_value: FloatArray  # (d, d), the largest p-value of the pair's tests, up to the level that removed it
    dependence: FloatArray  # (d, d), the smallest dependence found, in the test's own units
    tested: BoolArray  # (d, d), pairs that a test (not knowledge) removed or kept
    separators: Mapping[Places, frozenset[int]] = field(default_factory=dict)  # (i, j), i < j: members of all sets
    n_tests: int = 0


def stable_skeleton(
    test: IndependenceTest,
    may_cause: BoolArray,
    required: BoolArray,
    max_condition: int | None,
    context: RunContext,
) -> Skeleton:
    """PC-stable's skeleton (Colombo, Maathuis 2014, jmlr.org/papers/v15/colombo14a.html).

    All sets of a level are tested against the graph at the level's start, so the order of the columns does not matter.
    A pair is removed if any set of neighbours of either makes it independent; `separators` then holds every variable
    that is in any such set of that level.

    Args:
        test: answers the tests of a level.
        may_cause: (d, d), whether knowledge allows i -> j. A pair with neither direction is never adjacent, and a
            variable that can't cause x is not conditioned on as a neighbour of x: some set of possible parents of x
            or of y separates them if any set does.
        required: (d, d), pairs that are adjacent whatever the tests say, at [i, j] and [j, i].
        max_condition: the largest conditioning set; None for as far as the graph and the sample go.
        context: for progress.
    """
    d = len(may_cause)
    adjacent = (may_cause | may_cause.T | required) & ~np.eye(d, dtype=bool)
    tested = adjacent.copy()
    p_value = np.zeros((d, d))
    dependence = np.full((d, d), np.inf)
    separators: dict[Places, set[int]] = {}
    n_tests = 0
    deepest = min(test.deepest, d - 2 if max_condition is None else max_condition)
    for size in context.track(range(max(deepest, 0) + 1), "testing independence", None):
        if adjacent.sum(axis=1).max(initial=0) - 1 < size:
            break
        level = test.level(size, adjacent, may_cause, required)
        found = np.maximum(level.p_value, level.p_value.T)
        p_value = np.where(adjacent, np.maximum(p_value, found), p_value)
        weakest = np.minimum(level.weakest, level.weakest.T)
        dependence = np.where(adjacent, np.minimum(dependence, weakest), dependence)
        for x, y, s in level.separators.tolist():
            separators.setdefault((min(x, y), max(x, y)), set()).add(s)
        adjacent = adjacent & ((found <= test.alpha) | required)
        n_tests += level.n_tests
    frozen = {pair: frozenset(members) for pair, members in separators.items()}
    return Skeleton(adjacent, p_value, dependence, tested, frozen, n_tests)
