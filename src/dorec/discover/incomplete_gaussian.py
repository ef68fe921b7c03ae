"""Gaussian tests of independence where values are missing: each test takes the rows it can."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from dorec.discover.independence import fisher_answers
from dorec.discover.levels import Answers, Level, level_of_tests
from dorec.domain.errors import Collinear
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.block_correlation import ratio_p_values
from dorec.numeric.incomplete_moments import Moments, incomplete_ratios, moments_of


@dataclass(frozen=True, eq=False)
class IncompleteGaussian:
    """Fisher's z or the degenerate Gaussian by test-wise deletion.

    A test of x and y given a set takes the rows in which all of these are known, and counts them as its n. It is right
    where values are missing at random given the variables of the test, or completely at random.

    Rows that know the same variables are summed once, if they are many.

    Example:
        >>> table = np.random.default_rng(0).normal(size=(100, 3))
        >>> table[:40, 2] = np.nan
        >>> test = IncompleteGaussian.of(("a", "b", "c"), table, np.arange(4), 0.05, "fisher_z")
        >>> test.answer(np.array([[0, 1], [0, 2]])).n_rows.tolist()
        [100, 60]
    """

    moments: Moments
    start: IntArray  # (d + 1,), where each variable's columns start
    n: int
    alpha: float
    name: Literal["fisher_z", "degenerate_gaussian"] = "fisher_z"

    @classmethod
    def of(
        cls,
        names: tuple[str, ...],
        matrix: FloatArray,
        start: IntArray,
        alpha: float,
        name: Literal["fisher_z", "degenerate_gaussian"],
    ) -> "IncompleteGaussian":
        """The test on columns (n, K) with NaN.

        Raises:
            Collinear: two columns are copies of each other on the rows that know both.
        """
        matrix = matrix / np.nanmax(np.abs(matrix), axis=0)
        standard = (matrix - np.nanmean(matrix, axis=0)) / np.nanstd(matrix, axis=0)
        test = cls(moments_of(standard, start), start, len(matrix), alpha, name)
        pairs = np.column_stack(np.triu_indices(len(names), k=1)).astype(np.int32)
        ratio, ranks, n_rows = incomplete_ratios(test.moments, start, pairs)
        refuse_copies(names, (np.where(n_rows > 3, ratio, 0.0), ranks), pairs)
        return test

    @property
    def deepest(self) -> int:
        """The largest set that could leave a degree of freedom."""
        return self.n - 4

    def level(self, size: int, adjacent: BoolArray, pool: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level."""
        return level_of_tests(self, size, adjacent, pool, kept)

    def answer(self, rows: AnyArray) -> Answers:
        """The tests of rows (x, y, s1, s2, ..), (m, 2 + size), and the n of each."""
        ratio, ranks, n_rows = incomplete_ratios(self.moments, self.start, rows)
        if self.name == "fisher_z":
            found = fisher_answers(ratio, ranks, n_rows, rows.shape[1] - 2)
        else:
            found = Answers(*ratio_p_values(ratio, ranks, n_rows))
        return replace(found, n_rows=n_rows)


def refuse_copies(names: tuple[str, ...], found: tuple[FloatArray, Any], pairs: AnyArray) -> None:
    """Refuse variables of which one tells all columns of the other, and the other way round.

    Args:
        names: of the variables.
        found: log ratio (m,) and ranks (m, 3) of each pair.
        pairs: (m, 2), positions.

    Raises:
        Collinear: with the pairs.
    """
    ratio, ranks = found
    copies = pairs[(ranks[:, 0] == ranks[:, 1]) & (ratio > 22.0 * ranks[:, 0])]  # 1 - r² < 2.8e-10 in each column
    if len(copies):
        said = [f"{names[i]} and {names[j]}" for i, j in copies.tolist()]
        raise Collinear(
            f"{'; '.join(said[:5])}{'; ...' if len(said) > 5 else ''} are the same column up to scale or labels",
            remedy="leave out one of each pair",
            evidence={"pairs": [[names[i], names[j]] for i, j in copies.tolist()]},
        )
