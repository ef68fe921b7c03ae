"""Meta-learners: effects given covariates from any scikit-learn estimators, cross-fitted.

S, T and X: Künzel, Sekhon, Bickel, Yu 2019 (doi:10.1073/pnas.1804597116). R: Nie, Wager 2021
(doi:10.1093/biomet/asaa076). DR: Kennedy 2023 (doi:10.1214/23-EJS2157). They differ in what is regressed on the
covariates; the average effect and its interval are always those of the orthogonal scores of `average`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline

from dorec.domain.errors import NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.additive_basis import AdditiveBasis
from dorec.estimate.aipw import AIPW, DEFAULT_CONTEXT, AIPWModel
from dorec.estimate.average_effect import checked_covariates, one_column
from dorec.estimate.centred import DEFAULT_AVERAGE, Ordered, centred, in_order
from dorec.estimate.checks import is_binary
from dorec.estimate.effect_regression import Bins, Crossed, Effects, Predictor, outcome_contrasts, regress
from dorec.estimate.heterogeneity import effect_candidates
from dorec.estimate.nuisance import (
    CrossFit,
    Pooled,
    candidates,
    default_outcome_classifiers,
    default_regressors,
    threads_for,
)
from dorec.numeric.arrays import FloatArray

Method = Callable[[CrossFit, Ordered], list[Effects]]


@dataclass(frozen=True, kw_only=True)
class SLearner:
    """Single: one outcome model sees the covariates and the arm; the effect is what changing the arm changes.

    Args:
        outcome_model: regressor (classifier of an outcome with two values), or several that are blended.
        average: the learner of nuisances and of the average effect.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=600), rng.integers(0, 2, size=600)
        >>> table = {"x": x, "t": t, "y": 2 * t + x + 0.1 * rng.normal(size=600)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = SLearner(outcome_model=LinearRegression(), average=AIPW(n_folds=2)).fit(study)
        >>> model.effect(np.array([[0.0]])).round(1).tolist()
        [2.0]
    """

    outcome_model: Any = None
    average: AIPW = DEFAULT_AVERAGE

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "MetaLearnerModel":
        """Refused as AIPW refuses; otherwise effects of the units and a model for others."""
        models = [Pooled(m) for m in _outcome_models(study, self.outcome_model)]
        return _fitted(self, "S-learner", study, context, lambda f, u: outcome_contrasts(f, u.y, u.arm, models))


@dataclass(frozen=True, kw_only=True)
class TLearner:
    """Two: an outcome model of its own for each arm; the effect is the difference of their predictions.

    Args:
        outcome_model: regressor (classifier of an outcome with two values), or several that are blended.
        average: the learner of nuisances and of the average effect.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=600), rng.integers(0, 2, size=600)
        >>> table = {"x": x, "t": t, "y": t * x + 0.1 * rng.normal(size=600)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = TLearner(outcome_model=LinearRegression(), average=AIPW(n_folds=2)).fit(study)
        >>> model.effect(np.array([[3.0]])).round(1).tolist()
        [3.0]
    """

    outcome_model: Any = None
    average: AIPW = DEFAULT_AVERAGE

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "MetaLearnerModel":
        """Refused as AIPW refuses; otherwise effects of the units and a model for others."""
        models = _outcome_models(study, self.outcome_model)
        return _fitted(self, "T-learner", study, context, lambda f, u: outcome_contrasts(f, u.y, u.arm, models))


@dataclass(frozen=True, kw_only=True)
class XLearner:
    """Crossed: each unit's outcome against its predicted outcome in the other arm, regressed on covariates by arm.

    The two regressions are weighted by the propensity, so that the one with more units counts where it has them.

    Args:
        effect_model: regressor of the imputed effects, or several that are blended.
        average: the learner of nuisances and of the average effect.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=600), (rng.random(600) < 0.1).astype(int)
        >>> table = {"x": x, "t": t, "y": t * x + 0.1 * rng.normal(size=600)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = XLearner(effect_model=LinearRegression(), average=AIPW(n_folds=2)).fit(study)
        >>> bool(abs(model.effect(np.array([[2.0]]))[0] - 2.0) < 0.2)
        True
    """

    effect_model: Any = None
    average: AIPW = DEFAULT_AVERAGE

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "MetaLearnerModel":
        """Refused as AIPW refuses; otherwise effects of the units and a model for others."""
        models = _effect_models(study, self.effect_model)
        return _fitted(self, "X-learner", study, context, lambda f, u: _by_arm(u, lambda a: _crossed(f, u, a, models)))


@dataclass(frozen=True, kw_only=True)
class RLearner:
    """Residual: outcome residuals over treatment residuals, weighted by the square of the latter (Robinson's loss).

    Args:
        effect_model: regressor that takes sample weights, or several that are blended.
        average: the learner of nuisances and of the average effect.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=2000), rng.integers(0, 2, size=2000)
        >>> table = {"x": x, "t": t, "y": t * x + 0.1 * rng.normal(size=2000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = RLearner(effect_model=LinearRegression(), average=AIPW(n_folds=2)).fit(study)
        >>> bool(abs(model.effect(np.array([[2.0]]))[0] - 2.0) < 0.2)
        True
    """

    effect_model: Any = None
    average: AIPW = DEFAULT_AVERAGE

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "MetaLearnerModel":
        """Refused as AIPW refuses; otherwise effects of the units and a model for others."""
        models = _effect_models(study, self.effect_model)
        return _fitted(self, "R-learner", study, context, lambda f, u: _by_arm(u, lambda a: _residual(f, u, a, models)))


@dataclass(frozen=True, kw_only=True)
class DRLearner:
    """Doubly robust: the contrast of doubly robust outcomes, regressed on covariates.

    Args:
        effect_model: regressor of the contrast, or several that are blended.
        average: the learner of nuisances and of the average effect.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=2000), rng.integers(0, 2, size=2000)
        >>> table = {"x": x, "t": t, "y": t * x + 0.1 * rng.normal(size=2000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = DRLearner(effect_model=LinearRegression(), average=AIPW(n_folds=2)).fit(study)
        >>> bool(abs(model.effect(np.array([[2.0]]))[0] - 2.0) < 0.2)
        True
    """

    effect_model: Any = None
    average: AIPW = DEFAULT_AVERAGE

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "MetaLearnerModel":
        """Refused as AIPW refuses; otherwise effects of the units and a model for others."""
        models = _effect_models(study, self.effect_model)

        def contrast(fit: CrossFit, units: Ordered, a: int) -> Effects:
            return Effects(*regress(fit, units.score[:, a] - units.score[:, 0], models, level=True))

        return _fitted(self, "DR-learner", study, context, lambda f, u: _by_arm(u, lambda a: contrast(f, u, a)))


@dataclass(frozen=True, kw_only=True, eq=False)
class MetaLearnerModel:
    """What a meta-learner learned from a study; an `EffectModel`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> table = {"x": rng.normal(size=400), "t": np.arange(400) % 2, "y": rng.normal(size=400)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = TLearner(average=AIPW(n_folds=2)).fit(study)
        >>> model.method, model.unit_effects.shape, model.ate().name
        ('T-learner', (400,), '1 - 0')
    """

    learner: Any
    method: str
    average: AIPWModel
    effects: FloatArray = field(repr=False)  # (n, k - 1), out of fold
    predictors: tuple[Predictor, ...] = field(repr=False)  # (k - 1,)
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
        return replace(self.average.ate(), method=f"{self.method}, AIPW score", estimand=self.estimand)

    def arm_means(self) -> Estimate:
        """Mean outcome had everyone in the population been in each arm, (k,)."""
        return replace(self.average.arm_means(), estimand=self.estimand)

    def segment(self, rows: Any) -> Estimate:
        """Average effect of each arm against the first among some units: a mask or positions."""
        return replace(self.average.segment(rows), estimand=self.estimand)

    @property
    def unit_effects(self) -> FloatArray:
        """Out-of-fold effect of each of the study's units: (n,) for two arms, (n, k - 1) for more."""
        return one_column(self.effects)

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Effect given covariates (n, p), in the study's column order: (n,) for two arms, (n, k - 1) for more."""
        columns = sorted(range(len(self.study.covariate_names)), key=lambda j: self.study.covariate_names[j])
        X = checked_covariates(self.study, covariates)[:, columns]
        effects = np.stack([predictor.predict(X) for predictor in self.predictors], axis=1)
        return one_column(effects)

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: regressions by any estimator have no pointwise interval that holds."""
        del covariates, level
        raise NoInterval(
            f"the effect at a point, from a {self.method} with any regression, has no interval that holds its level",
            remedy="take CausalForest for pointwise intervals, best_linear_projection for a linear summary, or "
            "`segment` for the average effect of some units",
        )


def _fitted(learner: Any, method: str, study: Study, context: RunContext, effects: Method) -> MetaLearnerModel:
    average = learner.average.fit(study, context=context)
    units = in_order(average)
    fit = CrossFit(X=units.X, folds=units.folds, weight=units.weight, run=context.engine.map)
    with threads_for(study.n, context):
        found = effects(fit, units)
    return MetaLearnerModel(
        learner=learner,
        method=method,
        average=average,
        effects=units.restore(np.stack([one.out_of_fold for one in found], axis=1)),
        predictors=tuple(one.predictor for one in found),
    )


def _outcome_models(study: Study, given: Any) -> tuple[Any, ...]:
    defaults = default_outcome_classifiers if is_binary(study.outcome) else default_regressors
    return tuple(m.model if isinstance(m, Pooled) else m for m in candidates(given, defaults(study.n)))


def _effect_models(study: Study, given: Any) -> Sequence[Any]:
    *linear, trees = effect_candidates(study.n)
    curved = make_pipeline(AdditiveBasis(), RidgeCV(np.logspace(0, 6, 13)))
    return candidates(given, (*linear, curved, make_pipeline(Bins(), trees)))


def _by_arm(units: Ordered, one: Callable[[int], Effects]) -> list[Effects]:
    return [one(a) for a in range(1, units.outcome.shape[1])]


def _crossed(fit: CrossFit, units: Ordered, arm: int, models: Sequence[Any]) -> Effects:
    share = units.propensity[:, arm] / (units.propensity[:, arm] + units.propensity[:, 0])
    treated, from_treated = regress(fit, units.y - units.outcome[:, 0], models, units.arm == arm)
    control, from_control = regress(fit, units.outcome[:, arm] - units.y, models, units.arm == 0)
    _, chance = regress(fit, share, models)
    return Effects(
        share * control + (1.0 - share) * treated, Crossed(treated=from_treated, control=from_control, chance=chance)
    )


def _residual(fit: CrossFit, units: Ordered, arm: int, models: Sequence[Any]) -> Effects:
    part = centred(units, arm)
    ratio, square = np.zeros(len(units.y)), np.zeros(len(units.y))
    ratio[part.rows], square[part.rows] = part.y / part.w, part.w**2
    among = np.zeros(len(units.y), dtype=bool)
    among[part.rows] = True
    return Effects(*regress(fit, ratio, models, among, square, level=True))
