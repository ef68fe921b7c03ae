"""A test of independence for relations of any shape: the randomised conditional correlation test."""

from dataclasses import dataclass

import numpy as np

from dorec.discover.incomplete_gaussian import IncompleteGaussian
from dorec.discover.levels import Answers, Level, level_of_tests
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.random_features import cross_covariance_test, fourier_features, left_over

N_OWN = 5  # features of a variable that is tested
N_GIVEN = 100  # features of a set that is given; fewer on fewer than 500 rows
N_SPREAD = 500  # values that tell how far those of a column lie apart


@dataclass(frozen=True, eq=False)
class RCoT:
    """Whether random Fourier features of x and y are correlated once those of the set are regressed out.

    RCoT (Strobl, Zhang, Visweswaran 2019, doi:10.1515/jci-2018-0017), an approximation of kernel tests in time linear
    in n: 5 features a variable, 100 a set, the p-value from a weighted sum of chi-squares. It finds dependence of any
    shape, and takes more rows than Fisher's z to find a linear one.

    Features come from the seed and the names of the columns, so neither the order of rows nor that of columns matters;
    under other names or another seed p-values differ a little. A column's width is the median distance of its values.
    Where values are missing, each test takes the rows that know all its variables.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=500)
        >>> test = RCoT.of(("x", "y"), np.column_stack([x, x**2 + rng.normal(size=500)]), 0.05, RunContext(seed=0))
        >>> bool(test.answer(np.array([[0, 1]])).p_value[0] < 0.01), round(float(np.corrcoef(test.values.T)[0, 1]), 2)
        (True, -0.11)
    """

    values: FloatArray  # (n, d), standardised; NaN where missing
    own: FloatArray  # (d, n, 5), features of each variable, not centred; NaN where missing
    direction: FloatArray  # (d, f), frequencies of each variable in a set, for width 1
    phase: FloatArray  # (f,)
    width: FloatArray  # (d,)
    alpha: float
    name: str = "rcot"

    @classmethod
    def of(cls, names: tuple[str, ...], matrix: FloatArray, alpha: float, context: RunContext) -> "RCoT":
        """The test on numbers (n, d), some of them missing perhaps.

        Raises:
            Collinear: two columns are copies of each other.
        """
        IncompleteGaussian.of(names, matrix, np.arange(len(names) + 1), alpha, "fisher_z")  # refuses copies
        scaled = matrix / np.nanmax(np.abs(matrix), axis=0)
        values = (scaled - np.nanmean(scaled, axis=0)) / np.nanstd(scaled, axis=0)
        width = np.array([_width(column) for column in values.T])
        n_given = max(5, min(N_GIVEN, len(values) // 5))
        own, direction = [], []
        for j, name in enumerate(names):
            rng = context.rng("rcot", name)
            frequency, phase = rng.normal(size=N_OWN) / width[j], rng.uniform(0.0, 2.0 * np.pi, N_OWN)
            own.append(values[:, [j]] * frequency + phase)
            direction.append(rng.normal(size=n_given))
        phases = context.rng("rcot phases").uniform(0.0, 2.0 * np.pi, n_given)
        return cls(values, np.array(own), np.array(direction), phases, width, alpha)

    @property
    def deepest(self) -> int:
        """As far as the graph goes: a set has so many features whatever its size."""
        return self.values.shape[1] - 2

    def level(self, size: int, adjacent: BoolArray, pool: BoolArray, kept: BoolArray) -> Level:
        """The tests of one level."""
        return level_of_tests(self, size, adjacent, pool, kept)

    def answer(self, rows: AnyArray) -> Answers:
        """The tests of rows (x, y, s1, s2, ..), (m, 2 + size); what a set leaves of a variable is computed once."""
        known = ~np.isnan(self.values)
        complete = bool(known.all())
        everything = np.ones(len(self.values), dtype=bool)
        p_value, deviate = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        n_rows = np.zeros(len(rows), dtype=np.int64)
        sets, which = np.unique(np.sort(rows[:, 2:], axis=1), axis=0, return_inverse=True)
        order = np.argsort(which.ravel(), kind="stable")
        bounds = np.searchsorted(which.ravel()[order], np.arange(len(sets) + 1))
        for i, given in enumerate(sets):
            left: dict[int, tuple[FloatArray, int]] = {}
            for t in order[bounds[i] : bounds[i + 1]].tolist():
                x, y = int(rows[t, 0]), int(rows[t, 1])
                usable: BoolArray = everything if complete else np.asarray(known[:, rows[t]].all(axis=1))
                left = left if complete else {}
                n_rows[t] = usable.sum()
                if not left.keys() >= {x, y}:
                    left |= self._left([v for v in (x, y) if v not in left], given, usable)
                rank = left[x][1]
                if n_rows[t] > 2 * rank + 5:
                    p_value[t], deviate[t] = cross_covariance_test(left[x][0], left[y][0], rank)
        return Answers(p_value, deviate, None if complete else n_rows)

    def _left(self, variables: list[int], given: IntArray, usable: BoolArray) -> dict[int, tuple[FloatArray, int]]:
        """What the set leaves of the features of some variables, and the rank of the set's features."""
        none = np.zeros(N_OWN)
        targets = np.concatenate([fourier_features(self.own[v][usable], none) for v in variables], axis=1)
        rank = 0
        if len(given):
            width = np.sqrt((self.width[given] ** 2).sum())
            projection = self.values[np.ix_(usable, given)] @ (self.direction[given] / width)
            targets, rank = left_over(fourier_features(projection, self.phase), targets)
        return {v: (targets[:, N_OWN * k : N_OWN * (k + 1)], rank) for k, v in enumerate(variables)}


def _width(values: FloatArray) -> float:
    """The median distance of two values, of a column of variance 1."""
    known = np.sort(values[~np.isnan(values)])
    some = known[np.linspace(0, len(known) - 1, min(len(known), N_SPREAD)).round().astype(int)]
    width = float(np.median(np.abs(some[:, None] - some)[np.triu_indices(len(some), k=1)]))
    return width if width > 0 else 1.0
