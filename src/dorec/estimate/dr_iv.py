"""DRIV: effects given covariates with an instrument, by a doubly robust score."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dorec.domain.errors import InputError, NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import checked_covariates, few_clusters_dof, weight_of
from dorec.estimate.best_linear_projection import projection
from dorec.estimate.checks import is_binary
from dorec.estimate.cross_fitting import Canonical, Units, canonical, fit_outcome, units_of
from dorec.estimate.diagnostics import influence_verdict, repeated_verdicts
from dorec.estimate.effect_regression import Predictor, regress
from dorec.estimate.heterogeneity import effect_candidates
from dorec.estimate.instrument_model import (
    check_for_folds,
    check_instruments_free,
    endogenous,
    instruments_of,
    strength_verdict,
    without_interval,
)
from dorec.estimate.nuisance import candidates, threads_for
from dorec.estimate.orthogonal_iv import check_variance_left, mean_given
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.k_class import effective_f

DEFAULT_CONTEXT = RunContext()
MANY = 0.05  # share of units that the instrument does not move enough from which the average has no interval


@dataclass(frozen=True, kw_only=True)
class DRIV:
    """Effects given covariates of a treatment that an instrument moves (Syrgkanis et al. 2019, arXiv:1905.10176).

    A first guess of the effect given the covariates is corrected by each unit's own residual, over how much the
    instrument moves the treatment there. The corrected scores are regressed on the covariates for effects of units, and
    their mean is the average over all units of the effect given their covariates, with an interval: the average effect
    where effects differ with the covariates alone, else the average of the effects on compliers of each kind.
    `linear_projection` says how the effect goes with some covariates, with intervals that hold.

    Args:
        n_folds: folds of the cross-fitting, 2 or more.
        outcome_model: regressor of a numeric outcome, classifier of one with two values; a list is blended.
        treatment_model: the same for the treatment.
        instrument_model: the same for the instrument.
        effect_model: regressor of the effects that takes sample weights; a list is blended.
        min_correlation: of treatment and instrument given the covariates; units with less count as if they had this.
        min_per_fold: units that each arm must have for each fold; of a dose, all units.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> rng = np.random.default_rng(0)
        >>> x, u, e = rng.normal(size=(3, 3000))
        >>> z = rng.normal(size=3000)
        >>> price = z + u + 0.5 * e
        >>> table = {"x": x, "z": z, "price": price, "sold": (x - 1.0) * price + 2.0 * u}
        >>> roles = dict(outcome="sold", treatment="price", covariates=["x"], instruments=["z"], continuous=True)
        >>> line = LinearRegression()
        >>> models = dict(outcome_model=line, treatment_model=line, instrument_model=line, effect_model=line)
        >>> model = DRIV(n_folds=2, **models).fit(Study.from_table(table, **roles))
        >>> np.abs(model.effect(np.array([[0.0], [2.0]])) - [-1.0, 1.0]).max() < 0.3
        np.True_
        >>> model.linear_projection(["x"]).value.round().tolist()
        [-1.0, 1.0]
    """

    n_folds: int = 5
    outcome_model: Any = None
    treatment_model: Any = None
    instrument_model: Any = None
    effect_model: Any = None
    min_correlation: float = 0.05
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        if self.n_folds < 2:
            raise InputError(f"n_folds is {self.n_folds}; give 2 or more.")
        if not 0 < self.min_correlation < 1:
            raise InputError(f"min_correlation is {self.min_correlation}; give a number between 0 and 1, as in 0.05.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "DRIVModel":
        """The corrected score of each unit, and its regression on the covariates.

        Raises:
            InputError: there is not one instrument, or the treatment has more than two arms.
            NoOverlap: the covariates tell the instrument.
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment: the table can't be used.
        """
        units = units_of(study)
        check_for_folds(study, units, n_folds=self.n_folds, min_per_fold=self.min_per_fold)
        D, names = endogenous(study)
        Z = instruments_of(study, 1)
        if D.shape[1] != 1 or Z.shape[1] != 1:
            raise InputError(
                f"The study has {D.shape[1]} contrast(s) of {study.treatment_name!r} and {Z.shape[1]} instruments; "
                "DRIV takes one of each. Compare two arms, or take OrthogonalIV."
            )
        check_instruments_free(study, Z)
        with threads_for(study.n, context):
            at = canonical(study, units, n_folds=self.n_folds, repeat=0, context=context)
            left = self._left(study, at, D[:, 0], Z[:, 0])
            check_variance_left(study, Z, left.instrument[:, None])
            models = candidates(self.effect_model, effect_candidates(study.n))
            together, clipped = self._together(at, left, models)
            score = corrected_effects(left, self._first_guess(at, left, models), together)
            effects, predictor = regress(at.fit, at.of(score), models, level=True)
        root = np.sqrt(weight_of(study))
        return DRIVModel(
            learner=self,
            study=study,
            units=units,
            name=names[0],
            effect_scores=score,
            effects=np.asarray(at.restored(effects)),
            predictor=predictor,
            folds=np.asarray(at.restored(at.fit.folds)),
            strength=effective_f(root * left.treatment, (root * left.instrument)[:, None], units.groups),
            clipped=clipped,
            context=context,
        )

    def _left(self, study: Study, at: Canonical, d: FloatArray, z: FloatArray) -> "Left":
        r = mean_given(at, z, self.instrument_model)
        y = study.outcome - mean_given(at, study.outcome, self.outcome_model)
        if not is_binary(z):
            p = mean_given(at, d, self.treatment_model)
            wide = replace(at, fit=replace(at.fit, X=np.column_stack([at.fit.X, at.of(z)])))
            return Left(y, d - p, z - r, mean_given(wide, d, self.treatment_model) - p, None)
        low, span = float(z.min()), float(np.ptp(z))
        share, code = (r - low) / span, (z > low).astype(np.int64)
        by_value = at.restored(fit_outcome(at.fit, at.of(d), at.of(code), self.treatment_model))
        moved = by_value[:, 1] - by_value[:, 0]
        p = by_value[:, 0] + share * moved
        return Left(y, d - p, z - r, (code - share) * moved, span * share * (1.0 - share) * moved)

    def _together(self, at: Canonical, left: "Left", models: Sequence[Any]) -> tuple[FloatArray, float]:
        """E[treatment x instrument | covariates] of what is left of both, kept off zero, and how many were moved."""
        found = left.together
        if found is None:
            found = np.asarray(at.restored(regress(at.fit, at.of(left.treatment * left.instrument), models)[0]))
        sign = 1.0 if np.mean(left.treatment * left.instrument) >= 0 else -1.0
        floor = self.min_correlation * float(left.treatment.std() * left.instrument.std())
        return sign * np.maximum(sign * found, floor), float((sign * found < floor).mean())

    def _first_guess(self, at: Canonical, left: "Left", models: Sequence[Any]) -> FloatArray:
        """Out-of-fold effects from outcomes on what the instrument moves of the treatment (DMLIV)."""
        moved = left.moved
        enough = np.abs(moved) > 1e-6 * (float(np.abs(moved).max()) or 1.0)
        ratio = np.divide(left.outcome, moved, out=np.zeros_like(moved), where=enough)
        return np.asarray(at.restored(regress(at.fit, at.of(ratio), models, at.of(enough), at.of(moved) ** 2)[0]))


@dataclass(frozen=True, eq=False)
class Left:
    """What the covariates leave, each (n,)."""

    outcome: FloatArray
    treatment: FloatArray
    instrument: FloatArray
    moved: FloatArray  # of the treatment by the instrument
    together: FloatArray | None  # expected product of treatment and instrument, where it follows from the others


@dataclass(frozen=True, kw_only=True, eq=False)
class DRIVModel:
    """What `DRIV` learned from a study.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> rng = np.random.default_rng(0)
        >>> z, u = rng.integers(0, 2, 2000), rng.random(2000)
        >>> t = np.where(u < 0.7, z, u > 0.9).astype(int)
        >>> table = {"x": rng.normal(size=2000), "z": z, "t": t, "y": t + 3 * u}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"], instruments=["z"])
        >>> model = DRIV(n_folds=2, outcome_model=LinearRegression(), effect_model=LinearRegression()).fit(study)
        >>> abs(model.ate().value - 1.0) < 3 * model.ate().std_error
        True
    """

    learner: DRIV
    study: Study
    units: Units
    name: str
    effect_scores: FloatArray  # (n,), whose mean given covariates is the effect given them
    effects: FloatArray = field(repr=False)  # (n,), out of fold
    predictor: Predictor = field(repr=False)
    folds: IntArray  # (n,)
    strength: float  # F of the first stage
    clipped: float  # share of units whom the instrument hardly moves
    context: RunContext = field(repr=False)
    estimand: str = ""

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first; empty for a dose."""
        return self.study.arms

    def ate(self) -> Estimate:
        """The average over all units of the effect given their covariates."""
        return replace(self._average(np.ones(self.study.n)), verdicts=self.verdicts, no_interval=self._no_interval)

    def segment(self, rows: Any) -> Estimate:
        """The same average over some units: a mask or positions."""
        inside = np.zeros(self.study.n)
        inside[rows] = 1.0
        if not inside.any():
            raise InputError("The segment holds no unit; give a mask or positions with at least one.")
        return replace(self._average(inside), no_interval=self._no_interval)

    @property
    def scores(self) -> FloatArray:
        """The score of each unit, (n,): its mean, by the study's weights, is the average effect."""
        return self.effect_scores

    @property
    def unit_effects(self) -> FloatArray:
        """Out-of-fold effect of each of the study's units, (n,)."""
        return self.effects

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Effect given covariates (n, p), in the study's column order, (n,)."""
        columns = sorted(range(len(self.study.covariate_names)), key=lambda j: self.study.covariate_names[j])
        return self.predictor.predict(checked_covariates(self.study, covariates)[:, columns])

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: regressions of the score have no pointwise interval that holds."""
        del covariates, level
        raise NoInterval(
            "the effect at a point, from scores regressed on the covariates, has no interval that holds its level",
            remedy="take linear_projection(columns), or segment(rows) for the average effect of some units",
        )

    def linear_projection(self, columns: Sequence[str] | None = None) -> Estimate:
        """The linear function of covariates that is closest to the effect, (1 + columns,), with intervals that hold.

        Raises:
            InputError: a name is no covariate of the study.
            Collinear, TooFewUnits: the columns can't be told apart.
        """
        names = self.study.covariate_names if columns is None else tuple(columns)
        unknown = [name for name in names if name not in self.study.covariate_names]
        if unknown:
            known = ", ".join(self.study.covariate_names)
            raise InputError(f"{unknown[0]!r} is no covariate of the study. Covariates: {known}.")
        X = self.study.covariates[:, [self.study.covariate_names.index(name) for name in names]]
        value, influence = projection(X, self.effect_scores[:, None], self.study.weight)
        labels = ("effect where all are 0", *(f"effect for one more of {name}" for name in names))
        found = self._estimate(value[:, 0], influence[:, :, 0], labels)
        return replace(found, no_interval=self._no_interval)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Strength of the instrument, units whom it hardly moves, units that dominate or repeat."""
        many = self.clipped > MANY
        moved = Verdict(
            check="instrument moves everyone",
            status="warning" if many else "passed",
            code="unmoved_units" if many else "",
            statistic=self.clipped,
            meaning=f"for {self.clipped:.1%} of the units the instrument hardly moves the treatment, given covariates",
            remedy="Their effects are guesses: ask InteractiveIV or OrthogonalIV, whose value leaves them out."
            if many
            else "",
        )
        influence = np.asarray(self._average(np.ones(self.study.n)).influence)
        dominated = influence_verdict(influence[:, None], self.units.groups)
        found = (strength_verdict(self.strength, self.study), moved, dominated)
        return (*(v for v in found if v is not None), *repeated_verdicts(self.study, self.units))

    @property
    def _no_interval(self) -> str:
        weak = without_interval(self.strength, "anderson_rubin of OrthogonalIV")
        if weak or self.clipped <= MANY:
            return weak
        return (
            f"the instrument hardly moves the treatment of {self.clipped:.0%} of the units, whose effects are guesses"
        )

    def _average(self, inside: FloatArray) -> Estimate:
        mass = weight_of(self.study) * inside
        mass = mass / mass.mean()
        value = float(np.mean(mass * self.effect_scores))
        return self._estimate(value, mass * (self.effect_scores - value), self.name)

    def _estimate(self, value: Any, influence: FloatArray, name: str | tuple[str, ...]) -> Estimate:
        return Estimate(
            value,
            influence,
            name=name,
            method="DRIV",
            estimand=self.estimand,
            sample=self.study.sample,
            cluster=self.units.cluster,
            dof=few_clusters_dof(self.units.cluster),
        )


def corrected_effects(left: Left, guess: FloatArray, together: FloatArray) -> FloatArray:
    """The doubly robust score of the effect, (n,): right where the guess or `together` is.

    >>> one = np.ones(2)
    >>> corrected_effects(Left(3 * one, one, one, one, None), 2 * one, one).tolist()
    [3.0, 3.0]
    """
    return np.asarray(guess + (left.outcome - guess * left.treatment) * left.instrument / together)
