"""Means that a few giant orders can't carry away: Catoni's, winsorised, median of means."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from dorec.domain.errors import ConfigError, InputError, NotFinite, TooFewUnits
from dorec.domain.estimate import Estimate, fingerprint
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import few_clusters_dof, weight_of
from dorec.estimate.checks import check_study
from dorec.estimate.cross_fitting import Units, units_of
from dorec.estimate.diagnostics import influence_verdict, repeated_verdicts
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.folds import content_keys, hash64, mix64
from dorec.numeric.heavy_tails import RobustMeans, catoni_means, median_of_means, winsorised_means
from dorec.numeric.rng import Seed, generator

Method = Literal["catoni", "median_of_means", "winsorized"]

DEFAULT_CONTEXT = RunContext()
METHODS = ("catoni", "median_of_means", "winsorized")
FEWEST = 40
BLOCKS = 20  # of the median of means
COCHRAN = 25.0  # n must be this many times the squared skewness for a normal interval of a mean (Cochran 1977, 2.15)
UNEVEN = 2.0  # times the smaller arm: beyond, the arms lose unlike parts of a long tail
THIN_TAIL = 3.5  # power from which the sample's skewness tells how far off a normal interval of a mean is
LOPSIDED = 0.5  # of the outer quantiles about the median: beyond, what a robust mean takes from one tail is a bias


class Meaning(NamedTuple):
    """What a method estimates."""

    estimand: str
    is_mean: bool


def robust_mean(
    values: FloatArray,
    *,
    method: Method = "catoni",
    share: float = 0.01,
    weight: FloatArray | None = None,
    cluster: AnyArray | None = None,
    name: str | tuple[str, ...] = "",
    sample: str = "",
    seed: Seed = 0,
) -> Estimate:
    """The mean of values with heavy tails, (n,), or of each column of (n, k), as an estimate.

    As a last step over AIPW's scores it gives a heavy-tail-safe average effect:
    `robust_mean(model.scores[:, 1] - model.scores[:, 0], sample=study.sample)`.

    "catoni" and "median_of_means" aim at the mean, with an error that is small even where only the variance exists.
    They take something from a long tail, and normal intervals of any mean of lopsided values fail: where the outer
    quantiles are lopsided there is a value but no interval, unless the tail falls fast and "catoni" has 25 squared
    skewnesses of values or more (Cochran 1977). "winsorized" answers another question, the mean of capped values, whose
    interval holds.

    Args:
        values: (n,) or (n, k), finite.
        method: "catoni", "median_of_means" or "winsorized".
        share: of the values on each side that are capped, for "winsorized".
        weight: of each unit, (n,).
        cluster: labels (n,): standard errors count clusters. Not with "median_of_means", whose blocks are clusters.
        name: of the estimate.
        sample: names the units, so that estimates can be paired.
        seed: deals the blocks of "median_of_means".

    Raises:
        NotFinite: a value is missing or infinite.
        TooFewUnits: fewer than 40 values.

    Example:
        >>> orders = np.append(np.tile([10.0, 20.0, 30.0], 200), 1e7)
        >>> round(robust_mean(orders, method="winsorized").value), round(float(orders.mean()))
        (20, 16659)
        >>> 19 < robust_mean(orders).value < 10_000
        True
    """
    check_method(method, share)
    table = np.asarray(values, dtype=np.float64)
    columns = table[:, None] if table.ndim == 1 else table
    _check_values(columns)
    if cluster is not None and method == "median_of_means":
        raise InputError("The blocks of the median of means are its clusters; take method='catoni' with clusters.")
    n = len(columns)
    mass = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64) / np.mean(weight)
    arm = np.zeros(n, dtype=np.int64)
    keys = content_keys(columns, [f"{j}" for j in range(columns.shape[1])], mass)
    block = deal(keys, arm, BLOCKS, seed) if method == "median_of_means" else None
    parts = [_means(column, arm, mass, method, share, block) for column in columns.T]
    reasons = [] if not _meaning(method, share).is_mean else [lopsided(column, mass, method) for column in columns.T]
    labels = block if block is not None else cluster
    vector = Estimate(
        np.concatenate([p.value for p in parts]),
        np.hstack([p.influence for p in parts]),
        name=name if isinstance(name, tuple) else (name,) if columns.shape[1] == 1 else name,
        method=f"robust mean, {method}",
        estimand=_meaning(method, share).estimand,
        sample=sample or fingerprint(columns),
        cluster=labels,
        dof=few_clusters_dof(labels),
        no_interval=next((r for r in reasons if r), ""),
    )
    return vector if table.ndim == 2 else vector[0]


@dataclass(frozen=True, kw_only=True)
class RobustDifference:
    """Each arm's heavy-tail-safe mean against the first, in a randomised study.

    The arms share the caps, Catoni's scale or the size of blocks, so that what is taken from a long tail is the same in
    arms that are alike: a test of no effect holds its level however long the tail, as far as the variance exists. A
    large effect on a long tail is understated by "catoni" and "median_of_means"; "winsorized" says what it estimates,
    the effect on capped outcomes. Covariates are not used but to check that who was treated does not follow from them.

    Args:
        method: "catoni", "median_of_means" or "winsorized".
        share: of all outcomes on each side that are capped, for "winsorized".
        min_per_arm: units that each arm must have.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> t = np.arange(4000) % 2
        >>> table = {"t": t, "revenue": rng.pareto(2.1, 4000) + 0.3 * t}
        >>> study = Study.from_table(table, outcome="revenue", treatment="t")
        >>> effect = RobustDifference().fit(study).ate()
        >>> abs(effect.value - 0.3) < 3 * effect.std_error < 0.5
        True
    """

    method: Method = "catoni"
    share: float = 0.01
    min_per_arm: int = 40

    def __post_init__(self) -> None:
        check_method(self.method, self.share)
        if self.min_per_arm < 2 * BLOCKS:
            raise ConfigError(f"min_per_arm is {self.min_per_arm}; give {2 * BLOCKS} or more.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "RobustDifferenceModel":
        """Robust means of the arms.

        Raises:
            NotFinite, OneArm, ArmTooSmall, LeakedOutcome, LeakedTreatment, NoOverlap: before any number.
            BadPropensity: the study is not randomised with the same chance for all: known propensities differ between
                units, or covariates tell who was treated (p < 1e-6).
        """
        units = units_of(study)
        same = study
        if study.propensity is None:
            share = np.bincount(study.treatment, minlength=len(study.arms)) / study.n
            if (share > 0).all():
                same = study.with_columns(propensity=np.tile(share, (study.n, 1)))
        check_study(same, n_folds=1, min_per_fold=self.min_per_arm, groups=units.groups)
        if np.ptp(np.asarray(same.propensity), axis=0).max() > 1e-9:
            raise InputError(
                "The known propensities differ between units, so arms are not comparable as they are; take "
                "robust_mean over the scores of AIPW."
            )
        if units.groups is not None and self.method == "median_of_means":
            raise InputError("The blocks of the median of means are its clusters; take method='catoni' with clusters.")
        block = None
        if self.method == "median_of_means":
            block = deal(units.keys, study.treatment, BLOCKS, context.rng("blocks"))
        means = _means(study.outcome, study.treatment, weight_of(study), self.method, self.share, block)
        return RobustDifferenceModel(learner=self, study=study, units=units, means=means, block=block)


@dataclass(frozen=True, kw_only=True, eq=False)
class RobustDifferenceModel:
    """Robust means of the arms of a randomised study.

    Example:
        >>> table = {"t": np.arange(200) % 2, "y": np.arange(200) % 2 + np.sin(np.arange(200.0))}
        >>> model = RobustDifference(method="winsorized").fit(Study.from_table(table, outcome="y", treatment="t"))
        >>> model.arm_means().name, round(model.ate().value, 2)
        (('mean if 0', 'mean if 1'), 1.0)
    """

    learner: RobustDifference
    study: Study
    units: Units
    means: RobustMeans
    block: IntArray | None  # (n,), of the median of means
    estimand: str = field(default="")

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        return self.study.arms

    def arm_means(self) -> Estimate:
        """The robust mean of each arm, (k,); without an interval where its values are too lopsided for one."""
        reasons = [""]
        if _meaning(self.learner.method, self.learner.share).is_mean:
            weight = weight_of(self.study)
            parts = [self.study.treatment == a for a in range(len(self.arms))]
            reasons = [lopsided(self.study.outcome[part], weight[part], self.learner.method) for part in parts]
        found = self._estimate(self.means.value, self.means.influence, tuple(f"mean if {arm}" for arm in self.arms))
        return replace(found, no_interval=next((r for r in reasons if r), found.no_interval))

    def ate(self) -> Estimate:
        """Each arm's robust mean less the first's: scalar for two arms, (k - 1,) for more."""
        value, influence = self.means.value, self.means.influence
        names = tuple(f"{arm} - {self.arms[0]}" for arm in self.arms[1:])
        found = self._estimate(value[1:] - value[0], influence[:, 1:] - influence[:, :1], names)
        found = replace(found, verdicts=self.verdicts, no_interval=found.no_interval or self._uneven())
        return found if len(names) > 1 else found[0]

    def _uneven(self) -> str:
        """Why what is taken from a long tail does not leave the difference: the small arm has the shorter tail."""
        sizes = np.bincount(self.study.treatment, minlength=len(self.arms))
        if not _meaning(self.learner.method, self.learner.share).is_mean or sizes.max() <= UNEVEN * sizes.min():
            return ""
        small = self.study.treatment == int(sizes.argmin())
        reason = lopsided(self.study.outcome[small], weight_of(self.study)[small], self.learner.method)
        return reason and f"the arms are of unequal size, and in the smaller one {reason}"

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the plain difference is, units that still dominate, repeated units."""
        y, weight = self.study.outcome, weight_of(self.study)
        plain = [float(np.average(y[self.study.treatment == a], weights=weight[self.study.treatment == a]))
                 for a in range(len(self.arms))]  # fmt: skip
        beside = Verdict(
            check="plain difference",
            status="passed",
            statistic=plain[1] - plain[0],
            meaning=f"the plain difference in means is {plain[1] - plain[0]:.4g}, the robust one "
            f"{self.means.value[1] - self.means.value[0]:.4g}",
            evidence={"plain": plain, "robust": self.means.value.tolist()},
        )
        contrast = self.means.influence[:, 1:] - self.means.influence[:, :1]
        found = (beside, influence_verdict(contrast, self.units.groups), *repeated_verdicts(self.study, self.units))
        return tuple(verdict for verdict in found if verdict is not None)

    def _estimate(self, value: FloatArray, influence: FloatArray, names: tuple[str, ...]) -> Estimate:
        labels = self.units.cluster if self.block is None else self.block
        return Estimate(
            value,
            influence,
            name=names,
            method=f"robust mean, {self.learner.method}",
            estimand=self.estimand or _meaning(self.learner.method, self.learner.share).estimand,
            sample=self.study.sample,
            cluster=labels,
            dof=few_clusters_dof(labels),
        )


