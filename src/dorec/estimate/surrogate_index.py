"""The long-term effect of an experiment that saw short-term outcomes alone: the surrogate index."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import special

from dorec.domain.errors import InputError, NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.plain_numbers import is_number, is_whole
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import checked_covariates, few_clusters_dof, floor_of, one_column, weight_of
from dorec.estimate.checks import check_finite, check_known_propensity, check_outcome_and_arms, check_treatment_leak
from dorec.estimate.cross_fitting import Canonical, canonical, comparable_nuisances, units_of
from dorec.estimate.diagnostics import influence_verdict, overlap_of
from dorec.estimate.heterogeneity import Heterogeneity, fit_heterogeneity
from dorec.estimate.nuisance import Pooled as OnAllArms
from dorec.estimate.nuisance import candidates, default_classifiers, default_regressors, threads_for
from dorec.estimate.scores import ArmMeans, augmented_outcomes, mean_of
from dorec.estimate.surrogate_checks import check_surrogates, comparability_verdict, surrogacy_verdict
from dorec.estimate.two_samples import Samples, means_in_both, shares_elsewhere, shares_of_kinds
from dorec.numeric.arrays import FloatArray, IntArray

DEFAULT_CONTEXT = RunContext()
RARE = 1e-4  # shares of a sample below it are raised to it, so that no weight is infinite


@dataclass(frozen=True, kw_only=True)
class SurrogateIndex:
    """The effect on a long-term outcome, from an experiment with short-term outcomes (surrogates) and a history in
    which both were seen (Athey, Chetty, Imbens, Kang 2019, doi:10.3386/w26463), by the efficient score of Chen and
    Ritzwoller (2023, doi:10.1016/j.jeconom.2023.05.007).

    The index is the long-term outcome that the history predicts from surrogates and covariates; its effect in the
    experiment is the long-term effect for the units of the experiment where two things hold, neither of which the
    experiment can show: all of the effect passes through the surrogates (surrogacy), and units with equal surrogates
    and covariates have the same mean outcome in both samples (comparability). The influence covers both samples: the
    experiment's units first, then the history's.

    Args:
        surrogates: columns of the experiment (its outcome or covariates) that were measured after the treatment.
        outcome: the long-term outcome, a column of the history; by default that of a history that is a `Study`.
        n_folds: folds of the cross-fitting, in both samples.
        index_model: regressor of the long-term outcome on covariates and surrogates; a list is blended.
        outcome_model: regressor of the index on the covariates; a list is blended.
        propensity_model: classifier of the arms by the covariates; a list is blended.
        sample_model: classifier of sample and arm by covariates and surrogates; a list is blended.
        min_propensity: estimated propensities are raised to this floor.
        min_per_fold: units that each arm must have for each fold.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> t, past = np.arange(600) % 2, rng.normal(size=600)
        >>> test = {"t": t, "visits": 1.0 * t + rng.normal(size=600)}
        >>> old = {"visits": past, "year": 2.0 * past + rng.normal(size=600)}
        >>> experiment = Study.from_table(test, outcome="visits", treatment="t")
        >>> model = SurrogateIndex(surrogates=("visits",), outcome="year", n_folds=2).fit(experiment, old)
        >>> effect = model.ate()
        >>> effect.n, bool(abs(effect.value - 2.0) < 0.4)
        (1200, True)
    """

    surrogates: tuple[str, ...]
    outcome: str = ""
    n_folds: int = 5
    index_model: Any = None
    outcome_model: Any = None
    propensity_model: Any = None
    sample_model: Any = None
    min_propensity: float = 0.01
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        given: Any = self.surrogates  # one name alone is what people write
        names = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Sequence) else ()
        object.__setattr__(self, "surrogates", names)
        if not names or not all(isinstance(name, str) for name in names):
            raise InputError(
                f"surrogates are {given!r}; name at least one surrogate: SurrogateIndex(surrogates=('visits',))."
            )
        if not is_whole(self.n_folds, 2):
            raise InputError(f"n_folds is {self.n_folds!r}; give a whole number of 2 or more.")
        if not is_whole(self.min_per_fold, 1):
            raise InputError(f"min_per_fold is {self.min_per_fold!r}; give a whole number of 1 or more.")
        if not (is_number(self.min_propensity) and 0 <= self.min_propensity < 0.5):
            raise InputError(f"min_propensity is {self.min_propensity!r}; give a number from 0 to below 0.5.")

    def fit(self, experiment: Study, history: Any, *, context: RunContext = DEFAULT_CONTEXT) -> "SurrogateIndexModel":
        """Index, scores of both samples, and what can be said of the assumptions.

        Args:
            experiment: treatment, surrogates and covariates; its own outcome is used only if it is a surrogate.
            history: a `Study` or any table with the surrogates, the experiment's covariates and the long-term outcome;
                where it also holds the treatment, surrogacy is put to a test.
            context: seed, engine and progress.

        Raises:
            ColumnNotFound: a surrogate, covariate or the outcome is missing in one of the samples.
            NoOverlap: the history has too few units with surrogates like the experiment's, or the arms don't overlap.
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedTreatment, BadPropensity: see `AIPW`.
        """
        if not isinstance(experiment, Study):
            raise InputError(
                f"The experiment is {type(experiment).__name__}; give Study.from_table(..., treatment=...)."
            )
        samples = Samples.of(experiment, history, self.surrogates, self.outcome)
        base = samples.experiment
        check_outcome_and_arms(base)
        check_finite(samples.history)
        check_treatment_leak(base)
        units = units_of(base)
        if base.propensity is not None:
            check_known_propensity(base, units.groups)
        base.check_arms(self.n_folds * self.min_per_fold)
        check_surrogates(samples, self.n_folds)
        with threads_for(base.n + samples.history.n, context):
            return self._fitted(samples, context)

    def _fitted(self, samples: Samples, context: RunContext) -> "SurrogateIndexModel":
        base, history, units = samples.experiment, samples.history, units_of(samples.experiment)
        here = canonical(base, units, n_folds=self.n_folds, repeat=0, context=context)
        there = canonical(history, units_of(history), n_folds=self.n_folds, repeat=0, context=context)
        y = history.outcome
        centre, spread = float(y.mean()), float(y.std()) or 1.0
        models = [m.model if isinstance(m, OnAllArms) else m for m in self._models("index", history.n)]
        own, other = means_in_both(there, history.covariates, (y - centre) / spread, models, samples.seen)
        fitted, index = centre + spread * own, centre + spread * other
        floor = floor_of(base, self.min_propensity)
        nuisances = comparable_nuisances(
            base.with_columns(outcome=index),
            units,
            n_folds=self.n_folds,
            models=(self.outcome_model, self.propensity_model),
            floor=floor,
            trimmed=False,
            context=context,
        )
        ratio, chance = self._weights(samples, here, there)
        before = history.covariates[:, : base.covariates.shape[1]]
        e = shares_elsewhere(here, base.covariates, base.treatment, self._models("propensity", base.n), before)
        residual = y - fitted
        balance = ratio / np.maximum(e, floor)
        found = _two_sample_means(
            augmented_outcomes(index, base.treatment, nuisances.outcome, nuisances.propensity, weight_of(base)),
            balance / np.average(balance, axis=0, weights=weight_of(history)) * residual[:, None],
            (weight_of(base), weight_of(history)),
        )
        comparable = comparability_verdict(samples, ratio.sum(axis=1), chance)
        return SurrogateIndexModel(
            learner=self,
            samples=samples,
            index=index,
            means=found.pooled,
            pseudo_outcomes=found.experiment,
            folds=nuisances.folds,
            leverage=_leverage(base, nuisances.propensity, chance[:, 1:]),
            noise=float(np.sqrt(np.average(residual**2, weights=ratio.sum(axis=1) * weight_of(history)))),
            notes=(
                surrogacy_verdict(samples, residual, there, self._models("sample", history.n)),
                comparable,
                overlap_of(nuisances.propensity, base.treatment, base.arms, floor).verdict,
            ),
            context=context,
        )

    def _models(self, what: str, n: int) -> tuple[Any, ...]:
        given = getattr(self, f"{what}_model")
        return candidates(given, default_regressors(n) if what == "index" else default_classifiers(n))

    def _weights(self, samples: Samples, here: Canonical, there: Canonical) -> tuple[FloatArray, FloatArray]:
        """Of the history's units, how much commoner such surrogates are in each arm of the experiment, (n_o, k); of
        the experiment's units, the chances of the history and of each arm, (n_e, 1 + k), out of fold.
        """
        base, history = samples.experiment, samples.history
        kind = np.concatenate([1 + base.treatment, np.zeros(history.n, dtype=np.int64)])
        columns, models = (samples.seen, history.covariates), self._models("sample", len(kind))
        chance = np.maximum(shares_of_kinds(here, there, columns, kind, models), RARE)
        mine, theirs = chance[: base.n], chance[base.n :]
        ratio = theirs[:, 1:] / theirs[:, :1] * (history.n / base.n)
        return ratio, mine


@dataclass(frozen=True, eq=False)
class _TwoSampleMeans:
    pooled: ArmMeans
    experiment: FloatArray  # (n_e, k) doubly robust index of each unit in each arm


def _two_sample_means(here: FloatArray, there: FloatArray, weights: tuple[FloatArray, FloatArray]) -> _TwoSampleMeans:
    """Arm means, and influences (n_e + n_o, k), from the index's scores and the history's weighted residuals."""
    of_index, of_error = mean_of(here, weights[0]), mean_of(there, weights[1])
    n = len(here) + len(there)
    influence = np.concatenate([of_index.influence * (n / len(here)), of_error.influence * (n / len(there))])
    return _TwoSampleMeans(ArmMeans(of_index.value + of_error.value, influence), here + of_error.value)


def _leverage(study: Study, e: FloatArray, chance: FloatArray) -> FloatArray:
    """Of each contrast, the standard deviation of what the surrogates leave of the inverse-propensity weights."""
    taken = np.eye(len(study.arms))[study.treatment]
    left = (taken - chance / chance.sum(axis=1, keepdims=True)) / e
    return np.asarray(np.sqrt(np.average((left[:, 1:] - left[:, :1]) ** 2, axis=0, weights=weight_of(study))))


@dataclass(frozen=True, kw_only=True, eq=False)
class SurrogateIndexModel:
    """A fitted surrogate index; an `EffectModel` of the long-term outcome.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> t, past = np.arange(400) % 2, rng.normal(size=400)
        >>> test = {"t": t, "cart": 1.0 * t + rng.normal(size=400)}
        >>> old = {"cart": past, "year": past + rng.normal(size=400)}
        >>> experiment = Study.from_table(test, outcome="cart", treatment="t")
        >>> model = SurrogateIndex(surrogates="cart", outcome="year", n_folds=2).fit(experiment, old)
        >>> model.arms, model.scores.shape, [v.check for v in model.verdicts][:2]
        ((0, 1), (800, 2), ['surrogacy', 'comparability'])
        >>> low, high = model.sensitivity(0.02)
        >>> bool(low < model.ate().interval().lower and high > model.ate().interval().upper)
        True
    """

    learner: SurrogateIndex
    samples: Samples
    index: FloatArray  # (n_e,) predicted long-term outcome of the experiment's units
    means: ArmMeans  # influence (n_e + n_o, k)
    pseudo_outcomes: FloatArray  # (n_e, k)
    folds: IntArray  # (n_e,)
    leverage: FloatArray  # (k - 1,)
    noise: float  # standard deviation of the outcome given the surrogates, among units like the experiment's
    notes: tuple[Verdict, ...]
    context: RunContext = field(repr=False)
    estimand: str = ""

    @property
    def study(self) -> Study:
        """The experiment with its covariates from before the treatment."""
        return self.samples.experiment

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        return self.study.arms

    @property
    def scores(self) -> FloatArray:
        """The score of each unit and arm, (n_e + n_o, k), the history's units last: its means are the arm means."""
        return self.means.value + self.means.influence

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Surrogacy, comparability, overlap of the arms, units that dominate the influence."""
        influence = self.means.influence
        dominated = influence_verdict(influence[:, 1:] - influence[:, :1], None)
        return self.notes if dominated is None else (*self.notes, dominated)

    def arm_means(self) -> Estimate:
        """Mean long-term outcome had everyone in the experiment been in each arm, (k,)."""
        names = tuple(f"mean if {arm}" for arm in self.arms)
        return self._estimate(self.means.value, self.means.influence, names)

    def ate(self) -> Estimate:
        """Long-term effect of each arm against the first: scalar for two arms, (k - 1,) for more."""
        value = self.means.value[1:] - self.means.value[0]
        influence = self.means.influence[:, 1:] - self.means.influence[:, :1]
        found = self._estimate(value, influence, tuple(f"{arm} - {self.arms[0]}" for arm in self.arms[1:]))
        return found if len(value) > 1 else found[0]

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Long-term effect given covariates (m, p) from before the treatment: (m,) for two arms, else (m, k - 1)."""
        return one_column(self._heterogeneity.predict(checked_covariates(self.study, covariates)))

    @property
    def unit_effects(self) -> FloatArray:
        """Out-of-fold long-term effect of each of the experiment's units: (n_e,), or (n_e, k - 1)."""
        return one_column(self._heterogeneity.out_of_fold)

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: the long-term effect given covariates has no pointwise interval that holds."""
        del covariates, level
        raise NoInterval(
            "the index's effect at a point has no interval that holds its level", remedy="ask for ate() instead"
        )

    def sensitivity(self, partial_r2: float, *, level: float = 0.95) -> Interval:
        """The interval of the effect if the treatment explained up to this share of what surrogates and covariates
        leave of the long-term outcome: surrogacy asks for 0. Scalars for two arms, (k - 1,) for more.

        The bias is at most sqrt(share) times the spread of both leftovers (Cauchy and Schwarz).
        """
        if not (is_number(partial_r2) and 0 <= partial_r2 <= 1):
            raise InputError(f"partial_r2 is {partial_r2!r}; give a share from 0 (surrogacy holds) to 1.")
        lower, upper = self.ate().interval(level)
        reach = np.sqrt(partial_r2) * self.noise * self.leverage
        reach = reach if len(self.arms) > 2 else float(reach[0])
        return Interval(lower - reach, upper + reach)

    def robustness(self, *, level: float = 0.95) -> FloatArray:
        """The share, as in `sensitivity`, from which the interval of each contrast holds 0, (k - 1,); 0 if it does."""
        if not (is_number(level) and 0 < level < 1):
            raise InputError(f"level is {level!r}; give a probability between 0 and 1, as in 0.95.")
        effect = self.ate()
        z = special.ndtri(0.5 + level / 2) if effect.dof is None else special.stdtrit(effect.dof, 0.5 + level / 2)
        clear = np.maximum(np.abs(effect.value) - z * effect.std_error, 0.0)
        return np.minimum((np.atleast_1d(clear) / (self.noise * self.leverage)) ** 2, 1.0)

    def if_bypassed(self, share: float) -> Estimate:
        """The effect if this share of it did not pass through the surrogates (negative: it works against them)."""
        if not (is_number(share) and -np.inf < share < 1):
            raise InputError(f"share is {share!r}; give a number below 1, as in 0.2.")
        return self.ate() * (1.0 / (1.0 - share))

    def _estimate(self, value: FloatArray, influence: FloatArray, names: tuple[str, ...]) -> Estimate:
        return Estimate(
            value,
            influence,
            name=names,
            method="SurrogateIndex",
            estimand=self.estimand or f"the effect on {self.samples.history.outcome_name}, through its surrogates",
            sample=self.samples.name,
            cluster=self.samples.cluster,
            dof=few_clusters_dof(self.samples.cluster),
            verdicts=self.verdicts,
        )

    @cached_property
    def _heterogeneity(self) -> Heterogeneity:
        study = replace(self.study, outcome=self.index)
        with threads_for(study.n, self.context):
            return fit_heterogeneity(study, units_of(study), self.folds, self.pseudo_outcomes, self.context)
