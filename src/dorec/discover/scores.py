"""Scores of graphs that are sums over variables: what BOSS, GES and hill climbing maximise."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np

from dorec.discover.columns import coded_columns, correlation_of, mixed_columns, numeric_columns
from dorec.domain.errors import Collinear, ConfigError, TooFewUnits, did_you_mean
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.contingency import same_partitions
from dorec.numeric.degenerate_gaussian import block_rest, blocks_correlation, embedded
from dorec.numeric.local_score import BDEU, DISCRETE_BIC, GAUSSIAN_BIC, MIXED_BIC, ScoreData, local_score, score_data

ScoreName = Literal["bic", "discrete_bic", "bdeu", "mixed"]


class Score(Protocol):
    """The score of a graph is the sum of what each variable scores given its parents, and larger is better."""

    @property
    def name(self) -> str:
        """The score and its settings, as an edge's provenance says them."""
        ...

    def data(self, order: IntArray) -> ScoreData:
        """The statistics that compiled searches use, with the columns in this order, (d,)."""
        ...

    def central(self) -> FloatArray:
        """How much each column has to do with all others, (d,): a start that no order of the columns changes."""
        ...


@dataclass(frozen=True, eq=False)
class GaussianBIC:
    """BIC of linear-Gaussian models, from a correlation matrix (Schwarz 1978; Chickering 2002).

    A variable y with k parents scores -n/2 log(residual variance) - penalty_discount k/2 log(n), with y of variance 1.

    Example:
        >>> r = np.array([[1.0, 0.6], [0.6, 1.0]])
        >>> round(GaussianBIC(r, n=100).local(1, (0,)), 3)  # 50 * 0.446 - log(100) / 2
        20.012
    """

    correlation: FloatArray  # (d, d)
    n: int
    penalty_discount: float = 1.0

    @property
    def name(self) -> str:
        """The score and its settings."""
        return f"bic penalty_discount={self.penalty_discount:g}"

    def data(self, order: IntArray) -> ScoreData:
        """The statistics; rounded, so that the order in which rows were summed leaves no trace."""
        correlation = np.round(self.correlation, 12)[np.ix_(order, order)]
        return score_data(GAUSSIAN_BIC, self.n, self.penalty_discount, correlation=correlation)

    def central(self) -> FloatArray:
        """Sum of squared correlations."""
        total: FloatArray = (np.round(self.correlation, 12) ** 2).sum(axis=0)
        return total

    def local(self, y: int, parents: tuple[int, ...]) -> float:
        """The score of one variable given its parents."""
        return _local(self.data(np.arange(len(self.correlation))), y, parents)


@dataclass(frozen=True, eq=False)
class _Counted:
    codes: AnyArray  # (d, n) int32, from 0, every level below the largest seen

    def central(self) -> FloatArray:
        """Entropy: the score of a column without parents."""
        total = [np.bincount(column) / len(column) for column in self.codes]
        return np.array([-(p[p > 0] * np.log(p[p > 0])).sum() for p in total])


@dataclass(frozen=True, eq=False)
class DiscreteBIC(_Counted):
    """BIC of discrete networks, from contingency counts (Schwarz 1978).

    A variable with r levels and parents with q joint levels scores the log-likelihood of its counts
    - penalty_discount q (r - 1) / 2 log(n).

    Example:
        >>> x = np.array([0, 0, 1, 1] * 25, dtype=np.int32)
        >>> round(DiscreteBIC(np.stack([x, x])).local(1, (0,)), 3)  # -log(100): y is known, two free parameters
        -4.605
    """

    penalty_discount: float = 1.0

    @property
    def name(self) -> str:
        """The score and its settings."""
        return f"discrete_bic penalty_discount={self.penalty_discount:g}"

    def data(self, order: IntArray) -> ScoreData:
        """The statistics."""
        return score_data(DISCRETE_BIC, self.codes.shape[1], self.penalty_discount, codes=self.codes[order])

    def local(self, y: int, parents: tuple[int, ...]) -> float:
        """The score of one variable given its parents."""
        return _local(self.data(np.arange(len(self.codes))), y, parents)


@dataclass(frozen=True, eq=False)
class BDeu(_Counted):
    """The marginal likelihood of discrete networks, equal for equivalent DAGs (Heckerman, Geiger, Chickering 1995).

    Example:
        >>> x = np.array([0, 1], dtype=np.int32)
        >>> round(BDeu(np.stack([x, x]), sample_size=2.0).local(1, ()), 4)  # log(1/2 * 1/3)
        -1.7918
    """

    sample_size: float = 1.0

    @property
    def name(self) -> str:
        """The score and its settings."""
        return f"bdeu sample_size={self.sample_size:g}"

    def data(self, order: IntArray) -> ScoreData:
        """The statistics."""
        return score_data(BDEU, self.codes.shape[1], self.sample_size, codes=self.codes[order])

    def local(self, y: int, parents: tuple[int, ...]) -> float:
        """The score of one variable given its parents."""
        return _local(self.data(np.arange(len(self.codes))), y, parents)