def check_method(method: str, share: float) -> None:
    """Refuse a method or share of caps that is none."""
    if method not in METHODS:
        raise ConfigError(f"method is {method!r}; allowed: {', '.join(map(repr, METHODS))}.")
    if not 0 < share < 0.5:
        raise ConfigError(f"share is {share}; give a number between 0 and 0.5, as in 0.01.")


def lopsided(x: FloatArray, weight: FloatArray, method: Method = "catoni") -> str:
    """Why a normal interval of the mean would not hold, or nothing.

    >>> rng = np.random.default_rng(0)
    >>> lopsided(rng.normal(size=500), np.ones(500)), lopsided(rng.pareto(2.1, 500), np.ones(500))[:26]
    ('', 'its long tail falls with a')
    """
    centre = np.average(x, weights=weight)
    spread = np.average((x - centre) ** 2, weights=weight)
    if spread <= 0:
        return ""
    skewness = float(np.average((x - centre) ** 3, weights=weight) / spread**1.5)
    low, middle, high = np.quantile(x, [0.01, 0.5, 0.99])
    tilt = (high + low - 2 * middle) / (high - low) if high > low else 0.0
    if abs(tilt) <= LOPSIDED:
        return ""
    if method == "median_of_means":  # the mean of a block is lopsided however many blocks there are
        return f"the median of block means is off the mean of values with skewness {skewness:.1f}; ask for 'catoni'"
    index = tail_index(x - centre if tilt > 0 else centre - x)
    if index < THIN_TAIL:
        return (
            f"its long tail falls with a power of about {index:.1f}: a normal interval of its mean is too short, "
            "and most so in samples without a giant; ask for the winsorized mean"
        )
    if len(x) >= COCHRAN * skewness**2:
        return ""
    return (
        f"{len(x):,} values are too few for an interval of a mean with skewness {skewness:.1f} "
        f"({COCHRAN * skewness**2:,.0f} are needed); ask for the winsorized mean"
    )


