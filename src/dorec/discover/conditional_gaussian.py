"""A test of independence for numbers and discrete columns side by side: the conditional Gaussian."""

from dataclasses import dataclass

import numpy as np

from dorec.discover.columns import MixedColumns, correlation_of
from dorec.discover.incomplete_gaussian import refuse_copies
from dorec.discover.levels import Answers, Level, level_of_tests
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.conditional_gaussian import SPARE, conditional_gaussian_tests
from dorec.numeric.incomplete_moments import incomplete_ratios, moments_of


@dataclass(frozen=True, eq=False)
class ConditionalGaussian:
    """Likelihood ratio of models in which numbers are Gaussian within every cell of the discrete variables.

    Andrews, Ramsey, Cooper 2018 (doi:10.1007/s41060-017-0104-2), with Bartlett's correction: means, slopes and
    variances may all differ between levels, where the degenerate Gaussian lets means differ only. A test costs n
    times the square of its numbers; cells with fewer rows than these and five more are left out of it.

    Two discrete variables are tested by their indicators, regressed on the numbers that are given within every cell of
    the levels that are given: the paper's ratio takes numbers to be Gaussian given both, which they aren't where they
    cause both, and then rejects most true independences. As it compares variances, numbers with heavy tails are
    called dependent on any level too often; take their logarithms or ranks, or the degenerate Gaussian.

    Where values are missing, each test takes the units for which all its variables are known.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> numbers, codes = np.full((2, 200), np.nan), np.zeros((2, 200), dtype=np.int32)
        >>> codes[0] = np.arange(200) % 2
        >>> numbers[1] = rng.normal(size=200) * (1 + 2 * codes[0])  # the level changes the variance alone
        >>> test = ConditionalGaussian(numbers, codes, np.array([2, 1]), np.array([True, False]), alpha=0.05)
        >>> bool(test.answer(np.array([[0, 1]])).p_value[0] < 1e-6)
        True
    """

    numbers: FloatArray  # (d, n), NaN where missing
    codes: AnyArray  # (d, n) int32, from 0; -1 where missing
    levels: IntArray  # (d,)
    discrete: BoolArray  # (d,)
    alpha: float
    name: str = "conditional_gaussian"

    @classmethod
    def of(cls, columns: MixedColumns, alpha: float) -> "ConditionalGaussian":
        """The test on the columns of a table.

        Raises:
            Collinear: two columns are copies of each other, or a number follows from the others.
        """
        numbers = columns.numbers.copy()
        for j in np.flatnonzero(~columns.discrete):
            column = numbers[j] / np.nanmax(np.abs(numbers[j]))
            numbers[j] = (column - np.nanmean(column)) / np.nanstd(column)
        complete = not np.isnan(numbers[~columns.discrete]).any()
        if complete and (~columns.discrete).sum() > 1:
            which = np.flatnonzero(~columns.discrete)
            correlation_of(tuple(columns.names[j] for j in which), numbers[which].T)  # refuses what is a total
        matrix, start = columns.one_hot()
        scaled = matrix / np.nanmax(np.abs(matrix), axis=0)
        scaled = (scaled - np.nanmean(scaled, axis=0)) / np.nanstd(scaled, axis=0)
        pairs = np.column_stack(np.triu_indices(len(columns.names), k=1)).astype(np.int32)
        ratio, ranks, n_rows = incomplete_ratios(moments_of(scaled, start), start, pairs)
        refuse_copies(columns.names, (np.where(n_rows > SPARE, ratio, 0.0), ranks), pairs)
        return cls(numbers, columns.codes, columns.levels, columns.discrete, alpha)

    @property
    def deepest(self) -> int:
        """The largest set with fewer cells than rows, were every variable binary; of numbers alone, n - 8."""
        n = self.numbers.shape[1]
        return n - 8 if not self.discrete.any() else max(0, int(np.log2(n))) + int((~self.discrete).sum())

    def level(self, size: int, adjacent: BoolArray, pool: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level."""
        return level_of_tests(self, size, adjacent, pool, kept)

    def answer(self, rows: AnyArray) -> Answers:
        """The tests of rows (x, y, s1, s2, ..), (m, 2 + size)."""
        p_value, deviate, n_rows = conditional_gaussian_tests(
            self.numbers, self.codes, self.levels, self.discrete, rows.astype(np.int32)
        )
        return Answers(p_value, deviate, n_rows if (n_rows < self.numbers.shape[1]).any() else None)
