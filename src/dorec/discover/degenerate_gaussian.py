"""A test of independence for numbers and discrete columns side by side: the degenerate Gaussian."""

from dataclasses import dataclass

import numpy as np

from dorec.discover.columns import MixedColumns, correlation_of
from dorec.discover.incomplete_gaussian import IncompleteGaussian, refuse_copies
from dorec.discover.levels import Answers, IndependenceTest, Level
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.block_correlation import block_level, block_ratios, ratio_p_values


@dataclass(frozen=True, eq=False)
class DegenerateGaussian:
    """Likelihood ratio of Gaussian models in which a discrete variable is the indicators of its levels.

    Andrews, Ramsey, Cooper 2019 (proceedings.mlr.press/v104/andrews19a.html), with Bartlett's correction. All from
    one correlation matrix, so the cost of a test does not depend on the number of rows. A discrete variable with k
    levels counts for k - 1 columns; between two numbers it is the test of the partial correlation.

    The p-value is exact in large samples where regressions on the conditioning set are linear and what they leave
    varies alike everywhere: so for any two variables alone, and where discrete ones are given for effects on the
    mean. `conditional_gaussian` also allows variances that differ between levels.

    Example:
        >>> r = np.array([[1.0, 0.6, 0.48], [0.6, 1.0, 0.8], [0.48, 0.8, 1.0]])
        >>> test = DegenerateGaussian(r, np.array([0, 1, 2, 3]), n=500, alpha=0.05)
        >>> round(float(test.answer(np.array([[0, 2, 1]])).p_value[0]), 3)
        1.0
    """

    correlation: FloatArray  # (K, K), of all columns
    start: IntArray  # (d + 1,), where each variable's columns start
    n: int
    alpha: float
    name: str = "degenerate_gaussian"

    @property
    def deepest(self) -> int:
        """The largest set that leaves a degree of freedom, were every variable one column."""
        return self.n - 4

    def level(self, size: int, adjacent: BoolArray, pool: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level."""
        p_value, weakest, rows, n_tests = block_level(
            self.correlation, self.start, adjacent, pool, kept, size, self.alpha, self.n
        )
        if size == 0:
            p_value, weakest = np.maximum(p_value, p_value.T), np.minimum(weakest, weakest.T)
        return Level(np.maximum(p_value, 0.0), weakest, rows, int(n_tests[0]))

    def answer(self, rows: AnyArray) -> Answers:
        """The tests of rows (x, y, s1, s2, ..), (m, 2 + size)."""
        ratio, ranks = block_ratios(self.correlation, self.start, rows)
        return Answers(*ratio_p_values(ratio, ranks, np.full(len(rows), self.n)))


def degenerate_gaussian(columns: MixedColumns, alpha: float) -> IndependenceTest:
    """The test on the columns of a table, some of whose values may be missing.

    Raises:
        Collinear: two columns are copies of each other, or a number follows from the others.
    """
    matrix, start = columns.one_hot()
    if np.isnan(matrix).any():
        return IncompleteGaussian.of(columns.names, matrix, start, alpha, "degenerate_gaussian")
    numbers = np.flatnonzero(~columns.discrete)
    if len(numbers) > 1:
        correlation_of(tuple(columns.names[j] for j in numbers), columns.numbers[numbers].T)  # refuses what is a total
    scaled = matrix / np.abs(matrix).max(axis=0)
    correlation: FloatArray = np.asarray(np.corrcoef(scaled, rowvar=False))
    pairs = np.column_stack(np.triu_indices(len(columns.names), k=1)).astype(np.int32)
    refuse_copies(columns.names, block_ratios(correlation, start, pairs), pairs)
    return DegenerateGaussian(correlation, start, len(matrix), alpha)
