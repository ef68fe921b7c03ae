"""Tests of conditional independence as PC asks them: all tests of one level at once, from sufficient statistics."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from scipy.special import ndtr, ndtri

from dorec.discover.columns import coded_columns, correlation_of, numeric_columns
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.contingency import contingency_level
from dorec.numeric.partial_correlation import correlation_level

TestName = Literal["fisher_z", "chi_square", "g_square"]


@dataclass(frozen=True, eq=False)
class Level:
    """What the tests with conditioning sets of one size found."""

    p_value: FloatArray  # (d, d), largest over the sets drawn from the neighbours of x, at [x, y]; 0 without a test
    weakest: FloatArray  # (d, d), smallest dependence over the sets, in the test's own units; inf without a test
    separators: AnyArray  # (m, 3) int32, rows (x, y, s): s is in a set that separates x and y
    n_tests: int


class IndependenceTest(Protocol):
    """Answers every question of a level: whether x and y are independent given so many neighbours of x."""

    @property
    def alpha(self) -> float:
        """The p-value above which two variables are independent."""
        ...

    @property
    def deepest(self) -> int:
        """The largest conditioning set that the sample allows."""
        ...

    def level(self, size: int, adjacent: BoolArray, usable: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level; the arguments are those of `correlation_level`."""
        ...


@dataclass(frozen=True, eq=False)
class FisherZ:
    """Fisher's z transform of the partial correlation (Fisher 1924), for linear relations with Gaussian noise.

    Example:
        >>> r = np.array([[1.0, 0.6, 0.48], [0.6, 1.0, 0.8], [0.48, 0.8, 1.0]])
        >>> test = FisherZ(r, n=500, alpha=0.05)
        >>> everything, nothing = ~np.eye(3, dtype=bool), np.zeros((3, 3), dtype=bool)
        >>> round(float(test.level(1, everything, everything, nothing).p_value[0, 2]), 3)  # 0 and 2 given 1
        1.0
    """

    correlation: FloatArray  # (d, d)
    n: int
    alpha: float
    name: str = "fisher_z"

    @property
    def deepest(self) -> int:
        """The largest set that leaves a degree of freedom."""
        return self.n - 4

    def level(self, size: int, adjacent: BoolArray, usable: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level."""
        root = np.sqrt(self.n - size - 3.0)
        if size == 0:
            smallest = np.where(adjacent, np.abs(self.correlation), 1.0)
            rows: AnyArray = np.zeros((0, 3), dtype=np.int32)
            n_tests = int(adjacent.sum()) // 2
            tested = adjacent
        else:
            critical = float(np.tanh(-ndtri(self.alpha / 2) / root))
            smallest, rows, counted = correlation_level(self.correlation, adjacent, usable, kept, size, critical)
            n_tests, tested = int(counted[0]), smallest < 1.0
        z = root * np.arctanh(np.minimum(smallest, 1.0 - 1e-16))
        p_value = np.where(tested, 2.0 * ndtr(-z), 0.0)
        return Level(p_value, np.where(tested, z, np.inf), rows, n_tests)


@dataclass(frozen=True, eq=False)
class Contingency:
    """Pearson's chi-square or the likelihood-ratio G² in contingency tables, for discrete columns.

    Example:
        >>> codes = np.array([[0, 0, 1, 1] * 25, [0, 1, 0, 1] * 25], dtype=np.int32)
        >>> test = Contingency(codes, np.array([2, 2]), alpha=0.05)
        >>> everything, nothing = ~np.eye(2, dtype=bool), np.zeros((2, 2), dtype=bool)
        >>> float(test.level(0, everything, everything, nothing).p_value[0, 1])
        1.0
    """

    codes: AnyArray  # (d, n) int32, from 0
    levels: IntArray  # (d,), number of levels
    alpha: float
    name: str = "chi_square"

    @property
    def deepest(self) -> int:
        """The largest set with fewer cells than rows, were every variable binary."""
        return max(0, int(np.log2(max(self.codes.shape[1], 1))))

    def level(self, size: int, adjacent: BoolArray, usable: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level."""
        p_value, rows, n_tests = contingency_level(
            self.codes, self.levels, adjacent, usable, kept, size, self.alpha, self.name == "g_square"
        )
        if size == 0:
            p_value = np.maximum(p_value, p_value.T)
        return Level(np.maximum(p_value, 0.0), np.where(p_value < 0, np.inf, -p_value), rows, int(n_tests[0]))


def independence_test(table: Any, test: TestName, alpha: float) -> tuple[tuple[str, ...], IndependenceTest]:
    """The names of a table's columns and the test on their sufficient statistics.

    Raises:
        InputError: text columns for fisher_z, too many levels for the others.
        NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be tested; each is named.

    Example:
        >>> names, test = independence_test({"a": [0, 1] * 10, "b": [0, 0, 1, 1] * 5}, "g_square", alpha=0.05)
        >>> names, test.deepest
        (('a', 'b'), 4)
    """
    if test == "fisher_z":
        names, matrix = numeric_columns(table)
        return names, FisherZ(correlation_of(names, matrix), len(matrix), alpha)
    names, codes, levels = coded_columns(table)
    return names, Contingency(codes, levels, alpha, test)
