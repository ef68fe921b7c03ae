"""Counts, sums and sums of products of each arm: all that a comparison needs, wherever the rows live."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from dorec.domain.errors import InputError, NoInterval, NotFinite, TooFewUnits
from dorec.domain.estimate import Interval
from dorec.experiment.metrics import UNITS, Metric, Term
from dorec.numeric.arrays import FloatArray

Alternative = Literal["two-sided", "greater", "less"]


@dataclass(frozen=True, eq=False)
class Moments:
    """One arm's units: how many, the mean of each column, and the covariance of columns (with n - 1).

    Moments of disjoint parts add up: `a + b` are those of both together.

    Example:
        >>> a, b = Moments.of(["y"], np.array([[1.0], [2.0]])), Moments.of(["y"], np.array([[3.0], [6.0]]))
        >>> (a + b).n, (a + b).means.tolist(), round(float((a + b).covariance[0, 0]), 3)
        (4, [3.0], 4.667)
    """

    names: tuple[str, ...]
    n: int
    means: FloatArray  # (c,)
    covariance: FloatArray  # (c, c)

    @classmethod
    def of(cls, names: Sequence[str], rows: FloatArray) -> "Moments":
        """From one row a unit, (n, c)."""
        if len(rows) < 2:
            raise TooFewUnits(f"an arm has {len(rows)} unit(s)", remedy="add units")
        return cls(tuple(names), len(rows), rows.mean(axis=0), np.cov(rows, rowvar=False).reshape(2 * (rows.shape[1],)))

    @classmethod
    def from_sums(cls, n: int, sums: Mapping[str, float], products: Mapping[tuple[str, str], float]) -> "Moments":
        """From what a database adds up: the count, sums, and sums of products, each pair once.

        Raises:
            NotFinite: the values lie so far from 0 that rounding of their squares leaves nothing of the variance.

        Example:
            >>> Moments.from_sums(4, {"y": 12.0}, {("y", "y"): 50.0}).means.tolist()
            [3.0]
        """
        if n < 2:
            raise TooFewUnits(f"an arm has {n} unit(s)", remedy="add units")
        names = tuple(sums)
        means = np.array([sums[name] for name in names], dtype=np.float64) / n
        scatter = np.empty((len(names), len(names)))
        for i, a in enumerate(names):
            for j, b in enumerate(names):
                if (a, b) not in products and (b, a) not in products:
                    raise InputError(f"The sum of {a} x {b} is missing; give every pair of columns once.")
                product = products[a, b] if (a, b) in products else products[b, a]
                scatter[i, j] = _scatter(n, sums[a], sums[b], product, f"{a} x {b}")
                if a == b:
                    _check_digits(n, sums[a], product, float(scatter[i, i]), a)
        return cls(names, n, means, scatter / (n - 1))

    def __add__(self, other: "Moments") -> "Moments":
        if self.names != other.names:
            raise InputError(f"Moments of {', '.join(self.names)} and of {', '.join(other.names)} don't add up.")
        n = self.n + other.n
        gap = other.means - self.means
        scatter = (self.n - 1) * self.covariance + (other.n - 1) * other.covariance
        scatter = scatter + np.outer(gap, gap) * self.n * other.n / n
        return Moments(self.names, n, self.means + gap * other.n / n, scatter / (n - 1))

    def ratio(self, term: Term) -> tuple[float, FloatArray]:
        """Numerator over denominator, and its gradient in the means, (c,)."""
        top, below = (self._mean(name) for name in term)
        if below == 0:
            raise NotFinite(f"the denominator {term[1]!r} adds up to 0", remedy="drop the metric, or use another")
        gradient = np.zeros(len(self.names))
        value = top / below
        for name, slope in zip(term, (1 / below, -value / below), strict=True):
            if name != UNITS:
                gradient[self._place(name)] += slope
        return value, gradient

    def _mean(self, name: str) -> float:
        return 1.0 if name == UNITS else float(self.means[self._place(name)])

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise InputError(f"Moments of {name!r} are missing; there are {', '.join(self.names)}.")
        return self.names.index(name)


def _scatter(n: int, sum_a: float, sum_b: float, product: float, pair: str) -> float:
    """Sum of products about the means, with no rounding but that of the sums themselves."""
    if not all(map(math.isfinite, (sum_a, sum_b, product))):
        raise NotFinite(f"a sum of {pair} is missing or infinite", remedy="look for such values in these columns")
    a, b, both = (x if isinstance(x, int) else float(x) for x in (sum_a, sum_b, product))
    return float(Fraction(both) - Fraction(a) * Fraction(b) / n)


def _check_digits(n: int, total: float, square: float, scatter: float, name: str) -> None:
    """Refuses a variance that is smaller than the rounding of the sum of squares; sums of whole numbers have none."""
    whole = all(isinstance(x, int) or (float(x).is_integer() and abs(x) <= 2**53) for x in (total, square))
    if whole or scatter > n * np.finfo(np.float64).eps * square:
        return
    raise NotFinite(
        f"the variance of {name!r} is lost in the rounding of its sum of squares: the mean {total / n:.6g} is too far "
        "from 0",
        remedy=f"give sums of values shifted by a constant, as of {name} - {round(total / n)}",
        evidence={"column": name, "mean": total / n, "scatter": scatter},
    )


class Arm(NamedTuple):
    """A metric in one arm."""

    value: float
    gradient: FloatArray  # (c,) in the means of the columns
    variance: float  # of the value


class Lift(NamedTuple):
    """A difference between two arms, or a relative one, from moments alone.

    Example:
        >>> lift = Lift(0.1, 0.04, 200.0, 202)
        >>> round(lift.p_value(), 4), [round(x, 3) for x in lift.interval()]
        (0.0132, [0.021, 0.179])
    """

    value: float
    std_error: float
    dof: float
    n: int

    def p_value(self, alternative: Alternative = "two-sided") -> float:
        """p-value of no difference; refuses a standard error of 0 with NoInterval."""
        self._check_error()
        t = self.value / self.std_error
        extreme = {"two-sided": abs(t), "greater": t, "less": -t}[alternative]
        return float(special.stdtr(self.dof, -extreme)) * (2 if alternative == "two-sided" else 1)

    def interval(self, level: float = 0.95, alternative: Alternative = "two-sided") -> Interval:
        """Confidence interval; one-sided ones are open: `less` has an upper bound, `greater` a lower one."""
        self._check_error()
        q = 0.5 + level / 2 if alternative == "two-sided" else level
        width = float(special.stdtrit(self.dof, q)) * self.std_error
        return Interval(
            -math.inf if alternative == "less" else self.value - width,
            math.inf if alternative == "greater" else self.value + width,
        )

    def _check_error(self) -> None:
        if self.std_error == 0:
            raise NoInterval(
                "the metric does not vary over the units of either arm, so there is no test of the difference",
                remedy="look at the values alone, or collect more units",
            )


def cuped_theta(arms: Sequence[Moments], metric: Metric) -> float:
    """CUPED's coefficient from all arms together (Deng et al. 2013, doi:10.1145/2433396.2433413); 0 without covariate.

    Example:
        >>> from dorec.experiment.metrics import Mean
        >>> rows = np.array([[2, 0.3], [1, 0.5], [5, 0.9], [3, 22]])
        >>> round(cuped_theta([Moments.of(["y", "x"], rows)] * 2, Mean("y", per="unit", covariate="x")), 5)
        0.01864
    """
    if metric.before is None:
        return 0.0
    total = arms[0]
    for arm in arms[1:]:
        total = total + arm
    after, before = total.ratio(metric.term)[1], total.ratio(metric.before)[1]
    spread = float(before @ total.covariance @ before)
    return float(after @ total.covariance @ before) / spread if spread > 0 else 0.0


def arm_of(moments: Moments, metric: Metric, theta: float = 0.0, before_mean: float = 0.0) -> Arm:
    """A metric's value in an arm, CUPED-adjusted to where the covariate is `before_mean`, with its variance."""
    value, gradient = moments.ratio(metric.term)
    if metric.before is not None and theta != 0.0:
        before, slope = moments.ratio(metric.before)
        value, gradient = value - theta * (before - before_mean), gradient - theta * slope
    spread = float(gradient @ moments.covariance @ gradient)
    divisor = moments.n if metric.ddof else moments.n * moments.n / (moments.n - 1)
    return Arm(value, gradient, max(spread, 0.0) / divisor)


