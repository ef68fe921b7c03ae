"""The undirected graph that tests of conditional independence leave: PC-stable's first half."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dorec.discover.levels import IndependenceTest
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

Places = tuple[int, int]
Triple = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Who is adjacent to whom, and why the others are not."""

    adjacent: BoolArray  # (d, d), symmetric
    p_value: FloatArray  # (d, d), the largest p-value of the pair's tests, up to the level that removed it
    dependence: FloatArray  # (d, d), the smallest dependence found, in the test's own units
    tested: BoolArray  # (d, d), pairs that a test (not knowledge) removed or kept
    separators: IntArray  # (m,), sorted keys of (x, s, z): s is in a set that separates x and z
    n_tests: int
    n_rows: IntArray | None = None  # units of each test, where values are missing

    def separates(self, triples: Sequence[Triple]) -> BoolArray:
        """Whether y is in a set that separated x and z at the level that removed the pair, for each (x, y, z), (k,)."""
        rows = np.array(triples, dtype=np.int64).reshape(-1, 3)
        wanted = keys(rows[:, [0, 2, 1]], len(self.adjacent))
        found: BoolArray = np.searchsorted(self.separators, wanted) < np.searchsorted(
            self.separators, wanted, side="right"
        )
        return found

    def sample(self) -> str:
        """The effective numbers of units of the tests in words, where they differ; else nothing."""
        if self.n_rows is None or not len(self.n_rows):
            return ""
        return f" test-wise n={self.n_rows.min():,}, median {int(np.median(self.n_rows)):,}"


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
    separators = [np.zeros(0, dtype=np.int64)]
    n_tests = 0
    n_rows: list[IntArray] = []
    deepest = min(test.deepest, d - 2 if max_condition is None else max_condition)
    for size in context.track(range(max(deepest, 0) + 1), "testing independence", None):
        if adjacent.sum(axis=1).max(initial=0) - 1 < size:
            break
        level = test.level(size, adjacent, adjacent & may_cause, required)
        found = np.maximum(level.p_value, level.p_value.T)
        p_value = np.where(adjacent, np.maximum(p_value, found), p_value)
        weakest = np.minimum(level.weakest, level.weakest.T)
        dependence = np.where(adjacent, np.minimum(dependence, weakest), dependence)
        separators.append(keys(level.separators, d))
        adjacent = adjacent & ((found <= test.alpha) | required)
        n_tests += level.n_tests
        n_rows += [] if level.n_rows is None else [level.n_rows]
    sizes = np.concatenate(n_rows) if n_rows else None
    return Skeleton(adjacent, p_value, dependence, tested, np.sort(np.concatenate(separators)), n_tests, sizes)


def keys(rows: AnyArray, d: int) -> IntArray:
    """One number for each row (x, z, s) of (m, 3), the same for (z, x, s).

    >>> keys(np.array([[0, 2, 1], [2, 0, 1]]), d=3).tolist()
    [7, 7]
    """
    x, z, s = rows.astype(np.int64).T
    keys: IntArray = (np.minimum(x, z) * d + np.maximum(x, z)) * d + s
    return keys
