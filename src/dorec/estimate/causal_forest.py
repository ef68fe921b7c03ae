"""CausalForest: honest trees that look for where effects differ (Athey, Tibshirani, Wager 2019)."""

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
from dorec.estimate.average_effect import checked_covariates, one_column
from dorec.estimate.centred import DEFAULT_AVERAGE, Centred
from dorec.estimate.double_ml import DoubleML, PartiallyLinearModel
from dorec.estimate.forest_parts import ArmForest, ForestUnits, Growth, forest_units, grow_arm, mapped
from dorec.numeric.arrays import FloatArray
from dorec.numeric.honest_forest import Codes

MIN_BAGS = 50  # with fewer, the variance between bags is too rough for an interval


@dataclass(frozen=True, kw_only=True)
class CausalForest:
    """Effects given covariates from a forest of honest trees (doi:10.1214/18-AOS1709), with pointwise intervals.

    Outcome and treatment are centred by the nuisances of `average`, out of fold. Trees split where the gradients of the
    local effect differ most, on features that are binned once; half of a tree's units choose its splits, the other half
    fill its leaves. An effect is the ratio of local moments under the forest's weights; its variance comes from little
    bags of trees. With several arms, each is compared with the reference by a forest of its own; of a dose
    (`continuous=True` in the study) the effect is that of one more, on the line that fits best.

    Leaves average over places where the effect is not the same, which pulls a forest towards the mean and leaves its
    intervals short of what they miss. So curves and products of the covariates are fitted first (`smooth`: an
    empirical Bayes ridge, see `numeric/smooth_effect.py`), leaves are filled with what these leave of the outcome, and
    both are added, as local linear forests (Friedberg et al. 2021, doi:10.1080/10618600.2020.1831930) do with a ridge
    in each place. Each bag has a copy of the smooth part from its own half of the units, so its variance counts; the
    width also holds the ridge's mean squared bias under its prior (Nychka 1988, doi:10.2307/2290146). The interval
    holds on average over smooth effects. It falls short where effects jump, where many covariates act together on few
    units, and where the nuisances are off. The smooth part is left out where trees without it predict better out
    of bag; for effects known to jump, say so by `smooth=False`.

    The average effect is that of `average`, from its orthogonal scores; of a dose, that of `DoubleML`.

    Memory: 1 byte for each unit and covariate, 4 for each unit and term of the smooth part, and 30 bytes for each leaf
    of a tree, twice that while they are joined.

    Args:
        n_trees: a multiple of `bag_size`.
        min_leaf: units that a leaf needs, in both halves of a tree's units; by default sqrt(n) / 7, 5 or more.
        mtry: covariates tried at a node; by default sqrt(p) + 20, so all of up to 26.
        sample_fraction: share of the units that a tree draws, up to 0.5; by default one half of up to 32,768 units, and
            4 n^0.8 of more, which keeps trees cheap and, as the theory asks, a vanishing share of all units.
        balance: the least share of a node's units on either side of a split.
        bag_size: trees that share a half-sample.
        smooth: whether curves and products are fitted first; without them, the forest is that of the paper.
        average: the learner of nuisances and of the average effect.
        dose_model: regressor of a dose, or several that are blended; `average` gives the rest.

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
    min_leaf: int | None = None
    mtry: int | None = None
    sample_fraction: float | None = None
    balance: float = 0.05
    bag_size: int = 4
    smooth: bool = True
    average: AIPW = DEFAULT_AVERAGE
    dose_model: Any = None

    def __post_init__(self) -> None:
        for name, value, least in (
            ("n_trees", self.n_trees, 20),
            ("min_leaf", 1 if self.min_leaf is None else self.min_leaf, 1),
            ("mtry", 1 if self.mtry is None else self.mtry, 1),
            ("bag_size", self.bag_size, 2),
        ):
            if value < least:
                raise ConfigError(f"{name} is {value}; give {least} or more.")
        if self.n_trees % self.bag_size:
            raise ConfigError(f"n_trees is {self.n_trees}; give a multiple of bag_size, which is {self.bag_size}.")
        if self.sample_fraction is not None and not 0 < self.sample_fraction <= 0.5:
            raise ConfigError(f"sample_fraction is {self.sample_fraction}; give a number above 0 and up to 0.5.")
        if not 0 <= self.balance < 0.5:
            raise ConfigError(f"balance is {self.balance}; give a number from 0 to below 0.5.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "CausalForestModel":
        """Nuisances, then a forest for each arm against the first, or for a dose.

        Raises:
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
            InputError: the study has no covariates.
        """
        if not study.covariate_names:
            raise InputError("The study has no covariates, so effects can't differ by them; name some, or take AIPW.")
        average = self._average(study).fit(study, context=context)
        units = forest_units(average)
        n_bags = self.n_trees // self.bag_size
        # one stream for all arms, so that the names of the arms don't matter
        words = context.rng("causal forest").integers(0, 2**62, size=self.n_trees + n_bags)
        names = [str(arm) for arm in study.arms[1:]] or [study.treatment_name]
        forests = tuple(
            grow_arm(units, part, self._growth(units, part), n_bags, words, mapped(context, f"trees for {name}"))
            for name, part in zip(names, units.parts, strict=True)
        )
        return CausalForestModel(learner=self, average=average, forests=forests, codes=units.codes, context=context)

    def _average(self, study: Study) -> AIPW | DoubleML:
        if study.dose is None:
            return self.average
        return DoubleML(
            n_folds=self.average.n_folds,
            outcome_model=self.average.outcome_model,
            treatment_model=self.dose_model,
            n_repeats=self.average.n_repeats,
            min_per_fold=self.average.min_per_fold,
        )

    def _growth(self, units: ForestUnits, part: Centred) -> Growth:
        """Settings for one question: leaves and draws grow with its units, more slowly than they do."""
        p, n = len(units.codes), len(part.rows)
        groups = len(np.unique(units.group[part.rows]))
        return Growth(
            mtry=min(p, self.mtry or int(np.ceil(np.sqrt(p))) + 20),
            min_leaf=self.min_leaf or max(5, round(np.sqrt(n) / 7.0)),
            fraction=self.sample_fraction or min(0.5, 4.0 * groups**-0.2),
            balance=self.balance,
            smooth=self.smooth,
        )


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
    average: AIPWModel | PartiallyLinearModel
    forests: tuple[ArmForest, ...]  # (k - 1,), or 1 of a dose
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
        """Average effect of each arm against the first, from the orthogonal scores: scalar, or (k - 1,).

        Of a dose: of one more of it, where units count as much as covariates leave of their dose.
        """
        score = "AIPW" if isinstance(self.average, AIPWModel) else "partially linear"
        return replace(self.average.ate(), method=f"CausalForest, {score} score", estimand=self.estimand)

    def arm_means(self) -> Estimate:
        """Mean outcome had everyone in the population been in each arm, (k,)."""
        return replace(self.average.arm_means(), estimand=self.estimand)

    def segment(self, rows: Any) -> Estimate:
        """Average effect of each arm against the first among some units: a mask or positions.

        Raises:
            InputError: the treatment is an amount.
        """
        if not isinstance(self.average, AIPWModel):
            raise InputError(
                f"{self.study.treatment_name!r} is an amount, whose effect has no scores of single units; ask "
                "effect(X) and interval(X), or cut it into arms."
            )
        return replace(self.average.segment(rows), estimand=self.estimand)

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Effect given covariates (n, p), in the study's column order: (n,) for two arms or a dose, else (n, k - 1)."""
        return one_column(self._predict(covariates)[0])

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Pointwise interval of the effect given covariates (n, p), by the bootstrap of little bags.

        Beside the variance of the forest, it holds the mean squared bias of the smooth part's ridge.

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
        return Interval(one_column(value - width), one_column(value + width))

    @cached_property
    def unit_effects(self) -> FloatArray:
        """Effect of each of the study's units from the trees that did not draw it: (n,), or (n, k - 1)."""
        columns = [part.out_of_bag(self.codes) for part in self.forests]
        out = np.empty((self.study.n, len(columns)))
        out[np.argsort(self.average.units.keys, kind="stable")] = np.stack(columns, axis=1)
        return one_column(out)

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
        parts = [part.predict(X, self.context.threads) for part in self.forests]
        return np.stack([effect for effect, _ in parts], axis=1), np.stack([variance for _, variance in parts], axis=1)
