"""The one evidence noun: a value with an influence vector over units.

ATE, uplift at k, off-policy value, A/B lift, NDCG, coverage of the catalogue: each is an `Estimate`, so intervals,
paired differences, clustering and multiplicity are written here once. The convention: `estimate - truth` is, to first
order, the mean of `influence`, whose own mean is zero.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from scipy import special

from dorec.domain.errors import InputError, NoInterval, NotFinite, OtherUnits, TooFewUnits
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.multiplicity import cluster_sums, correlation, holm, max_t_quantile, romano_wolf
from dorec.numeric.rng import Seed

CONSTANT = "it does not vary over its units"
SMALL = 200  # independent groups below which Student's t is told apart from the normal
WEAK = 4.0  # a denominator of fewer standard errors makes the delta method of a ratio unsafe


class Interval(NamedTuple):
    """Bounds: floats for a scalar estimate, (k,) arrays for a vector."""

    lower: Any
    upper: Any


def fingerprint(*arrays: AnyArray | None) -> str:
    """A short hash of arrays, by which two estimates know whether they rest on the same units."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            continue
        plain = np.asarray(array)
        if plain.dtype == object:
            plain = plain.astype(str)
        digest.update(str((plain.dtype.str, plain.shape)).encode())
        digest.update(np.ascontiguousarray(plain).tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Estimate:
    """A value, scalar or (k,), and the influence of each unit on it, (n,) or (n, k).

    `sample` names the units: estimates are added and subtracted only where it is the same, because only then do the
    influences pair up row by row. `cluster` (n,) makes every standard error robust to dependence within clusters.
    `no_interval` holds the reason why a method can't give an interval; asking for one is then refused.

    Example:
        >>> y = np.array([1.0, 2.0, 3.0, 6.0])
        >>> mean = Estimate.of_mean(y, name="revenue", sample="monday")
        >>> round(mean.value, 2), round(mean.std_error, 3)
        (3.0, 1.08)
        >>> half = 0.5 * mean
        >>> (mean - half).value, bool(np.isclose((mean - half).std_error, half.std_error))
        (1.5, True)
    """

    value: Any  # float, or (k,) float array
    influence: FloatArray | None = None  # (n,) or (n, k)
    name: str | tuple[str, ...] = ""
    method: str = ""
    estimand: str = ""
    sample: str = ""
    cluster: AnyArray | None = None  # (n,)
    dof: float | None = None  # Student's t instead of the normal where the sample is small
    no_interval: str = ""
    verdicts: tuple[Verdict, ...] = field(default=())
    unit: str = ""  # of the value, for display: "USD", "%"

    def __post_init__(self) -> None:
        vector = np.ndim(self.value) > 0
        value = np.asarray(self.value, dtype=np.float64) if vector else float(self.value)
        object.__setattr__(self, "value", value)
        if not np.all(np.isfinite(value)):
            raise NotFinite(
                f"the estimate {self.name!r} is {value}", remedy="look for NaN or infinite rows in its input"
            )
        if vector and isinstance(self.name, str):
            object.__setattr__(self, "name", tuple(f"{self.name}[{i}]" for i in range(len(self.value))))
        if self.influence is None:
            if not self.no_interval:
                object.__setattr__(self, "no_interval", "it has no influence vector")
            return
        influence = np.asarray(self.influence, dtype=np.float64)
        object.__setattr__(self, "influence", influence)
        if influence.shape[1:] != np.shape(value):
            raise InputError(
                f"influence has shape {influence.shape}, value has shape {np.shape(value)}; "
                "give influence (n,) for a scalar and (n, k) for k values."
            )
        if not np.all(np.isfinite(influence)):
            raise NotFinite(f"the influence of {self.name!r} has a NaN or an infinity")
        # rounding leaves some 1e-16 of the value where every unit has the same score
        if not vector and not self.no_interval and not np.any(np.abs(influence) > 1e-13 * abs(self.value)):
            object.__setattr__(self, "no_interval", CONSTANT)

    # -- making ---------------------------------------------------------------------------------------------------

    @classmethod
    def of_mean(cls, scores: FloatArray, *, sample: str = "", **fields: Any) -> Self:
        """The mean of one score for each unit, (n,) or (n, k): value and influence at once.

        Below 200 units or clusters, Student's t takes the place of the normal.
        """
        scores = np.asarray(scores, dtype=np.float64)
        if len(scores) < 2:
            raise TooFewUnits(f"a mean of {len(scores)} unit(s) has no standard error", remedy="add units")
        value = scores.mean(axis=0)
        cluster = fields.get("cluster")
        groups = len(scores) if cluster is None else len(np.unique(cluster))
        if 1 < groups < SMALL:
            fields.setdefault("dof", groups - 1.0)
        return cls(value, scores - value, sample=sample or fingerprint(scores), **fields)

    @classmethod
    def concat(cls, estimates: Sequence["Estimate"]) -> "Estimate":
        """Several estimates on the same units as one vector: joint intervals and adjusted p-values become possible."""
        if not estimates:
            raise InputError("concat got no estimates; give at least one.")
        for other in estimates[1:]:
            estimates[0]._check_same_units(other)
        values = np.concatenate([np.atleast_1d(e.value) for e in estimates])
        names = tuple(n for e in estimates for n in ([e.name] if isinstance(e.name, str) else e.name))
        first = estimates[0]
        influence = None
        if all(e.influence is not None for e in estimates):
            influence = np.concatenate([e._matrix() for e in estimates], axis=1)
        dofs = [e.dof for e in estimates if e.dof is not None]
        return replace(
            first,
            value=values,
            influence=influence,
            name=names,
            dof=min(dofs) if dofs else None,
            no_interval=next((e.no_interval for e in estimates if e.no_interval not in ("", CONSTANT)), ""),
            verdicts=tuple(v for e in estimates for v in e.verdicts),
        )

    # -- error and evidence ---------------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """Number of units."""
        return 0 if self.influence is None else len(self.influence)

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariance of the values, (k, k); cluster-robust where `cluster` is set."""
        columns = self._columns()
        n = len(columns)
        if self.cluster is not None:
            columns = cluster_sums(columns, self.cluster)
        groups = len(columns)
        if groups < 2:
            raise TooFewUnits(f"{groups} independent group(s) give no standard error", remedy="add units or clusters")
        centred = columns - columns.mean(axis=0)
        return np.asarray(centred.T @ centred / n**2 * (groups / (groups - 1)))

    @property
    def std_error(self) -> Any:
        """Standard error: a float, or (k,) for a vector."""
        root = np.sqrt(np.diag(self.covariance))
        return root if np.ndim(self.value) else float(root[0])

    def interval(self, level: float = 0.95, *, joint: bool = False, seed: Seed = 0) -> Interval:
        """Two-sided confidence interval; with `joint`, all k cover their truths at once with probability `level`.

        One of k values that does not vary over its units has no error to be known, so its bounds are infinite.
        """
        if not 0 < level < 1:
            raise InputError(f"level is {level}; give a probability between 0 and 1, as in 0.95.")
        se = self.std_error
        if self.no_interval == CONSTANT:
            raise NoInterval(f"{self.name!r} has no valid interval: {CONSTANT}", remedy="collect more units")
        critical = self._quantile(0.5 + level / 2)
        if joint and np.ndim(self.value):
            joint_t = max_t_quantile(correlation(self.covariance), level, dof=self.dof, seed=seed)
            critical = max(critical, joint_t)
        width = np.where(se > 0, critical * se, np.inf) if np.ndim(self.value) else critical * se
        return Interval(self.value - width, self.value + width)

    def p_value(self, null: float = 0.0, *, alternative: Literal["two-sided", "greater", "less"] = "two-sided") -> Any:
        """p-value of the hypothesis that the truth is `null`; a float, or (k,)."""
        t = self._t(null)
        extreme = {"two-sided": np.abs(t), "greater": t, "less": -t}[alternative]
        p = special.ndtr(-extreme) if self.dof is None else special.stdtr(self.dof, -extreme)
        if alternative == "two-sided":
            p = 2 * p
        return p if np.ndim(self.value) else float(p)

    def adjusted_p_values(
        self, null: float = 0.0, *, method: Literal["romano-wolf", "holm"] = "romano-wolf", seed: Seed = 0
    ) -> FloatArray:
        """p-values (k,) that hold the family-wise error rate over all k hypotheses."""
        if method == "holm":
            return holm(np.atleast_1d(self.p_value(null)))
        if method == "romano-wolf":
            return romano_wolf(np.atleast_1d(self._t(null)), correlation(self.covariance), dof=self.dof, seed=seed)
        raise InputError(f"method is {method!r}; allowed: 'romano-wolf', 'holm'.")

    # -- arithmetic -----------------------------------------------------------------------------------------------

    def __getitem__(self, which: int | str) -> "Estimate":
        """One of the k values, by position or name, as a scalar estimate."""
        if not np.ndim(self.value):
            raise InputError(f"{self.name!r} is a scalar estimate and can't be indexed.")
        if isinstance(which, str):
            if which not in self.name:
                raise InputError(f"{which!r} is not among {', '.join(self.name)}.")
            which = self.name.index(which)
        influence = None if self.influence is None else self.influence[:, which]
        return replace(self, value=self.value[which], influence=influence, name=self.name[which])

    def scalars(self) -> list["Estimate"]:
        """The estimate as scalars: itself, or one for each of its values.

        >>> [one.name for one in Estimate.of_mean(np.ones((3, 2)), name=("a", "b")).scalars()]
        ['a', 'b']
        """
        return [self[i] for i in range(len(self.value))] if np.ndim(self.value) else [self]

    def __add__(self, other: "Estimate | float") -> "Estimate":
        return self._combine(other, 1.0, "+")

    def __sub__(self, other: "Estimate | float") -> "Estimate":
        return self._combine(other, -1.0, "-")

    def __mul__(self, other: "Estimate | float") -> "Estimate":
        """Times a number, or an estimate on the same units (delta method)."""
        if not isinstance(other, Estimate):
            influence = None if self.influence is None else self.influence * other
            return replace(self, value=self.value * other, influence=influence)
        (x, psi_x), (y, psi_y) = self._paired(other)
        return self._joined(other, x * y, None if psi_x is None or psi_y is None else psi_x * y + psi_y * x, "*")

    def __truediv__(self, other: "Estimate | float") -> "Estimate":
        """Divided by a number, or by an estimate on the same units (delta method).

        A denominator nearer to 0 than four standard errors is marked with a warning: the interval may fall short.
        """
        if np.any(np.asarray(other.value if isinstance(other, Estimate) else other) == 0):
            divisor = other.name if isinstance(other, Estimate) else "a number"
            raise NotFinite(f"{self.name!r} is divided by {divisor!r}, which is 0", remedy="use the difference")
        if not isinstance(other, Estimate):
            return self * (1.0 / other)
        (x, psi_x), (y, psi_y) = self._paired(other)
        influence = None if psi_x is None or psi_y is None else (psi_x - x / y * psi_y) / y
        ratio = self._joined(other, x / y, influence, "/")
        weak = other._weakness()
        return ratio if weak is None else replace(ratio, verdicts=(*ratio.verdicts, weak))

    def __neg__(self) -> "Estimate":
        return self * -1.0

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: float) -> "Estimate":
        return -self + other

    def __rtruediv__(self, other: float) -> "Estimate":
        if np.any(np.asarray(self.value) == 0):
            raise NotFinite(f"{other} is divided by {self.name!r}, which is 0", remedy="use the difference")
        return self.map(lambda value: other / value, lambda value: -other / value**2)

    def map(self, f: Callable[[Any], Any], derivative: Callable[[Any], Any]) -> "Estimate":
        """A smooth function of the value, by the delta method: `e.map(math.log, lambda x: 1 / x)`."""
        influence = None if self.influence is None else self.influence * derivative(self.value)
        return replace(self, value=f(self.value), influence=influence)

    # -- showing --------------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        if np.ndim(self.value):
            return "\n".join(str(self[i]) for i in range(len(self.value)))
        unit = f" {self.unit}" if self.unit else ""
        label = f"{self.name}: " if self.name else ""
        if self.no_interval:
            return f"{label}{self.value:.4g}{unit} (no valid interval: {self.no_interval})"
        lower, upper = self.interval()
        return f"{label}{self.value:.4g}{unit} [{lower:.4g}, {upper:.4g}]"

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """A scalar estimate as plain data, without its influence vector."""
        if np.ndim(self.value):
            return {"estimates": [self[i].to_dict(level) for i in range(len(self.value))]}
        bounds: dict[str, Any] = {"std_error": None, "lower": None, "upper": None, "p_value": None}
        if not self.no_interval:
            lower, upper = self.interval(level)
            p = self.p_value() if self.std_error > 0 else math.nan
            bounds = {"std_error": self.std_error, "lower": lower, "upper": upper, "p_value": p if p == p else None}
        return {
            "name": self.name,
            "value": self.value,
            **bounds,
            "level": level,
            "n": self.n,
            "method": self.method,
            "estimand": self.estimand,
            "unit": self.unit,
            "no_interval": self.no_interval,
            "verdicts": [v.to_dict() for v in self.verdicts],
        }

    # -- inside ---------------------------------------------------------------------------------------------------

    def _columns(self) -> FloatArray:
        if self.influence is None or self.no_interval not in ("", CONSTANT):
            raise NoInterval(
                f"{self.method or self.name or 'this estimate'} has no valid interval: {self.no_interval}",
                remedy="use an estimator that passes check_causal_estimator, such as AIPW",
            )
        return self._matrix()

    def _matrix(self) -> FloatArray:
        """The influence as (n, k)."""
        influence = np.asarray(self.influence)
        return influence if influence.ndim == 2 else influence[:, None]

    def _paired(self, other: "Estimate") -> tuple[tuple[Any, FloatArray | None], tuple[Any, FloatArray | None]]:
        """Values and influences of both, a scalar's spread over a vector's columns; refused on other units."""
        self._check_same_units(other)
        sizes = [np.size(e.value) for e in (self, other) if np.ndim(e.value)]
        if len(set(sizes)) > 1:
            raise InputError(
                f"An estimate of {sizes[0]} values can't be combined with one of {sizes[1]}; pick by name."
            )
        wide = bool(sizes)
        psi = [None if e.influence is None else (e._matrix() if wide else e.influence) for e in (self, other)]
        return (self.value, psi[0]), (other.value, psi[1])

    def _weakness(self) -> Verdict | None:
        if self.influence is None or self.no_interval:
            return None
        strength = float(np.min(np.abs(self.value) / np.maximum(self.std_error, np.finfo(float).tiny)))
        if strength >= WEAK:
            return None
        return Verdict(
            check="denominator",
            status="warning",
            code="weak_denominator",
            statistic=strength,
            meaning=f"{self.name} is only {strength:.1f} standard errors from 0, so bounds may be too narrow",
            remedy="Look at the difference instead, or collect more units.",
        )

    def _quantile(self, q: float) -> float:
        return float(special.ndtri(q) if self.dof is None else special.stdtrit(self.dof, q))

    def _t(self, null: float) -> Any:
        se = self.std_error
        if np.any(np.asarray(se) == 0):
            raise NoInterval(
                f"{self.name!r} does not vary over its units, so there is no test of it",
                remedy="look at the value alone",
            )
        return (self.value - null) / se

    def _combine(self, other: "Estimate | float", sign: float, symbol: str) -> "Estimate":
        if not isinstance(other, Estimate):
            return replace(self, value=self.value + sign * other)
        (x, psi_x), (y, psi_y) = self._paired(other)
        influence = None if psi_x is None or psi_y is None else psi_x + sign * psi_y
        return self._joined(other, x + sign * y, influence, symbol)

    def _joined(self, other: "Estimate", value: Any, influence: FloatArray | None, symbol: str) -> "Estimate":
        dofs = [d for d in (self.dof, other.dof) if d is not None]
        return replace(
            self,
            value=value,
            influence=influence,
            name=self._joined_name(other, symbol),
            method=self.method if self.method == other.method else f"{self.method}, {other.method}",
            dof=min(dofs) if dofs else None,
            no_interval=next((r for r in (self.no_interval, other.no_interval) if r not in ("", CONSTANT)), ""),
            verdicts=self.verdicts + tuple(v for v in other.verdicts if v not in self.verdicts),
        )

    def _joined_name(self, other: "Estimate", symbol: str) -> str | tuple[str, ...]:
        if isinstance(self.name, str) and isinstance(other.name, str):
            return f"{self.name} {symbol} {other.name}" if self.name and other.name else self.name or other.name
        k = max(np.size(self.value), np.size(other.value))
        left, right = ((e.name,) * k if isinstance(e.name, str) else e.name for e in (self, other))
        return tuple(f"{a} {symbol} {b}" if a and b else a or b for a, b in zip(left, right, strict=True))

    def _check_same_units(self, other: "Estimate") -> None:
        same_cluster = (self.cluster is None) == (other.cluster is None) and (
            self.cluster is None or np.array_equal(self.cluster, np.asarray(other.cluster))
        )
        if self.sample and self.sample == other.sample and self.n == other.n and same_cluster:
            return
        raise OtherUnits(
            f"{self.name!r} rests on {self.n:,} units ({self.sample or 'unnamed'}), {other.name!r} on {other.n:,} "
            f"({other.sample or 'unnamed'}), so their difference has no known error",
            remedy="estimate both on the same units, or use independent_difference where the two samples share no unit",
            evidence={"n": [self.n, other.n], "sample": [self.sample, other.sample]},
        )


def independent_difference(a: Estimate, b: Estimate) -> Estimate:
    """`a - b` for two scalar estimates on samples that share no unit: their variances add.

    >>> a = Estimate.of_mean(np.array([1.0, 2.0, 3.0]), name="monday")
    >>> b = Estimate.of_mean(np.array([2.0, 4.0]), name="tuesday")
    >>> d = independent_difference(b, a)
    >>> d.value, bool(np.isclose(d.std_error**2, a.std_error**2 + b.std_error**2))
    (1.0, True)
    """
    if np.ndim(a.value) or np.ndim(b.value):
        raise InputError("independent_difference takes scalar estimates; pick one of the values by name first.")
    if a.sample and a.sample == b.sample:
        reason = f"{a.name!r} and {b.name!r} rest on the same units, which are not independent"
        raise OtherUnits(reason, remedy="use a - b")
    if a.cluster is not None and b.cluster is not None and np.isin(np.unique(a.cluster), b.cluster).any():
        reason = f"{a.name!r} and {b.name!r} share clusters, so they are not independent"
        raise OtherUnits(reason, remedy="estimate both on one study, whose clusters are then known to be the same")
    labels = [np.arange(e.n) if e.cluster is None else np.unique(e.cluster, return_inverse=True)[1] for e in (a, b)]
    groups = [int(codes.max()) + 1 for codes in labels]
    n, total = a.n + b.n, sum(groups)
    # each sample keeps its own g / (g - 1), so that the variances add exactly
    pooled = total / (total - 1)
    scale = [n / e.n * math.sqrt(g / (g - 1) / pooled) for e, g in zip((a, b), groups, strict=True)]
    clustered = a.cluster is not None or b.cluster is not None
    return replace(
        a,
        value=a.value - b.value,
        influence=np.concatenate([a._columns()[:, 0] * scale[0], -b._columns()[:, 0] * scale[1]]),
        name=f"{a.name} - {b.name}",
        sample=f"{a.sample}|{b.sample}",
        cluster=np.concatenate([labels[0], labels[1] + groups[0]]) if clustered else None,
        dof=_welch_dof(a, b),
        verdicts=a.verdicts + b.verdicts,
    )


def _welch_dof(a: Estimate, b: Estimate) -> float | None:
    """Welch and Satterthwaite's degrees of freedom; an estimate without them counts as infinitely many."""
    if a.dof is None and b.dof is None:
        return None
    parts = [e.std_error**2 for e in (a, b)]
    spread = sum(0.0 if e.dof is None else v**2 / e.dof for e, v in zip((a, b), parts, strict=True))
    return sum(parts) ** 2 / spread if spread > 0 else None
