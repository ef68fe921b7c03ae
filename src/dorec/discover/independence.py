"""Tests of conditional independence by name, and the two from textbooks: Fisher's z and contingency tables."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtr, ndtri

from dorec.discover.columns import Missing, coded_columns, correlation_of, mixed_columns, numeric_columns
from dorec.discover.levels import Answers, IndependenceTest, Level, level_of_tests
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.block_correlation import block_ratios
from dorec.numeric.contingency import contingency_level, contingency_tests
from dorec.numeric.partial_correlation import correlation_level

TestName = Literal["fisher_z", "chi_square", "g_square", "degenerate_gaussian", "conditional_gaussian", "rcot"]
__all__ = ["Answers", "Contingency", "FisherZ", "IndependenceTest", "Level", "TestName", "independence_test"]


@dataclass(frozen=True, eq=False)
class FisherZ:
    """Fisher's z transform of the partial correlation (Fisher 1924), for linear relations with Gaussian noise.

    Example:
        >>> r = np.array([[1.0, 0.6, 0.48], [0.6, 1.0, 0.8], [0.48, 0.8, 1.0]])
        >>> test = FisherZ(r, n=500, alpha=0.05)
        >>> everything, nothing = ~np.eye(3, dtype=bool), np.zeros((3, 3), dtype=bool)
        >>> round(float(test.level(1, everything, everything, nothing).p_value[0, 2]), 3)  # 0 and 2 given 1
        1.0
        >>> round(float(test.answer(np.array([[0, 2, 1]])).p_value[0]), 3)
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

    def level(self, size: int, adjacent: BoolArray, pool: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level."""
        root = np.sqrt(self.n - size - 3.0)
        if size == 0:
            smallest = np.where(adjacent, np.abs(self.correlation), 1.0)
            rows: AnyArray = np.zeros((0, 3), dtype=np.int32)
            n_tests = int(adjacent.sum()) // 2
            tested = adjacent
        else:
            critical = float(np.tanh(-ndtri(self.alpha / 2) / root))
            smallest, rows, counted = correlation_level(self.correlation, adjacent, pool, kept, size, critical)
            n_tests, tested = int(counted[0]), smallest < 1.0
        z = root * np.arctanh(np.minimum(smallest, 1.0 - 1e-16))
        p_value = np.where(tested, 2.0 * ndtr(-z), 0.0)
        return Level(p_value, np.where(tested, z, np.inf), rows, n_tests)

    def answer(self, rows: AnyArray) -> Answers:
        """The tests of rows (x, y, s1, s2, ..), (m, 2 + size)."""
        ratio, ranks = block_ratios(self.correlation, np.arange(len(self.correlation) + 1), rows)
        return fisher_answers(ratio, ranks, np.full(len(rows), self.n), rows.shape[1] - 2)


def fisher_answers(ratio: FloatArray, ranks: IntArray, n: IntArray, size: int) -> Answers:
    """Fisher's z from -log(1 - r²) of tests with n rows each, (m,); NaN where a rank or what n leaves is 0."""
    r = np.sqrt(-np.expm1(-ratio))
    z = np.sqrt(np.maximum(n - size - 3.0, 0.0)) * np.arctanh(np.minimum(r, 1.0 - 1e-16))
    said = (ranks[:, 0] > 0) & (ranks[:, 1] > 0) & (n - size > 3)
    return Answers(np.where(said, 2.0 * ndtr(-z), np.nan), np.where(said, z, np.nan))


@dataclass(frozen=True, eq=False)
class Contingency:
    """Pearson's chi-square or the likelihood-ratio G² in contingency tables, for discrete columns.

    Where values are missing, each test takes the units for which all its variables are known.

    Example:
        >>> codes = np.array([[0, 0, 1, 1] * 25, [0, 1, 0, 1] * 25], dtype=np.int32)
        >>> test = Contingency(codes, np.array([2, 2]), alpha=0.05)
        >>> everything, nothing = ~np.eye(2, dtype=bool), np.zeros((2, 2), dtype=bool)
        >>> float(test.level(0, everything, everything, nothing).p_value[0, 1])
        1.0
    """

    codes: AnyArray  # (d, n) int32, from 0; -1 where the value is missing
    levels: IntArray  # (d,), number of levels
    alpha: float
    name: str = "chi_square"

    @property
    def deepest(self) -> int:
        """The largest set with fewer cells than rows, were every variable binary."""
        return max(0, int(np.log2(max(self.codes.shape[1], 1))))

    def level(self, size: int, adjacent: BoolArray, pool: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level."""
        if self.codes.min(initial=0) < 0:
            return level_of_tests(self, size, adjacent, pool, kept)
        p_value, rows, n_tests = contingency_level(
            self.codes, self.levels, adjacent, pool, kept, size, self.alpha, self.name == "g_square"
        )
        if size == 0:
            p_value = np.maximum(p_value, p_value.T)
        return Level(np.maximum(p_value, 0.0), np.where(p_value < 0, np.inf, -p_value), rows, int(n_tests[0]))

    def answer(self, rows: AnyArray) -> Answers:
        """The tests of rows (x, y, s1, s2, ..), (m, 2 + size)."""
        p_value, n_rows = contingency_tests(self.codes, self.levels, rows, self.name == "g_square")
        return Answers(p_value, -p_value, n_rows if self.codes.min(initial=0) < 0 else None)


def independence_test(
    table: Any, test: TestName, alpha: float, missing: Missing = "refuse", context: RunContext | None = None
) -> tuple[tuple[str, ...], IndependenceTest]:
    """The names of a table's columns and the test on their sufficient statistics.

    Args:
        table: any frame.
        test: "fisher_z" or "rcot" for numbers, "chi_square" or "g_square" for discrete columns,
            "degenerate_gaussian" or "conditional_gaussian" for both side by side.
        alpha: two variables are independent where the p-value is above it.
        missing: "refuse", or "test_wise": each test takes the rows for which all its variables are known.
        context: the seed of rcot's random features.

    Raises:
        InputError: text columns for fisher_z and rcot, too many levels for the others.
        NotFinite, ConstantColumn, Collinear, TooFewUnits: the columns can't be tested; each is named.

    Example:
        >>> names, test = independence_test({"a": [0, 1] * 10, "b": [0, 0, 1, 1] * 5}, "g_square", alpha=0.05)
        >>> names, test.deepest
        (('a', 'b'), 4)
    """
    if test in ("chi_square", "g_square"):
        names, codes, levels = coded_columns(table, missing=missing)
        return names, Contingency(codes, levels, alpha, test)
    if test == "fisher_z":
        names, matrix = numeric_columns(table, missing=missing)
        if not np.isnan(matrix).any():
            return names, FisherZ(correlation_of(names, matrix), len(matrix), alpha)
        from dorec.discover.incomplete_gaussian import IncompleteGaussian

        return names, IncompleteGaussian.of(names, matrix, np.arange(len(names) + 1), alpha, test)
    if test == "rcot":
        from dorec.discover.rcot import RCoT

        names, matrix = numeric_columns(table, "test='rcot'", "test='degenerate_gaussian'", missing)
        return names, RCoT.of(names, matrix, alpha, context or RunContext(seed=0))
    columns = mixed_columns(table, missing)
    if test == "degenerate_gaussian":
        from dorec.discover.degenerate_gaussian import degenerate_gaussian

        return columns.names, degenerate_gaussian(columns, alpha)
    from dorec.discover.conditional_gaussian import ConditionalGaussian

    return columns.names, ConditionalGaussian.of(columns, alpha)