def tail_index(x: FloatArray, share: float = 0.05) -> float:
    """The power with which the upper tail falls, from its largest values (Hill 1975).

    >>> 1.5 < tail_index(np.random.default_rng(0).pareto(2.1, 4000)) < 2.5
    True
    """
    top = np.sort(x[x > 0])[-max(10, int(share * len(x))) :]
    gap = float(np.log(top[1:] / top[0]).mean()) if len(top) > 1 else 0.0
    return 1.0 / gap if gap > 0 else float("inf")


def deal(keys: AnyArray, arm: IntArray, blocks: int, seed: Seed) -> IntArray:
    """Blocks (n,) of one size dealt at random within each arm: `blocks` of the smallest arm, more of larger ones.

    They follow from the units' keys and not from their order.
    """
    salt = int(generator(seed, "blocks").integers(0, 2**62))
    order = np.lexsort((mix64(keys ^ hash64(np.array([salt]))), arm))
    sizes = np.bincount(arm)
    many = np.maximum(blocks * sizes // sizes[sizes > 0].min(), 1)
    first = np.cumsum(many) - many
    start = np.searchsorted(arm[order], arm[order])
    out = np.empty(len(arm), dtype=np.int64)
    out[order] = first[arm[order]] + (np.arange(len(arm)) - start) % many[arm[order]]
    return out


def _means(
    x: FloatArray, arm: IntArray, weight: FloatArray, method: Method, share: float, block: IntArray | None
) -> RobustMeans:
    if block is not None:
        return median_of_means(x, arm, weight, block)
    if method == "winsorized":
        return winsorised_means(x, arm, weight, share=share)
    return catoni_means(x, arm, weight)


def _meaning(method: Method, share: float) -> Meaning:
    if method == "winsorized":
        return Meaning(f"the mean of values capped at their {share:.3g} and {1 - share:.3g} quantiles", False)
    return Meaning("the mean", True)


def _check_values(columns: FloatArray) -> None:
    bad = np.flatnonzero(~np.isfinite(columns).all(axis=1))
    if len(bad):
        raise NotFinite(
            f"{len(bad):,} row(s) of the values are missing or infinite, the first is row {bad[0]}",
            remedy="drop or repair these rows",
            evidence={"rows": bad[:10].tolist()},
        )
    if len(columns) < FEWEST:
        raise TooFewUnits(
            f"{len(columns)} values are too few for a robust mean",
            remedy=f"give {FEWEST} or more",
            evidence={"n": len(columns), "least": FEWEST},
        )
