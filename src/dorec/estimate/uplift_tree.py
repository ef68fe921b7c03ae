"""UpliftTree: rules chosen so that the arms' outcomes differ most, for people who want to read the tree."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from dorec.domain.errors import ConfigError, InputError, NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.aipw import AIPW, DEFAULT_CONTEXT, AIPWModel
from dorec.estimate.average_effect import checked_covariates, one_column, weight_of
from dorec.estimate.centred import DEFAULT_AVERAGE
from dorec.estimate.checks import check_finite, is_binary
from dorec.estimate.effect_tree import EffectTree, honest_tree
from dorec.estimate.segment_effects import ContrastScores, contrast_scores
from dorec.estimate.surrogate_tree import first_half, round_between
from dorec.numeric.arrays import BoolArray, FloatArray
from dorec.numeric.honest_forest import Codes, bin_edges, to_codes
from dorec.numeric.tree_rules import LEAF, Branches
from dorec.numeric.uplift_split import CHI, EUCLIDEAN, KL, grow_uplift_tree

Criterion = Literal["kl", "euclidean", "chi"]
KINDS = {"kl": KL, "euclidean": EUCLIDEAN, "chi": CHI}


@dataclass(frozen=True, kw_only=True)
class UpliftTree:
    """A decision tree for uplift (Rzepakowski, Jaroszewicz 2012, doi:10.1007/s10115-011-0434-0), honest in its leaves.

    A split is chosen for what it adds to the divergence between the arms' outcomes, over a penalty for splits that part
    the arms themselves. One half of the units chooses the splits, weighted by their inverse propensities; the effects
    in the leaves are means of the orthogonal scores of `average` over the other half, so their intervals hold in
    experiments and observational data alike. For an outcome with two values; any number of arms.

    Args:
        criterion: "kl" (Kullback-Leibler), "euclidean" (squared) or "chi" (chi-squared).
        max_depth: conditions on a path, from 1 to 10.
        min_leaf: units of each arm that a leaf needs while splits are chosen.
        normalise: divide the gain by the paper's penalty; without it, many-valued features and splits that part the
            arms are favoured.
        alpha: with several treatments, what their divergence from the control counts against that between them.
        laplace: units of each outcome that are added to an arm's count, so that no share is 0.
        average: the learner of nuisances and scores.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.uniform(size=6000).round(2), rng.integers(0, 2, size=6000)
        >>> table = {"x": x, "t": t, "y": (rng.random(6000) < 0.2 + 0.4 * t * (x > 0.5)).astype(int)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = UpliftTree(max_depth=1, average=AIPW(n_folds=2)).fit(study)
        >>> model.effect(np.array([[0.2], [0.9]])).round(1).tolist()
        [0.0, 0.4]
    """

    criterion: Criterion = "kl"
    max_depth: int = 3
    min_leaf: int = 100
    normalise: bool = True
    alpha: float = 0.9
    laplace: float = 1.0
    average: AIPW = DEFAULT_AVERAGE

    def __post_init__(self) -> None:
        if self.criterion not in KINDS:
            raise ConfigError(f"criterion is {self.criterion!r}; allowed: {', '.join(map(repr, KINDS))}.")
        if not 1 <= self.max_depth <= 10:
            raise ConfigError(f"max_depth is {self.max_depth}; give 1 to 10.")
        if self.min_leaf < 1 or self.laplace < 0 or not 0 <= self.alpha <= 1:
            raise ConfigError(
                f"min_leaf is {self.min_leaf}, laplace {self.laplace}, alpha {self.alpha}; give min_leaf of 1 or more, "
                "laplace of 0 or more, alpha from 0 to 1."
            )

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "UpliftTreeModel":
        """Nuisances and scores, splits on one half of the units, effects in the leaves from the other.

        Raises:
            InputError: the study has no covariates, or an outcome with more than two values.
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
        """
        if not study.covariate_names:
            raise InputError("The study has no covariates, so there is nothing to split by; name some, or take AIPW.")
        check_finite(study)
        if np.ptp(study.outcome) > 0 and not is_binary(study.outcome):
            raise InputError(
                f"{study.outcome_name!r} has more than two values, and an uplift tree compares shares; cut it in two, "
                "or take CausalForest and surrogate_tree."
            )
        average = self.average.fit(study, context=context)
        columns = sorted(range(len(study.covariate_names)), key=lambda j: study.covariate_names[j])
        edges = bin_edges(study.covariates[:, columns])
        bins = Bins(codes=to_codes(study.covariates[:, columns], edges), edges=edges, columns=tuple(columns))
        model = UpliftTreeModel(learner=self, average=average, bins=bins, context=context)
        return replace(model, tree=model.grown(np.ones(study.n, dtype=bool)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Bins:
    """The study's covariates as bins, in the order of their names."""

    codes: Codes  # (p, n)
    edges: tuple[FloatArray, ...]  # (p,)
    columns: tuple[int, ...]  # (p,) position among the study's covariates


@dataclass(frozen=True, kw_only=True, eq=False)
class UpliftTreeModel:
    """What UpliftTree learned from a study; an `EffectModel` whose `tree` has an interval in each leaf.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> x, t = rng.uniform(size=4000).round(1), np.arange(4000) % 2
        >>> table = {"x": x, "t": t, "y": (rng.random(4000) < 0.2 + 0.3 * t * (x > 0.5)).astype(int)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = UpliftTree(max_depth=1, average=AIPW(n_folds=2)).fit(study)
        >>> [rule.path for rule in model.tree.rules()], model.unit_effects.shape
        (['x up to 0.55', 'x above 0.55'], (4000,))
    """

    learner: UpliftTree
    average: AIPWModel
    bins: Bins = field(repr=False)
    context: RunContext = field(repr=False)
    tree: EffectTree = field(default=None)  # type: ignore[assignment]
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
        """What the fit itself found, and whether the leaves differ."""
        return (*self.average.verdicts, *self.tree.verdicts)

    def ate(self) -> Estimate:
        """Average effect of each arm against the first, from the orthogonal scores: scalar, or (k - 1,)."""
        return replace(self.average.ate(), method="UpliftTree, AIPW score", estimand=self.estimand)

    def arm_means(self) -> Estimate:
        """Mean outcome had everyone in the population been in each arm, (k,)."""
        return replace(self.average.arm_means(), estimand=self.estimand)

    def segment(self, rows: Any) -> Estimate:
        """Average effect of each arm against the first among some units: a mask or positions."""
        return replace(self.average.segment(rows), estimand=self.estimand)

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Effect of the leaf of each row of covariates (n, p): (n,) for two arms, (n, k - 1) for more."""
        return self.tree.effect(checked_covariates(self.study, covariates))

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: a leaf's interval holds for the average of its units, not for a single one of them."""
        del covariates, level
        raise NoInterval(
            "the effect at a point, from the leaf it falls to, has no interval that holds its level",
            remedy="read the leaves' own intervals (`tree.effects`), or take CausalForest for pointwise ones",
        )

    @cached_property
    def unit_effects(self) -> FloatArray:
        """Effect of each of the study's units from a tree of the half that it is not in: (n,), or (n, k - 1)."""
        half = first_half(self.study.treatment, self.average.units, self.context.seed + 1)
        out = np.empty((self.study.n, len(self.arms) - 1))
        for mine in (half, ~half):
            tree = self.grown(~mine)
            out[mine] = tree.leaf_effects[tree.leaf_of(self.study.covariates[mine])]
        return one_column(out)

    def grown(self, among: BoolArray) -> EffectTree:
        """A tree of some units (n,): half of them choose its splits, the others fill its leaves."""
        scores = contrast_scores(self.average)
        choosing = first_half(self.study.treatment, self.average.units, self.context.seed) & among
        found = self._splits(scores, np.flatnonzero(choosing))
        return honest_tree(found, scores, among & ~choosing, min_units=10)

    def _splits(self, scores: ContrastScores, rows: Any) -> Branches:
        study, own = self.study, self.learner
        arm = study.treatment[rows]
        weight = weight_of(study)[rows] / np.asarray(self.average.nuisances.propensity)[rows, arm]
        # each arm weighs as much as it has units, so that an experiment's counts stay what they are
        weight = weight * (np.bincount(arm) / np.bincount(arm, weights=weight))[arm]
        positive = weight * (study.outcome[rows] == study.outcome.max())
        limits = np.array([own.max_depth, own.min_leaf, own.alpha, own.laplace], dtype=np.float64)
        codes = np.ascontiguousarray(self.bins.codes[:, rows])
        k = len(self.arms)
        feature, cut, left, _ = grow_uplift_tree(
            codes, arm, weight, positive, KINDS[own.criterion], own.normalise, limits, k
        )
        threshold = np.zeros(len(feature))
        for i in np.flatnonzero(feature != LEAF):
            f = int(feature[i])
            x, code = study.covariates[:, self.bins.columns[f]], self.bins.codes[f]
            low, high = x[code <= cut[i]].max(), x[code > cut[i]].min()
            threshold[i] = round_between(float(low), float(high))
        columns = np.array([*self.bins.columns, LEAF])  # a leaf's -1 stays -1
        return Branches(columns[feature], threshold, left, left + 1)
