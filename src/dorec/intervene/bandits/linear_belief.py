"""What linear rewards teach: a Bayesian regression for each action (or one for all), from sums that add up."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from dorec.domain.errors import InputError
from dorec.domain.estimate import Interval
from dorec.domain.plain_numbers import as_numbers, is_whole
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.triangular_roots import inverse_roots, widths

PRIOR_ROWS = 2.0  # rows that the prior noise of standard deviation 1 is worth where noise is learned


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearBelief:
    """Coefficients ~ normal(0, noise² / reg) before, and their posterior after the rows that were learned.

    The state is sums over rows, so that one batch, one row after another, and any order of arrival teach the same. A
    row of decision number t has the weight discount^(clock - t), whenever it arrives; the prior never fades.

    With `noise=None` the noise variance is learned with them (normal-inverse-gamma, one for each group; a prior of
    standard deviation 1, worth two rows): the posterior is Student's t.

    Example:
        >>> belief = LinearBelief.empty(n_groups=1, n_columns=1, reg=1.0, noise=1.0)
        >>> x, group, at = np.ones((3, 1)), np.zeros(3, int), np.arange(3)
        >>> belief = belief.learn(x, group, np.array([1.0, 2.0, 3.0]), at, np.ones(3))
        >>> belief.coefficients.tolist(), belief.mean(np.ones((1, 1))).tolist(), belief.width(np.ones((1, 1))).tolist()
        ([[1.5]], [[1.5]], [[0.5]])
    """

    gram: FloatArray  # (g, p, p) sums of x x'
    moment: FloatArray  # (g, p) sums of r x
    square: FloatArray  # (g,) sums of r²
    count: FloatArray  # (g,) sums of weights
    root: FloatArray  # (g, p, p) inverse Cholesky factors of gram + reg I
    clock: int  # number of the latest decision learned from
    reg: float
    noise: float | None
    discount: float

    @classmethod
    def empty(
        cls, *, n_groups: int, n_columns: int, reg: float, noise: float | None, discount: float = 1.0
    ) -> "LinearBelief":
        """The prior."""
        zeros = np.zeros((n_groups, n_columns, n_columns))
        return cls(
            gram=zeros,
            moment=zeros[:, 0].copy(),
            square=np.zeros(n_groups),
            count=np.zeros(n_groups),
            root=inverse_roots(zeros, reg),
            clock=-1,
            reg=reg,
            noise=noise,
            discount=discount,
        )

    def learn(
        self, design: FloatArray, group: IntArray, reward: FloatArray, at: IntArray, weight: FloatArray
    ) -> "LinearBelief":
        """The posterior after more rows.

        Args:
            design: (m, p).
            group: (m,) the regression that each row belongs to.
            reward: (m,).
            at: (m,) numbers of the decisions.
            weight: (m,) how many rows each is worth.
        """
        if not len(design):
            return self
        clock = max(self.clock, int(at.max()))
        fade = self.discount ** (clock - self.clock)
        weight = weight * self.discount ** (clock - at).astype(float)
        gram, moment, square, count = (fade * sums for sums in (self.gram, self.moment, self.square, self.count))
        touched = np.unique(group)
        for g in touched:
            rows = np.flatnonzero(group == g)
            weighted = weight[rows, None] * design[rows]
            gram[g] += weighted.T @ design[rows]
            moment[g] += weighted.T @ reward[rows]
            square[g] += weight[rows] @ reward[rows] ** 2
            count[g] += weight[rows].sum()
        root = self.root.copy()
        changed = touched if fade == 1.0 else np.arange(len(gram))
        root[changed] = inverse_roots(gram[changed], self.reg)
        return replace(self, gram=gram, moment=moment, square=square, count=count, root=root, clock=clock)

    @cached_property
    def coefficients(self) -> FloatArray:
        """Posterior means, (g, p)."""
        inside = self.root @ self.moment[:, :, None]
        return np.asarray((self.root.transpose(0, 2, 1) @ inside)[:, :, 0])

    def mean(self, design: FloatArray) -> FloatArray:
        """Expected reward of each action: of design (m, p) in each of g groups, or of design (m, k, p) in one."""
        if design.ndim == 3:
            return np.asarray(design @ self.coefficients[0])
        return np.asarray(design @ self.coefficients.T)

    def width(self, design: FloatArray) -> FloatArray:
        """sqrt(x' (gram + reg I)^-1 x), the posterior's standard deviation in units of the noise; shaped as `mean`."""
        return widths(self.root, design)

    @property
    def shape(self) -> FloatArray:
        """Half the degrees of freedom of the noise variance, (g,)."""
        return np.asarray((PRIOR_ROWS + self.count) / 2)

    @cached_property
    def deviation(self) -> FloatArray:
        """Standard deviation of the noise: as given, or the square root of the posterior's scale, (g,)."""
        if self.noise is not None:
            return np.full(len(self.count), self.noise)
        explained = ((self.root @ self.moment[:, :, None])[:, :, 0] ** 2).sum(axis=1)
        rate = (PRIOR_ROWS + np.maximum(self.square - explained, 0.0)) / 2
        return np.sqrt(rate / self.shape)

    def noise_draws(self, rng: np.random.Generator, n_draws: int) -> FloatArray | None:
        """Draws of the noise's standard deviation over its scale, (n_draws, g); None where it is known."""
        if self.noise is not None:
            return None
        return np.asarray(np.sqrt(self.shape / rng.gamma(self.shape, size=(n_draws, len(self.count)))))

    def interval(self, level: float = 0.95) -> Interval:
        """Credible interval of each coefficient, (g, p) each; under the prior it covers the truth with `level`.

        >>> belief = LinearBelief.empty(n_groups=1, n_columns=1, reg=1.0, noise=1.0)
        >>> belief.interval().upper.round(2).tolist()
        [[1.96]]
        """
        tail = (1 + level) / 2
        quantile = np.full(len(self.count), ndtri(tail)) if self.noise else stdtrit(2 * self.shape, tail)
        spread = np.sqrt((self.root**2).sum(axis=1))
        reach = (quantile * self.deviation)[:, None] * spread
        return Interval(self.coefficients - reach, self.coefficients + reach)

    def arrays(self) -> dict[str, AnyArray]:
        """What `restored` needs."""
        kept: dict[str, AnyArray] = {name: getattr(self, name) for name in ("gram", "moment", "square", "count")}
        return kept | {"clock": np.array([self.clock])}

    def restored(self, arrays: Mapping[str, AnyArray]) -> "LinearBelief":
        """The belief of these arrays under this one's settings."""
        kept = same_shapes(self.arrays(), arrays)
        clock = whole_number(kept.pop("clock"), "clock", -1)
        if (kept["count"] < 0).any() or (kept["square"] < 0).any():
            raise InputError("Array 'count' or 'square' is below 0, which sums of weights and of squares never are.")
        check_symmetric(kept["gram"], "gram")
        return replace(self, **kept, root=inverse_roots(kept["gram"], self.reg), clock=clock)


def same_shapes(own: Mapping[str, AnyArray], given: Mapping[str, AnyArray]) -> dict[str, Any]:
    """The given arrays by the names of one's own, as numbers.

    Raises:
        InputError: one is missing, has another shape, holds no numbers, or is not finite.

    Example:
        >>> same_shapes({"w": np.zeros(2)}, {"w": np.ones(2), "other": np.ones(1)})
        {'w': array([1., 1.])}
    """
    found: dict[str, Any] = {}
    for name, array in own.items():
        if name not in given or np.shape(given[name]) != np.shape(array):
            raise InputError(f"Array {name!r} is missing, or has another shape than {np.shape(array)}.")
        found[name] = as_numbers(given[name], f"Array {name!r}")
        if not np.isfinite(found[name]).all():
            raise InputError(f"Array {name!r} has a missing or infinite value; restore it from what was written.")
    return found


def whole_number(array: AnyArray, name: str, least: int) -> int:
    """The one whole number of an array (1,), `least` or more.

    >>> whole_number(np.array([3.0]), "clock", -1)
    3
    """
    value = float(array[0])
    if not is_whole(value, least) or value > 2.0**53:
        raise InputError(f"Array {name!r} is {value:g}; a state has a whole number of {least} or more there.")
    return int(value)


def check_symmetric(matrices: FloatArray, name: str) -> None:
    """Refuse matrices (g, p, p) of which a half was exchanged.

    >>> check_symmetric(np.eye(2)[None], "gram")
    """
    if not np.allclose(matrices, matrices.transpose(0, 2, 1), rtol=1e-6, atol=1e-9):
        raise InputError(f"Array {name!r} is not symmetric, which sums of products always are.")
