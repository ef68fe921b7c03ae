"""What searches ask of a test of independence: a level of tests, or a list of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.subsets import questions_around

AT_ONCE = 1_000_000  # tests whose rows are held at a time


@dataclass(frozen=True, eq=False)
class Level:
    """What the tests with conditioning sets of one size found."""

    p_value: FloatArray  # (d, d), largest over the sets drawn from the pool of x, at [x, y]; 0 without a test
    weakest: FloatArray  # (d, d), smallest dependence over the sets, in the test's own units; inf without a test
    separators: AnyArray  # (m, 3) int32, rows (x, y, s): s is in a set that separates x and y
    n_tests: int
    n_rows: IntArray | None = None  # units of each test, (n_tests,), where they differ


@dataclass(frozen=True, eq=False)
class Answers:
    """What single tests found, in the order in which they were asked."""

    p_value: FloatArray  # (m,), NaN where nothing is left to test
    dependence: FloatArray  # (m,), in the test's own units
    n_rows: IntArray | None = None  # units of each test, (m,), where they differ


class IndependenceTest(Protocol):
    """Answers every question of a level: whether x and y are independent given so many variables."""

    @property
    def alpha(self) -> float:
        """The p-value above which two variables are independent."""
        ...

    @property
    def deepest(self) -> int:
        """The largest conditioning set that the sample allows."""
        ...

    def level(self, size: int, adjacent: BoolArray, pool: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level; the arguments are those of `correlation_level`."""
        ...

    def answer(self, rows: AnyArray) -> Answers:
        """The tests of rows (x, y, s1, s2, ..), (m, 2 + size)."""
        ...


def level_of_tests(test: IndependenceTest, size: int, adjacent: BoolArray, pool: BoolArray, kept: BoolArray) -> Level:
    """What `test.answer` says of every x, y given `size` members of the pool of x; a test is asked once.

    A test that can't be made (p-value NaN) says nothing, for or against.

    Args:
        test: answers rows (x, y, s1, s2, ..).
        size: members of a conditioning set.
        adjacent: (d, d), the pairs to be tested, symmetric.
        pool: (d, d), whether s may stand in a set for the tests of x, at [s, x].
        kept: (d, d), pairs that are in the graph whatever the tests say.
    """
    d = len(adjacent)
    p_value, weakest = np.zeros((d, d)), np.full((d, d), np.inf)
    separators, n_rows, n_tests = [np.zeros((0, 3), dtype=np.int32)], [], 0
    for rows in batches(size, adjacent, pool):
        answers = test.answer(rows)
        said = ~np.isnan(answers.p_value)
        rows, p, dependence = rows[said], answers.p_value[said], answers.dependence[said]
        if answers.n_rows is not None:
            n_rows.append(answers.n_rows[said])
        x, y = rows[:, 0], rows[:, 1]
        np.maximum.at(p_value, (x, y), p)
        np.minimum.at(weakest, (x, y), dependence)
        apart = rows[(p > test.alpha) & ~kept[x, y]]
        separators += [np.unique(apart[:, [0, 1, column]], axis=0) for column in range(2, 2 + size)]
        n_tests += len(rows)
    return Level(
        np.maximum(p_value, p_value.T),
        np.minimum(weakest, weakest.T),
        np.concatenate(separators),
        n_tests,
        np.concatenate(n_rows) if n_rows else None,
    )


def batches(size: int, adjacent: BoolArray, pool: BoolArray) -> Iterator[AnyArray]:
    """Rows (x, y, s1, s2, ..) with x < y and s1 < s2 < .. of all tests of a level, each once in a batch."""
    waiting: list[AnyArray] = []
    for x in range(len(adjacent)):
        rows = questions_around(x, adjacent, pool, size)
        if size == 0:
            rows = rows[rows[:, 1] > x]
        waiting.append(rows)
        if sum(len(part) for part in waiting) >= AT_ONCE:
            yield _each_once(waiting)
            waiting = []
    if waiting:
        yield _each_once(waiting)


def _each_once(parts: list[AnyArray]) -> AnyArray:
    rows = np.concatenate(parts)
    rows[:, :2].sort(axis=1)
    return np.unique(rows, axis=0)