def compare(
    control: Moments, treatment: Moments, metric: Metric, *, relative: bool = False, theta: float | None = None
) -> Lift:
    """Treatment less control, by Welch's t; relative to the control's value by the delta method.

    Args:
        control: moments of the reference arm, over randomised units.
        treatment: moments of the other arm.
        metric: what to compare.
        relative: divide by the control's value.
        theta: CUPED's coefficient; estimated from both arms by default.

    Example:
        >>> from dorec.experiment.metrics import Mean
        >>> a = Moments.from_sums(3407, {"y": 1396.87}, {("y", "y"): 52377.9767})
        >>> b = Moments.from_sums(3461, {"y": 2422.7}, {("y", "y"): 134698.29})
        >>> round(compare(a, b, Mean("y", per="unit"), relative=True).value, 5)
        0.70732
    """
    theta = cuped_theta([control, treatment], metric) if theta is None else theta
    centre = 0.0 if metric.before is None else (control + treatment).ratio(metric.before)[0]
    a, b = (arm_of(m, metric, theta, centre) for m in (control, treatment))
    variance = a.variance + b.variance
    weight = (b.value / a.value) ** 2 if relative else 1.0
    scale = abs(_base(a, metric)) if relative else 1.0
    return Lift(
        value=(b.value - a.value) / scale,
        std_error=math.sqrt(b.variance + weight * a.variance) / scale,
        dof=welch_dof((a.variance, b.variance), (control.n, treatment.n)) if variance > 0 else float("inf"),
        n=control.n + treatment.n,
    )


def _base(control: Arm, metric: Metric) -> float:
    if control.value == 0:
        raise NotFinite(f"{metric.name!r} is 0 in the control arm", remedy="ask for the absolute difference")
    return control.value


def welch_dof(variances: tuple[float, float], sizes: tuple[int, int]) -> float:
    """Welch and Satterthwaite's degrees of freedom, from the variances of the two values.

    >>> round(welch_dof((1.0, 1.0), (11, 11)))
    20
    """
    parts = sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    return float(sum(variances) ** 2 / parts) if parts > 0 else math.inf
