"""CausalForest: honest trees that look for where effects differ (Athey, Tibshirani, Wager 2019)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import special

from dorec.domain.errors import ConfigError, InputError, NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.aipw import AIPW, DEFAULT_CONTEXT, AIPWModel
from dorec.estimate.centred import DEFAULT_AVERAGE, Centred, Ordered, centred, checked_covariates, in_order
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.compiled import ranges, run_parts
from dorec.numeric.honest_forest import Codes, HonestForest, bin_edges, grow_forest, to_codes

MIN_BAGS = 50  # with fewer, the variance between bags is too rough for an interval


@dataclass(frozen=True, kw_only=True)
class CausalForest:
    """Effects given covariates from a forest of honest trees (doi:10.1214/18-AOS1709), with pointwise intervals.

    Outcome and treatment are centred by the nuisances of `average`, out of fold. Trees split where the gradients of the
    local effect differ most, on features that are binned once; half of a tree's units choose its splits, the other half
    fill its leaves. An effect is the ratio of local moments under the forest's weights; its variance comes from little
    bags of trees. With several arms, each is compared with the reference by a forest of its own.

    The interval holds for the forest's own mean: where effects bend sharply and units are few, smoothing bias comes on
    top. The average effect is that of `average`, from its orthogonal scores.

    Memory: 1 byte for each unit and covariate, and 30 bytes for each leaf of a tree, twice that while they are joined.

    Args:
        n_trees: a multiple of `bag_size`.
        min_leaf: units that a leaf needs, in both halves of a tree's units.
        mtry: covariates tried at a node; by default sqrt(p) + 20, so all of up to 20.
        sample_fraction: units that a tree draws, up to 0.5.
        balance: the least share of a node's units on either side of a split.
        bag_size: trees that share a half-sample.
        average: the learner of nuisances and of the average effect.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=2000), rng.integers(0, 2, size=2000)
        >>> table = {"x": x, "t": t, "y": t * (x > 0) + rng.normal(size=2000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = CausalForest(n_trees=200, average=AIPW(n_folds=2)).fit(study)
        >>> [round(float(e)) for e in model.effect(np.array([[-1.0], [1.0]]))]
        [0, 1]
    """

    n_trees: int = 500
    min_leaf: int = 5
    mtry: int | None = None
    sample_fraction: float = 0.5
    balance: float = 0.05
    bag_size: int = 4
    average: AIPW = DEFAULT_AVERAGE

    def __post_init__(self) -> None:
        for name, value, least in (
            ("n_trees", self.n_trees, 20),
            ("min_leaf", self.min_leaf, 1),
            ("mtry", self.mtry or 1, 1),
            ("bag_size", self.bag_size, 2),
        ):
            if value < least:
                raise ConfigError(f"{name} is {value}; give {least} or more.")
        if self.n_trees % self.bag_size:
            raise ConfigError(f"n_trees is {self.n_trees}; give a multiple of bag_size, which is {self.bag_size}.")
        if not 0 < self.sample_fraction <= 0.5:
            raise ConfigError(f"sample_fraction is {self.sample_fraction}; give a number above 0 and up to 0.5.")
        if not 0 <= self.balance < 0.5:
            raise ConfigError(f"balance is {self.balance}; give a number from 0 to below 0.5.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "CausalForestModel":
        """Nuisances, then a forest for each arm against the first.

        Raises:
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
            InputError: the study has no covariates.
        """
        if not study.covariate_names:
            raise InputError("The study has no covariates, so effects can't differ by them; name some, or take AIPW.")
        average = self.average.fit(study, context=context)
        units = in_order(average)
        edges = bin_edges(units.X)
        codes = to_codes(units.X, edges)
        arms = range(1, len(study.arms))
        forests = tuple(self._grow(units, centred(units, a), a, codes, edges, context) for a in arms)
        return CausalForestModel(learner=self, average=average, forests=forests, codes=codes, context=context)

    def _grow(
        self, units: Ordered, part: Centred, arm: int, codes: Codes, edges: tuple[FloatArray, ...], context: RunContext
    ) -> "ArmForest":
        scale = float(part.y.std()) or 1.0
        group = np.full(len(units.y), -1, dtype=np.int64)
        group[part.rows] = _dense(units.group[part.rows])
        # one stream for all arms, so that the names of the arms don't matter
        words = context.rng("causal forest").integers(0, 2**62, size=self.n_trees + self.n_trees // self.bag_size)
        p = len(codes)
        forest = grow_forest(
            codes if len(part.rows) == codes.shape[1] else np.ascontiguousarray(codes[:, part.rows]),
            edges,
            part.w,
            part.y / scale,
            units.mass[part.rows],
            group[part.rows],
            seeds=(words[self.n_trees :], words[: self.n_trees]),
            fraction=self.sample_fraction,
            mtry=min(p, self.mtry or int(np.ceil(np.sqrt(p))) + 20),
            min_leaf=self.min_leaf,
            balance=self.balance,
            each=_mapped(context, f"trees for arm {arm}"),
        )
        return ArmForest(forest=forest, scale=scale, group=group)


@dataclass(frozen=True, kw_only=True, eq=False)
class ArmForest:
    """The forest of one arm against the reference."""

    forest: HonestForest
    scale: float  # of the outcome
    group: IntArray  # (n,) of the ordered units, -1 for those of other arms


@dataclass(frozen=True, kw_only=True, eq=False)
class CausalForestModel:
    """What CausalForest learned from a study; an `EffectModel` with pointwise intervals.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> table = {"x": rng.normal(size=400), "t": np.arange(400) % 2, "y": rng.normal(size=400)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = CausalForest(n_trees=200, average=AIPW(n_folds=2)).fit(study)
        >>> lower, upper = model.interval(np.zeros((1, 1)))
        >>> bool(lower[0] < 0 < upper[0]), model.unit_effects.shape
        (True, (400,))
    """

    learner: CausalForest
    average: AIPWModel
    forests: tuple[ArmForest, ...]  # (k - 1,)
    codes: Codes = field(repr=False)  # (p, n) in canonical order
    context: RunContext = field(repr=False)
    estimand: str = ""

    @property
    def study(self) -> Study:
        """The study that was learned from."""
        return self.average.study

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        return self.average.arms

    @property
    def scores(self) -> FloatArray:
        """The orthogonal score of each unit and arm, (n, k): its column means are the arm means."""
        return self.average.scores

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the fit itself found."""
        return self.average.verdicts

    def ate(self) -> Estimate:
        """Average effect of each arm against the first, from the orthogonal scores: scalar, or (k - 1,)."""
        return replace(self.average.ate(), method="CausalForest, AIPW score", estimand=self.estimand)

    def arm_means(self) -> Estimate:
        """Mean outcome had everyone in the population been in each arm, (k,)."""
        return replace(self.average.arm_means(), estimand=self.estimand)

    def segment(self, rows: Any) -> Estimate:
        """Average effect of each arm against the first among some units: a mask or positions."""
        return replace(self.average.segment(rows), estimand=self.estimand)

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Effect given covariates (n, p), in the study's column order: (n,) for two arms, (n, k - 1) for more."""
        return self._one_column(self._predict(covariates)[0])

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Pointwise interval of the effect given covariates (n, p), by the bootstrap of little bags.

        Raises:
            NoInterval: the forest has fewer than 50 bags of trees.
        """
        if not 0 < level < 1:
            raise InputError(f"level is {level}; give a probability between 0 and 1, as in 0.95.")
        bags = self.learner.n_trees // self.learner.bag_size
        if bags < MIN_BAGS:
            raise NoInterval(
                f"{bags} bags of trees are too few to tell the variance of the forest",
                remedy=f"give n_trees of at least {MIN_BAGS * self.learner.bag_size}",
                evidence={"bags": bags, "needed": MIN_BAGS},
            )
        value, variance = self._predict(covariates)
        width = float(special.ndtri(0.5 + level / 2)) * np.sqrt(variance)
        return Interval(self._one_column(value - width), self._one_column(value + width))

    @cached_property
    def unit_effects(self) -> FloatArray:
        """Effect of each of the study's units from the trees that did not draw it: (n,), or (n, k - 1)."""
        columns = []
        for part in self.forests:
            found = part.scale * part.forest.predict_out_of_bag(self.codes, part.group)
            columns.append(np.where(np.isfinite(found), found, np.nanmean(found)))  # a unit that every tree drew
        out = np.empty((self.study.n, len(columns)))
        out[np.argsort(self.average.units.keys, kind="stable")] = np.stack(columns, axis=1)
        return self._one_column(out)

    @property
    def importance(self) -> dict[str, float]:
        """Share of each covariate in the gain of the upper splits, most important first; averaged over the arms."""
        shares = np.mean([part.forest.importance for part in self.forests], axis=0)
        named = {sorted(self.study.covariate_names)[j]: float(shares[j]) for j in range(len(shares))}
        return dict(sorted(named.items(), key=lambda pair: (-pair[1], pair[0])))

    def _predict(self, covariates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Effects and variances, (m, k - 1) each."""
        columns = sorted(range(len(self.study.covariate_names)), key=lambda j: self.study.covariate_names[j])
        X = checked_covariates(self.study, covariates)[:, columns]
        parts = [part.forest.predict(X, self.context.threads) for part in self.forests]
        value = np.stack([p.scale * effect for p, (effect, _) in zip(self.forests, parts, strict=True)], axis=1)
        return value, np.stack([p.scale**2 * v for p, (_, v) in zip(self.forests, parts, strict=True)], axis=1)

    def _one_column(self, effects: FloatArray) -> FloatArray:
        return effects[:, 0] if effects.shape[1] == 1 else effects


def _mapped(context: RunContext, label: str) -> Callable[[Callable[[int], Any], int], list[Any]]:
    """Maps a function over numbers from 0 on the context's threads, with its progress."""

    def each(function: Callable[[int], Any], count: int) -> list[Any]:
        out: list[Any] = [None] * count

        def work(start: int, stop: int) -> None:
            for i in range(start, stop):
                out[i] = function(i)

        batch = 4 * max(1, context.threads)
        starts = range(0, count, batch)
        for start in context.track(starts, label, len(starts)):
            here = list(ranges(min(batch, count - start), context.threads))
            run_parts(work, [(start + a, start + b) for a, b in here], context.threads)
        return out

    return each


def _dense(group: IntArray) -> IntArray:
    """Codes from 0 in the order in which groups appear."""
    _, first, code = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[code], dtype=np.int64)
