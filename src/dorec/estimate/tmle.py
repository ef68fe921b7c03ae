"""TMLE: targeted maximum likelihood, one step that makes the outcome model unbiased for the average effect."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from dorec.domain.errors import InputError
from dorec.domain.query import Population
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.average_effect import AverageEffectModel, check_population, floor_of, member_of, weight_of
from dorec.estimate.checks import check_study
from dorec.estimate.cross_fitting import comparable_nuisances, units_of
from dorec.estimate.diagnostics import overlap_of
from dorec.estimate.scores import imputed_means, tilt
from dorec.numeric.arrays import FloatArray

DEFAULT_CONTEXT = RunContext()
EDGE = 5e-4  # predictions of the outcome, as a share of its range, stay this far from its ends


@dataclass(frozen=True, kw_only=True)
class TMLE:
    """Average effects by targeting (van der Laan, Rubin 2006, doi:10.2202/1557-4679.1043; Gruber, van der Laan 2010).

    The outcome is scaled to its range, and the cross-fitted outcome model of each arm is shifted on the logit scale, by
    one number that a regression weighted by inverse propensities finds. The result is an average of predictions, so
    it never leaves the range of the outcome, and it is doubly robust, as AIPW's is.

    Args:
        n_folds: folds of the cross-fitting, 2 or more.
        outcome_model: regressor of a numeric outcome, classifier of one with two values; a list is blended.
        propensity_model: classifier of the arms; a list is blended. Not used where the propensities are known.
        min_propensity: estimated propensities are raised to this floor (less where an arm is rare).
        population: whose average: all units, the treated, the control.
        min_per_fold: units that each arm must have for each fold.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=800)
        >>> t = (rng.random(800) < 1 / (1 + np.exp(-x))).astype(int)
        >>> table = {"x": x, "t": t, "y": 2.0 * t + 3.0 * x + rng.normal(size=800)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> effect = TMLE(n_folds=3).fit(study).ate()
        >>> effect.method, abs(effect.value - 2.0) < 0.3
        ('TMLE', True)
    """

    n_folds: int = 5
    outcome_model: Any = None
    propensity_model: Any = None
    min_propensity: float = 0.01
    population: Population = "all"
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        check_population(self.population)
        if self.n_folds < 2:
            raise InputError(f"n_folds is {self.n_folds}; give 2 or more.")
        if not 0 <= self.min_propensity < 0.5:
            raise InputError(f"min_propensity is {self.min_propensity}; give a number from 0 to below 0.5.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> AverageEffectModel:
        """Nuisances, targeted predictions, arm means and diagnostics of a study.

        Raises:
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
        """
        units = units_of(study)
        check_study(study, n_folds=self.n_folds, min_per_fold=self.min_per_fold, groups=units.groups)
        weight, floor = weight_of(study), floor_of(study, self.min_propensity)
        nuisances = comparable_nuisances(
            study,
            units,
            n_folds=self.n_folds,
            models=(self.outcome_model, self.propensity_model),
            floor=floor,
            trimmed=self.population != "all",
            context=context,
        )
        e = nuisances.propensity
        taken = np.eye(e.shape[1])[study.treatment]
        balance = taken * tilt(e, self.population)[0][:, None] / e
        mu = targeted(study.outcome, nuisances.outcome, weight[:, None] * balance)
        return AverageEffectModel(
            learner=self,
            method="TMLE",
            study=study,
            units=units,
            means=imputed_means(study.outcome, mu, balance, member_of(study, self.population), weight),
            pseudo_outcomes=mu + taken / e * (study.outcome[:, None] - mu),
            folds=nuisances.folds,
            overlap=overlap_of(e, study.treatment, study.arms, floor),
            context=context,
        )


def targeted(y: FloatArray, mu: FloatArray, balance: FloatArray) -> FloatArray:
    """Predictions (n, k) shifted on the logit scale until the balanced residuals of each arm sum to zero.

    Example:
        >>> y, balance = np.array([0.0, 1.0, 1.0, 0.0]), np.array([[1.0], [1.0], [2.0], [0.0]])
        >>> targeted(y, np.full((4, 1), 0.5), balance).round(3).ravel().tolist()
        [0.75, 0.75, 0.75, 0.75]
    """
    low, width = float(y.min()), float(np.ptp(y))
    if width == 0:
        return np.full_like(mu, low)
    share = (y - low) / width
    start = logit(np.clip((mu - low) / width, EDGE, 1.0 - EDGE))
    out = np.empty_like(mu)
    for a in range(mu.shape[1]):
        inside = balance[:, a] > 0
        out[:, a] = expit(start[:, a] + _shift(share[inside], start[inside, a], balance[inside, a]))
    return low + width * out


def _shift(share: FloatArray, start: FloatArray, balance: FloatArray) -> float:
    """The root of the balanced residuals, which fall as the shift grows: Newton's steps, kept between bisected ends."""
    lower, upper, shift = -40.0, 40.0, 0.0
    for _ in range(200):
        p = expit(start + shift)
        residual = float(balance @ (share - p))
        lower, upper = (shift, upper) if residual > 0 else (lower, shift)
        slope = float(balance @ (p * (1.0 - p)))
        step = residual / slope if slope > 0 else np.inf
        nearer = shift + step
        nearer = nearer if lower < nearer < upper else (lower + upper) / 2
        if abs(nearer - shift) <= 1e-14 * (1.0 + abs(shift)):
            break
        shift = nearer
    return shift