@dataclass(frozen=True, eq=False)
class MixedBIC:
    """BIC of the degenerate Gaussian: numbers and categories from one covariance matrix (Andrews et al. 2019).

    A category stands as the indicators of its levels, and is taken for Gaussian; equivalent DAGs score alike. Of
    numbers alone it is `GaussianBIC`. Deterministic categories keep a finite score: a millionth of the covariance is
    noise.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> plan = rng.integers(0, 3, 200)
        >>> matrix, first = embedded([plan, plan + rng.normal(size=200)])
        >>> score = MixedBIC(blocks_correlation(matrix), first, 200)
        >>> bool(score.local(1, (0,)) > 10), bool(abs(score.local(1, (0,)) - score.local(0, (1,))) < 1e-6)
        (True, True)
    """

    correlation: FloatArray  # (m, m), of embedded columns
    first: IntArray  # (d + 1,), where the columns of a variable begin
    n: int
    penalty_discount: float = 1.0

    @property
    def name(self) -> str:
        """The score and its settings."""
        return f"mixed penalty_discount={self.penalty_discount:g}"

    def data(self, order: IntArray) -> ScoreData:
        """The statistics; rounded, so that the order in which rows were summed leaves no trace."""
        columns = np.concatenate([np.arange(self.first[j], self.first[j + 1]) for j in order])
        correlation = np.round(self.correlation, 12)[np.ix_(columns, columns)]
        first = np.concatenate([[0], np.cumsum(np.diff(self.first)[order])])
        return score_data(MIXED_BIC, self.n, self.penalty_discount, correlation=correlation, first=first)

    def central(self) -> FloatArray:
        """Sum of what each other column tells of it, in log determinants."""
        d = len(self.first) - 1
        total = np.zeros(d)
        for i in range(d):
            for j in range(i):
                told = -block_rest(self.correlation, self.first, i, np.array([j]))
                total[i] += told
                total[j] += told
        return total

    def local(self, y: int, parents: tuple[int, ...]) -> float:
        """The score of one variable given its parents."""
        return _local(self.data(np.arange(len(self.first) - 1)), y, parents)


def score_of(
    table: Any, score: str, penalty_discount: float | None, sample_size: float
) -> tuple[tuple[str, ...], Score]:
    """The columns' names and the score of that name on the table; refuses columns as PC does."""
    if penalty_discount is None:
        penalty_discount = 1.0 if score == "discrete_bic" else 2.0
    if score == "bic":
        names, matrix = numeric_columns(table, "score='bic'", "score='discrete_bic', or score='mixed' beside numbers,")
        return names, GaussianBIC(correlation_of(names, matrix), len(matrix), penalty_discount)
    if score == "mixed":
        return _mixed(table, penalty_discount)
    names, codes, _ = coded_columns(table, "score='bic'")
    return names, DiscreteBIC(codes, penalty_discount) if score == "discrete_bic" else BDeu(codes, sample_size)


def _mixed(table: Any, penalty_discount: float) -> tuple[tuple[str, ...], MixedBIC]:
    found = mixed_columns(table)
    numbers = np.flatnonzero(~found.discrete)
    if len(numbers) > 1:
        correlation_of(tuple(found.names[j] for j in numbers), found.numbers[numbers].T)  # refuses copies and totals
    discrete = np.flatnonzero(found.discrete)
    copies = discrete[same_partitions(found.codes[discrete], found.levels[discrete])].tolist()
    if copies:
        said = "; ".join(f"{found.names[i]} and {found.names[j]}" for i, j in copies[:5])
        raise Collinear(
            f"{said} are the same column under other labels",
            remedy="leave out one of each pair",
            evidence={"pairs": [[found.names[i], found.names[j]] for i, j in copies]},
        )
    d, n = found.numbers.shape
    matrix, first = embedded([found.codes[j] if found.discrete[j] else found.numbers[j] for j in range(d)])
    if n <= matrix.shape[1] + 1:
        raise TooFewUnits(
            f"{n:,} rows are too few for {d} columns that stand as {matrix.shape[1]} (a category as one less than its "
            "levels)",
            remedy="give more rows than that, merge rare levels, or leave columns out",
        )
    return found.names, MixedBIC(blocks_correlation(matrix), first, n, penalty_discount)


def check_score(score: str, penalty_discount: float | None, sample_size: float) -> None:
    """Refuse settings that no score has."""
    allowed = get_args(ScoreName)
    if score not in allowed:
        raise ConfigError(f"score is {score!r}; allowed: {', '.join(allowed)}.{did_you_mean(str(score), allowed)}")
    for name, value in (("penalty_discount", penalty_discount), ("sample_size", sample_size)):
        if value is not None and not 0 < value < np.inf:
            raise ConfigError(f"{name} is {value}; give a number above 0, as 1.0.")


def gains(data: ScoreData, dag: BoolArray) -> FloatArray:
    """How much the log score of a DAG (d, d) loses without each of its edges, (d, d); 0 where there is none."""
    out = np.zeros(dag.shape)
    for y in range(len(dag)):
        parents = np.flatnonzero(dag[:, y])
        full = local_score(data, y, parents, len(parents))
        for x in parents.tolist():
            left = parents[parents != x]
            out[x, y] = data.n * (full - local_score(data, y, left, len(left)))
    return out


def _local(data: ScoreData, y: int, parents: tuple[int, ...]) -> float:
    return data.n * float(local_score(data, y, np.array(parents, dtype=np.int64), len(parents)))
